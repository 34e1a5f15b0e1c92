"""`cjo-stream demo`: simulated people and a bundled topology, in a loop, embedded and durable.

A killed demo goes on from its state folder when it is started again with the same numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from cjo_stream.definition import DefinitionSet
from cjo_stream.embedded.delivery import run_destination
from cjo_stream.embedded.installation import open_installation
from cjo_stream.embedded.loop import People, Span, converse
from cjo_stream.embedded.output import SUMMARY, lost
from cjo_stream.embedded.progress import Progress
from cjo_stream.embedded.run import Summary, finish
from cjo_stream.embedded.state import StateFolder, clear
from cjo_stream.embedded.summary import GateSummary, JourneySummary, actions, gates, journeys
from cjo_stream.engine.port import Decode
from cjo_stream.settings import DEMO_TENANT_KEY


class DemoResult(msgspec.Struct):
    """The results of a demo, printed at its end."""

    summary: Summary
    journeys: dict[str, JourneySummary]
    actions: dict[str, dict[str, int]]
    """By channel, then action."""
    gates: dict[str, GateSummary]


def demo(
    definitions: DefinitionSet,
    people: People,
    decode: Decode,
    out: Path,
    *,
    lane: str,
    span: Span,
    report: Callable[[Progress], None] | None = None,
) -> DemoResult:
    """Run `people` through `definitions`; the files go to `out`, the state to `out/state`.

    `lane` names the traffic: a killed demo goes on behind the last event it has processed. A demo
    that had come to its end, or whose files have lost something, begins anew.
    """
    state = out / "state"
    if (out / SUMMARY).exists() or not _goes_on(state, out):
        clear(state)
    began = time.monotonic()
    with open_installation(
        definitions, out, state=state, force=True, tenant_key=DEMO_TENANT_KEY.encode()
    ) as installation:
        converse(installation, lane, people, decode, out, span, report)
        summary = finish(installation, time.monotonic() - began)
    issues = {action.name: action.issue for action in definitions.program.actions.values()}
    return DemoResult(summary, journeys(out), actions(out), gates(out, issues))


def _goes_on(state: Path, out: Path) -> bool:
    """Return whether a killed demo's files still have all the commands that people received."""
    with closing(StateFolder(state, is_new=True)) as folder:
        noted = folder.log.note(run_destination(out).note)
    return not (noted and lost(out, noted))
