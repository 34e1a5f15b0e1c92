"""Who an event is about, under any interleaving: the invariants of the identity protocol.

Small random histories, each from one seed, through real tasks that crash, come back from old
checkpoints and live on as zombies; an oracle of its own looks at every step and at the end.
CJO_IDENTITY_SEEDS sets how many histories of each kind (default 50); `make identity SEEDS=...`
runs more of them, and `make identity SEED=7` one again.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Final

import pytest

from cjo_stream.core import actor
from cjo_stream.core.identity import change, merge
from cjo_stream.core.message import Drop, Link, Propose
from cjo_stream.core.standing import CHANGING
from cjo_stream.errors import InvariantError
from tests.simulation.identity import (
    ANYTHING,
    ERASED,
    FREE,
    KINDS,
    LIMITED,
    PARTED,
    SHARED,
    SLIDING,
    UNMERGED,
    Kind,
    live,
)
from tests.simulation.identity_oracle import check

SEEDS = int(os.environ.get("CJO_IDENTITY_SEEDS", "50"))
CHUNK = 50
MEETS: dict[Kind, tuple[str, ...]] = {
    FREE: ("Absorb", "Rebind"),
    LIMITED: ("Absorb", "Reject"),
    SLIDING: ("Absorb", "Reject"),
    SHARED: ("Absorb", "Reject"),
    ERASED: ("Absorb", "Reject", "Forget", "Tie"),
    UNMERGED: ("Absorb", "Reject", "Forget", "Tie", "Seed", "Reseed"),
    PARTED: ("Absorb", "Reject", "Tie", "Seed", "Reseed", "Seeded"),
    ANYTHING: ("Absorb", "Drop", "Forget", "Tie", "Seed", "Reseed"),
}
"""What each chunk of a kind must have met, or it proves nothing."""
DROPPED: Final = (64, 71, 98, 114, 127, 128)
"""Of the histories of SHARED, in which one of twenty has a Drop, some that had one."""


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_invariants_hold_whatever_crashes_and_in_any_order(kind: Kind, first: int) -> None:
    met: Counter[str] = Counter()
    crashes = 0
    for seed in range(first, min(first + CHUNK, SEEDS)):
        mesh, history = live(seed, kind)
        met += check(mesh, history).counts
        crashes += mesh.crashes
    assert crashes > CHUNK
    assert not [message for message in MEETS[kind] if not met[message]]


def test_an_identifier_that_becomes_shared_is_dropped_by_its_customer() -> None:
    met: Counter[str] = Counter()
    for seed in DROPPED:
        met += check(*live(seed, SHARED)).counts
    assert met["Drop"] > 1


def test_without_freezing_the_invariants_break(monkeypatch: pytest.MonkeyPatch) -> None:
    for message in (Link, Propose, Drop):
        at_once = {**actor.OF_CUSTOMERS[message], **dict.fromkeys(CHANGING, change.on_change)}
        monkeypatch.setitem(actor.OF_CUSTOMERS, message, at_once)
    assert failures(LIMITED, 60) > 3


def test_without_judging_the_limits_break(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "breaks_limit", lambda *judged: False)
    assert failures(LIMITED, 30) > 3


def failures(kind: Kind, seeds: int) -> int:
    """Return how many of the first seeds break a promise."""
    failed = 0
    for seed in range(seeds):
        try:
            check(*live(seed, kind))
        except (AssertionError, InvariantError):
            failed += 1
    return failed
