"""Advice on journeys that one event opens for the same customer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from cjo_stream.core.expression import Expression
from cjo_stream.core.program.journey import Entry
from cjo_stream.core.program.policy import Policy
from cjo_stream.definition.advice.action import asked
from cjo_stream.definition.advice.condition import can_hold, one_of
from cjo_stream.definition.advice.reach import Reach
from cjo_stream.definition.code import Code
from cjo_stream.definition.rule import Key
from cjo_stream.definition.text.node import Node
from cjo_stream.definition.text.report import Report, quoted

_LISTED_MAX: Final = 5


def advise_on_rivals(
    nodes: Mapping[Key, Node], found: Collection[Reach], policy: Policy, report: Report
) -> None:
    """Report journeys with the same entry, and those that compete for caps; each pair once."""
    found = [one for one in found if one.is_entered]
    caps = {one.journey.name: _caps(one) for one in found}
    for number, one in enumerate(found):
        name, entry = one.journey.name, one.journey.entry
        same: list[str] = []
        rivals: list[str] = []
        shared: set[int] = set()
        for other in (earlier.journey for earlier in found[:number]):
            common = entry.on & other.entry.on
            if _is_same(entry, other.entry):
                same.append(other.name)
            elif caps[name] & caps[other.name] and _may_both_open(entry, other.entry, common):
                rivals.append(f"{quoted(other.name)} by {', '.join(sorted(common))}")
                shared |= caps[name] & caps[other.name]
        node = nodes["entry", name]
        if same:
            message = f"this journey has the same entry as {_listed(map(quoted, same))}"
            what = "each event opens both: join them, or tell them apart by 'when'"
            report.advise(node, Code.SAME_ENTRY, f"{message}; {what}")
        if rivals:
            rules = _listed(quoted(policy.caps[place].rule) for place in sorted(shared))
            message = (
                f"this journey competes with {_listed(rivals)}: such an event can open both for "
                f"one customer, and the same caps count their messages ({rules})"
            )
            what = "let their 'when' exclude each other, or 'decide' among their actions"
            report.advise(node, Code.COMPETE, f"{message}; {what}")


def _caps(found: Reach) -> frozenset[int]:
    return frozenset(place for one in asked([found]).values() for place in one.caps)


def _is_same(one: Entry, other: Entry) -> bool:
    return one.on == other.on and all(
        _meaning(mine) == _meaning(theirs)
        for mine, theirs in ((one.when, other.when), (one.key, other.key))
    )


def _may_both_open(one: Entry, other: Entry, common: frozenset[str]) -> bool:
    return bool(common) and can_hold([one.when, other.when], [one_of("event.type", common)])


def _meaning(expression: Expression | None) -> str | None:
    return None if expression is None else expression.meaning


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    more = ", …" if len(found) > _LISTED_MAX else ""
    return ", ".join(found[:_LISTED_MAX]) + more
