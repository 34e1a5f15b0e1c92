"""Advice on journeys: conditions, rules, states and goals that nobody can reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cjo_stream.definition.advice.reach import Closed, Reach
from cjo_stream.definition.code import Code
from cjo_stream.definition.rule import Key, Rule
from cjo_stream.definition.text.report import Report, quoted

_LENGTHS: Final = {"on": 5, "always": 4, "timer": 4}
"""How many parts a key has without the target of a split."""


def advise_on_journeys(rules: Iterable[Rule], found: Mapping[str, Reach], report: Report) -> None:
    """Report the rules and states of journeys that can never come about.

    The consequences of something that is reported are not reported again.
    """
    for rule in rules:
        kind, name, *rest = first_key(rule)
        one = found.get(str(name))
        if kind == "gate" or one is None:
            continue
        if kind == "entry":
            if not one.is_entered:
                message = "nobody can enter this journey: the condition can never be true"
                report.advise(rule.when or rule.node, Code.NEVER_TRUE, f"{message}: change it")
        elif not one.is_entered:
            continue
        elif kind == "goal":
            _advise_on_goal(rule, one, report)
        elif kind == "state":
            _advise_on_state(rule, one, str(rest[0]), report)
        elif kind == "exit" or not rest[0] or rest[0] in one.states:
            _advise_on_rule(rule, one, report)


def first_key(rule: Rule) -> Key:
    """Return a key of a rule; they differ in the event type alone."""
    return min(rule.keys, key=str)


def without_target(key: Key) -> Key:
    """Return the key of the whole of a split."""
    return key[: _LENGTHS.get(str(key[0]), len(key))]


def _advise_on_goal(rule: Rule, found: Reach, report: Report) -> None:
    if found.can_mark_goal():
        return
    if rule.keys <= found.closed.keys():
        message = "nobody can reach this goal: its condition can never be true: change it"
        report.advise(rule.when or rule.node, Code.NO_GOAL, message)
    else:
        message = "nobody can reach this goal: each instance ends in the moment it is entered"
        report.advise(rule.node, Code.NO_GOAL, f"{message}; give the goal a 'within'")


def _advise_on_state(rule: Rule, found: Reach, name: str, report: Report) -> None:
    state = found.journey.states[name]
    if name not in found.states:
        message = f"nobody can reach state {quoted(name)}: no transition to it can ever be taken"
        report.advise(rule.node, Code.NEVER_REACHED, f"{message}; mend one, or remove the state")
    elif found.is_passed(name) and (state.on or state.timers):
        message = f"an 'always' without condition leaves state {quoted(name)} at once"
        what = "its 'on' and timers never come about: give the 'always' a 'when', or remove them"
        report.advise(rule.node, Code.NEVER_TAKEN, f"{message}; {what}")


def _advise_on_rule(rule: Rule, found: Reach, report: Report) -> None:
    keys = [without_target(key) for key in sorted(rule.keys, key=str)]
    why: list[Closed] = [found.closed[key] for key in keys if key in found.closed]
    if len(why) < len(keys):
        return
    if all(one.is_condition for one in why):
        message = f"this condition can never be true, so {quoted(rule.name)} never happens"
        report.advise(rule.when or rule.node, Code.NEVER_TRUE, f"{message}: change it")
    else:
        reason = next(one.why for one in why if not one.is_condition)
        message = f"{quoted(rule.name)} can never be taken: {reason}"
        report.advise(rule.node, Code.NEVER_TAKEN, f"{message}; change their order, or remove it")
