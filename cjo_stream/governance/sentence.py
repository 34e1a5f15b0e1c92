"""A plan in sentences, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from cjo_stream.core.program.program import Program
from cjo_stream.engine.prospect import Fated, Left, timer_name
from cjo_stream.governance.difference import Difference
from cjo_stream.governance.plan import Plan
from cjo_stream.governance.reach import reached, rivals

_SHOWN_MAX: Final = 60
_NAMES_MAX: Final = 3
_WITHOUT_ENTRY: Final = {
    "paused": (
        "stays and waits: events, goals and timers do nothing until it goes on",
        "stay and wait: events, goals and timers do nothing until it goes on",
    ),
    "draining": ("stays and finishes", "stay and finish"),
}
"""Statuses in which nobody enters, and what becomes of one who is inside, and of several."""
_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))


def sentences(plan: Plan) -> Iterator[str]:
    """Yield a plan's sentences: the differences, their reach, the impact on customers.

    Instances that stay are listed by state for journeys that change, and counted for the others.
    """
    if not plan.changes:
        yield "nothing changes"
    for one in plan.changes:
        yield difference_sentence(one)
        yield from _entries(one, plan.people.instances)
        if plan.after is not None:
            yield from _reach(one, plan.before, plan.after)
    changed, resting = {one.name for one in plan.changes if one.kind == "journey"}, 0
    for row, left in zip(plan.people.instances, plan.people.left, strict=True):
        if row.fate == "stay" and row.journey not in changed:
            resting += row.live
        else:
            yield fate_sentence(row, left, plan.after)
    if resting:
        s = "s" if resting == 1 else ""
        yield f"{_number(resting, 'instance')} of journeys that do not change stay{s}"
    yield from _total(plan)
    if plan.owners:
        yield f"the changes belong to {', '.join(plan.owners)}"
    for team, matters in plan.approvals.items():
        yield f"team {team} must approve it: {', '.join(matters)}"


def impact_sentences(plan: Plan) -> Iterator[str]:
    """Yield the impact on customers: what happens at once to instances, and the total."""
    for row, left in zip(plan.people.instances, plan.people.left, strict=True):
        if row.fate != "stay" or left:
            yield fate_sentence(row, left, plan.after)
    yield from _total(plan)


def _total(plan: Plan) -> Iterator[str]:
    changed, of = plan.people.changed, plan.people.customers
    if of:
        yield f"{changed:,} of {_number(of, 'customer')} would have an instance moved or ended"


def difference_sentence(one: Difference) -> str:
    """Return a difference in words, with its place.

    >>> at = "cart.yaml:9"
    >>> part = (("state", "waiting"), ("timer", "30m"))
    >>> difference_sentence(
    ...     Difference("journey", "cart", part, "changed", "30m", "45m", at, (at,))
    ... )
    'journey cart, state waiting, timer 30m: 45m instead of 30m (cart.yaml:9)'
    """
    what = ", ".join([f"{one.kind} {one.name}", *(" ".join(step) for step in one.part)])
    return f"{what}: {_change(one)} ({one.at})"


def _change(one: Difference) -> str:
    show = _canary if one.part == (("canary",),) else _shown
    before, after = show(one.before), show(one.after)
    if one.part[-1:] == (("order",),):
        return f"in place {after} instead of {before}"
    if one.before is None:
        return f"new, {after}" if one.part else "new"
    if one.after is None:
        return f"gone, it was {before}" if one.part else "gone"
    by_default = ", by default" if one.change == "removed" and show is _shown else ""
    return f"{after} instead of {before}{by_default}"


def _canary(value: Any) -> str:
    """Return a canary in words; all customers enter a version without one.

    >>> _canary(1.0), _canary(0.05)
    ('none', '5%')
    >>> guards = [{"metric": "goal_rate", "worse_than": 0.1}, {"metric": "spent"}]
    >>> _canary({"share": 0.5, "guards": guards, "then": "promote", "for": "7d"})
    '50%, guarded by goal_rate and spent, then promote after 7d'
    """
    if isinstance(value, dict):
        guards = " and ".join(guard["metric"] for guard in value["guards"])
        return (
            f"{_canary(value['share'])}, guarded by {guards}, then {value['then']} after "
            f"{value['for']}"
        )
    return "none" if value is None or value >= 1 else f"{value * 100:.4g}%"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"


def _entries(one: Difference, rows: list[Fated]) -> Iterator[str]:
    """Yield who still enters a journey whose status changes, and who stays inside."""
    if one.kind != "journey" or one.part != (("status",),):
        return
    if one.after not in _WITHOUT_ENTRY:
        if one.before in _WITHOUT_ENTRY:
            yield "  customers enter again"
        return
    inside = sum(row.live for row in rows if row.journey == one.name and row.fate != "end")
    who = f"{_number(inside, 'instance')} inside" if rows else "who is inside"
    does, do = _WITHOUT_ENTRY[one.after]
    yield f"  nobody enters any more; {who} {does if inside == 1 or not rows else do}"


def _reach(one: Difference, before: Program, after: Program) -> Iterator[str]:
    names = reached(one, before, after)
    if names:
        journeys = {**before.journeys, **after.journeys}
        owners = {name: journeys[name].owner for name in names}
        listed = ", ".join(f"{name} ({of})" if of else name for name, of in owners.items())
        yield f"  this may concern customers in {listed}"
    others = rivals(one, before, after)
    if others:
        listed = "; ".join(f"{_few(names)} ({owner})" for owner, names in others.items())
        yield f"  it competes there with {listed}"


def fate_sentence(row: Fated, left: dict[str, Left], after: Program | None) -> str:
    """Return the fate of the instances of a row, in words."""
    s = "s" if row.live == 1 else ""
    who = (
        f"{row.journey} version {row.version}, {row.state}: {_number(row.live, 'instance')} of "
        f"{_number(row.customers, 'customer')}"
    )
    if row.fate == "stay":
        due = ", ".join(f"timer {name}" for name in left)
        return (
            f"{who} stay{s}{f'; what came due in the pause fires at once: {due}' if due else ''}"
        )
    if row.fate == "end":
        return f"{who} end{s} with outcome {row.outcome}"
    assert after is not None
    to = f"move{s} to version {after.journeys[row.journey].version}, {row.to}"
    if row.timers is None:
        return f"{who} {to}, and end{s} there with outcome {row.outcome}"
    return f"{who} {to}; {_timers(row, left, after)}{_variables(row, after)}"


def _few(names: list[str]) -> str:
    """Return some names, and how many more there are.

    >>> _few(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    more = len(names) - _NAMES_MAX
    return f"{', '.join(names[:_NAMES_MAX])}{f' and {more} more' if more > 0 else ''}"


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _timers(row: Fated, left: dict[str, Left], after: Program) -> str:
    rest = ", ".join(f"{name} ({_span(*times)} left)" for name, times in left.items())
    if row.timers == "kept":
        return f"their timers go on{': ' if rest else ''}{rest}"
    assert row.to is not None
    old = after.versions[row.journey, row.version].states[row.state].timers
    new = after.journeys[row.journey].states[row.to].timers
    before, now = ([timer_name(rule) for rule in rules] for rules in (old, new))
    gone = [name for name in before if name not in now]
    fresh = [name for name in now if name not in before]
    parts = [f"timer {name} is dropped" for name in gone]
    parts += [f"timer {name} counts from their entry into the state" for name in fresh]
    return "; ".join([*parts, *([f"then {rest}"] if rest else [])])


def _variables(row: Fated, after: Program) -> str:
    """Return which variables the new version has, and its instances of the old one lack."""
    old = after.versions[row.journey, row.version].data
    lost = [name for name in after.journeys[row.journey].data if name not in old]
    if not lost:
        return ""
    names = ", ".join(f"data.{name}" for name in lost)
    return f"; {names} {'is' if len(lost) == 1 else 'are'} missing for them"


def _span(low: int, high: int) -> str:
    shortest, longest = _duration(low), _duration(high)
    return shortest if shortest == longest else f"{shortest} to {longest}"


def _duration(ms: int) -> str:
    """Return a time left, in its largest unit, rounded down.

    >>> _duration(5_400_000), _duration(0)
    ('1h', '0s')
    """
    return next((f"{ms // unit}{name}" for name, unit in _UNITS if ms >= unit), "0s")
