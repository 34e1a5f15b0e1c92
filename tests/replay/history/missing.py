"""What a history must contain, and what a history or a walk lacks of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from tests.replay.history import folder
from tests.replay.history.contents import (
    ALL,
    KINDS_OF_KEYS,
    RECORDS,
    SENT,
    STORED,
    met_in,
    met_in_checkpoint,
    met_in_effects,
    met_in_log,
    met_in_state,
    met_in_store,
)
from tests.replay.history.kept import PARTITIONS, History, Run
from tests.replay.history.layout import fields_of
from tests.replay.history.walk import Walk

CUT: Final = "only of a record of over 900,000 bytes"
NO_REASON: Final = "no customer or identifier gives it there: the type has all reasons there are"
NEVER: Final = {
    "Action.cut": CUT,
    "Decision.cut": CUT,
    "Decision.suppressed=shadow": "no journey of the walk is in shadow",
    "Denied.reason=busy": NO_REASON,
    "Denied.reason=cannot_link": NO_REASON,
    "Denied.reason=erased": NO_REASON,
    "Denied.reason=stale": NO_REASON,
    "Governance.interval": "only of a hundred customers on each side of a canary",
    "IdentityChange.cut": CUT,
    "Manifest.version": "is the number of whoever writes",
    "Meta.behaviour": "is the number of whoever writes",
    "Meta.live_by_state": "only an earlier release wrote it",
    "Profile.cut": CUT,
    "Reject.reason=erased": NO_REASON,
    "Reject.reason=shared": NO_REASON,
    "Reply.cut": CUT,
    "Transition.cut": CUT,
    "Trial.letters": "nothing fails in a walk",
}
"""What no history has, and why."""
SELDOM: Final = {"Denied.reason=limit", "Drop.reason=moved", "Transition.reason=refused"}
"""Words that few walks meet; the fields that they stand in are met by other words."""
AT_THE_END: Final = {"Meta.clean"}
"""Written by a process that stops; a walk does not stop its tasks."""


def met_in_run(run: Run) -> set[str]:
    """Return what is met in the state folder of the run that was killed."""
    with tempfile.TemporaryDirectory() as place:
        folder.write_files(run.left, Path(place))
        return set(met_in_state(Path(place) / folder.STATE))


def missing_in(history: History) -> set[str]:
    """Return the fields, words and kinds that a history lacks, and those of NEVER that it has."""
    with tempfile.TemporaryDirectory() as place:
        folder.write_files(history.checkpoint, Path(place))
        checkpoint = set(met_in_checkpoint(f"{place}/checkpoints", folder.CHECKPOINTS))
    met = met_in(history) | met_in_run(history.run) | checkpoint
    wanted = fields_of(*ALL) | set(KINDS_OF_KEYS)
    return ((wanted - met) ^ set(NEVER)) - SELDOM


def missing_in_walk(walk: Walk, in_run: set[str]) -> set[str]:
    """Return what a history made of a walk would lack in its logs, its stores and its run.

    It takes about a second; the whole history takes fifteen.
    """
    met = set(in_run)
    for number in range(PARTITIONS):
        met.update(met_in_store(list(dict.fromkeys(walk.stores[number].written))))
        met.update(met_in_log([record.value for record in walk.logs[number]]))
        met.update(met_in_effects(walk.effects[number]))
    wanted = fields_of(*STORED, *SENT, *RECORDS) | set(KINDS_OF_KEYS)
    return ((wanted - met) ^ (set(NEVER) & wanted)) - SELDOM - AT_THE_END
