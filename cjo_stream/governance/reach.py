"""The reach of a change beyond its own document: journeys, and actions that compete with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from cjo_stream.core.command.coverage import covers_candidate
from cjo_stream.core.expression import Expression
from cjo_stream.core.program.action import Candidate
from cjo_stream.core.program.journey import Act, Decide, Journey
from cjo_stream.core.program.program import Program
from cjo_stream.governance.difference import Difference

_SHAPE: Final = frozenset(("template", "payload", "expires", "owner", "about"))
"""Parts of an action that change nothing for the choice among actions."""


def reached(one: Difference, before: Program, after: Program) -> list[str]:
    """Return the journeys, by name, that a change outside a journey may concern.

    A cap, a limit or a lever concerns those that ask for an action that it covers; a fact or a
    trait those that read it, or ask for an action that does; an identifier rule all.
    """
    if one.kind == "journey":
        return []
    return sorted(
        {
            name
            for program in (before, after)
            for name, journey in program.journeys.items()
            if _is(one, journey, program)
        }
    )


def rivals(one: Difference, before: Program, after: Program) -> dict[str, list[str]]:
    """Return the actions of other owners that a changed action competes with, by owner.

    Two actions compete where a `decide` judges both. What only shapes the message is no change for
    others.
    """
    if one.kind != "action" or any(step[0] in _SHAPE for step in one.part):
        return {}
    found: dict[str, set[str]] = {}
    for program in (before, after):
        for journey in program.journeys.values():
            for part in _below(journey):
                asked = part.candidates if isinstance(part, Decide) else ()
                actions = {each.action.name: each.action for each in asked}
                mine = actions.get(one.name)
                for name, action in actions.items():
                    if mine is not None and action.owner not in (None, mine.owner):
                        found.setdefault(action.owner, set()).add(name)
    return {owner: sorted(names) for owner, names in sorted(found.items())}


def _is(one: Difference, journey: Journey, program: Program) -> bool:
    asked = list(_asked(journey))
    if one.kind == "action":
        return any(candidate.action.name == one.name for candidate in asked)
    word, *names = one.part[0] if one.part else ("",)
    name = names[-1] if names else ""
    if word in ("fact", "trait"):
        return _reads(journey, name) or any(_reads(each.action, name) for each in asked)
    if word in ("identifier", "blocked"):
        return True
    if one.kind in ("topology", "measure"):
        return False
    return any(_covers(word, names, candidate, program) for candidate in asked)


def _covers(word: str, names: list[str], candidate: Candidate, program: Program) -> bool:
    """Return whether a part of the policy judges a candidate."""
    action = candidate.action
    if word == "cap":
        rules = [cap for cap in program.policy.caps if cap.rule == names[-1]]
        return any(covers_candidate(rule.coverage, action, candidate.channel) for rule in rules)
    if word == "lever":
        return names[-1] == (action.issue if names[0] == "issue" else action.group)
    if word == "consent":
        return str(action.class_) == names[-1]
    return True


def _asked(journey: Journey) -> Iterator[Candidate]:
    """Yield the candidates that a journey's steps ask for."""
    for part in _below(journey):
        if isinstance(part, Act | Decide):
            yield from part.candidates


def _reads(whole: Any, name: str) -> bool:
    """Return whether an expression of a journey or an action reads `profile.NAME`."""
    return any(
        isinstance(part, Expression) and ("profile", name) in part.reads for part in _below(whole)
    )


def _below(whole: Any) -> Iterator[Any]:
    """Yield a part of a program and all its parts; of a request, not the portfolio."""
    yield whole
    if isinstance(whole, Expression):
        return
    inner: Any = ()
    if isinstance(whole, msgspec.Struct):
        fields = (name for name in whole.__struct_fields__ if name != "candidates")
        inner = [getattr(whole, name) for name in fields]
    elif isinstance(whole, dict):
        inner = whole.values()
    elif isinstance(whole, list | tuple):
        inner = whole
    for part in inner:
        yield from _below(part)
