"""The results of a run, counted from its files: journeys, actions, candidates stopped by gates."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec

from cjo_stream.core.catalogue import ACTION, DECISION, FILES, TRANSITION
from cjo_stream.core.record import Transition


class JourneySummary(msgspec.Struct):
    """The instances of one journey, counted."""

    entered: int = 0
    goals: int = 0
    ends: dict[str, int] = {}
    """By outcome."""


def journeys(out: Path) -> dict[str, JourneySummary]:
    """Return the counts of each journey's instances, from the transitions written to `out`."""
    decode = msgspec.json.Decoder(Transition).decode
    found: dict[str, JourneySummary] = {}
    with (out / FILES[TRANSITION.name]).open("rb") as lines:
        for transition in map(decode, lines):
            of = found.setdefault(transition.journey, JourneySummary(ends={}))
            if transition.reason == "entered":
                of.entered += 1
            elif transition.reason == "goal":
                of.goals += 1
            elif transition.outcome is not None:
                of.ends[transition.outcome] = of.ends.get(transition.outcome, 0) + 1
    return dict(sorted(found.items()))


class _Sent(msgspec.Struct):
    """The fields of an action command that are counted."""

    action: str
    channel: str


def actions(out: Path) -> dict[str, dict[str, int]]:
    """Return the commands written to `out`, by channel and action."""
    decode = msgspec.json.Decoder(_Sent).decode
    with (out / FILES[ACTION.name]).open("rb") as lines:
        counted = Counter((sent.channel, sent.action) for sent in map(decode, lines))
    found: dict[str, dict[str, int]] = {}
    for (channel, action), number in sorted(counted.items()):
        found.setdefault(channel, {})[action] = number
    return found


class _Candidate(msgspec.Struct):
    action: str
    gate: str | None
    rule: str | None = None


class _Decision(msgspec.Struct):
    """The field of a decision record that is counted."""

    candidates: list[_Candidate]


class GateSummary(msgspec.Struct):
    """Candidates that one gate stopped, by issue of the action and by the rule that stopped it."""

    candidates: int = 0
    issues: dict[str, int] = {}
    rules: dict[str, int] = {}


def gates(out: Path, issues: dict[str, str | None]) -> dict[str, GateSummary]:
    """Return the candidates that each gate stopped; `issues` is the issue of each action."""
    decode = msgspec.json.Decoder(_Decision).decode
    stopped: Counter[tuple[str, str, str]] = Counter()
    with (out / FILES[DECISION.name]).open("rb") as lines:
        for decision in map(decode, lines):
            for one in decision.candidates:
                if one.gate is not None:
                    stopped[one.gate, issues.get(one.action) or "none", one.rule or ""] += 1
    found: dict[str, GateSummary] = {}
    for (gate, issue, rule), number in sorted(stopped.items()):
        of = found.setdefault(gate, GateSummary(issues={}, rules={}))
        of.candidates += number
        of.issues[issue] = of.issues.get(issue, 0) + number
        if rule:
            of.rules[rule] = of.rules.get(rule, 0) + number
    return found
