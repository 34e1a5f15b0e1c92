"""`cjo-stream demo`: simulated people and a bundled topology, in a loop, embedded and durable.

The state folder makes it safe to kill: started again with the same numbers, it goes on.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from cjo_stream.core.record import Transition
from cjo_stream.definition import DefinitionSet
from cjo_stream.embedded.installation import open_installation
from cjo_stream.embedded.loop import People, Span, converse
from cjo_stream.embedded.output import NAMES, SUMMARY
from cjo_stream.embedded.run import Progress, Summary, finish
from cjo_stream.engine.port import Decode


class JourneyFigures(msgspec.Struct):
    """What became of one journey's instances."""

    entered: int = 0
    goals: int = 0
    ends: dict[str, int] = {}
    """By outcome."""


class DemoResult(msgspec.Struct):
    """What the demo prints at its end."""

    summary: Summary
    journeys: dict[str, JourneyFigures]
    actions: dict[str, dict[str, int]]
    """By channel, then action."""


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

    `lane` names the traffic: a demo that was killed goes on behind what it has taken of it.
    """
    state = out / "state"
    if (out / SUMMARY).exists():
        shutil.rmtree(state, ignore_errors=True)  # the last demo came to its end: a new one
    began = time.monotonic()
    with open_installation(definitions, out, state=state, force=True) as installation:
        converse(installation, lane, people, decode, out, span, report)
        summary = finish(installation, time.monotonic() - began)
    return DemoResult(summary, journeys(out), actions(out))


def journeys(out: Path) -> dict[str, JourneyFigures]:
    """Return the figures of each journey, by name, from the transitions written to `out`."""
    decode = msgspec.json.Decoder(Transition).decode
    figures: dict[str, JourneyFigures] = {}
    with (out / NAMES["transition"]).open("rb") as lines:
        for transition in map(decode, lines):
            of = figures.setdefault(transition.journey, JourneyFigures(ends={}))
            if transition.reason == "entered":
                of.entered += 1
            elif transition.reason == "goal":
                of.goals += 1
            elif transition.outcome is not None:
                of.ends[transition.outcome] = of.ends.get(transition.outcome, 0) + 1
    return dict(sorted(figures.items()))


class _Sent(msgspec.Struct):
    """What the demo counts of an action command."""

    action: str
    channel: str


def actions(out: Path) -> dict[str, dict[str, int]]:
    """Return the commands written to `out`, by channel and action."""
    decode = msgspec.json.Decoder(_Sent).decode
    with (out / NAMES["action"]).open("rb") as lines:
        counted = Counter((sent.channel, sent.action) for sent in map(decode, lines))
    figures: dict[str, dict[str, int]] = {}
    for (channel, action), number in sorted(counted.items()):
        figures.setdefault(channel, {})[action] = number
    return figures
