"""A case of a test file against the program: every name is known, and time only moves forward."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final

from cjo_stream.core.expression.place import PROFILE_FIELDS
from cjo_stream.core.profile.consent import EVERYWHERE
from cjo_stream.core.program.action import Action
from cjo_stream.core.program.journey import Assign, Journey, Step
from cjo_stream.core.program.program import ENGINE_TYPES, Program
from cjo_stream.core.text import moment_text
from cjo_stream.definition.build.context import PROFILE_TYPES
from cjo_stream.definition.build.fact import fit
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.case import LATEST_MS, ROWS
from cjo_stream.definition.grammar.item import Fields, Item
from cjo_stream.definition.text.node import Node, names_below
from cjo_stream.definition.text.report import Report, quoted, unknown

OUTCOME: Final = "cjo.outcome"
SEEN: Final = PROFILE_FIELDS - {"identifiers", "id"}
"""What a profile has besides facts and traits, and a case may look at."""
_CUSTOMER: Final = "customer"
_ALWAYS_OUTCOMES: Final = frozenset(("goal", "migrated", "retired"))


Next = Callable[[Item, Program], Program]
"""From a step `apply` and the program before it to the one whose names count then."""


def check_case(
    fields: Fields, program: Program, report: Report, next_: Next, *, may_be_bare: bool
) -> None:
    """Report what is wrong with a case; `may_be_bare`: expectations may name nothing."""
    check = _Check(fields, program, report)
    for pair in fields.items("customers"):
        check.identifiers(pair)
    if (given := fields.value("given")) is not None:
        check.given(given)
    steps: list[Fields] = [item.value for item in fields.items("steps")]
    for step in steps:
        if (applied := step.get("apply")) is not None:
            program = next_(applied, program)
            check = _Check(fields, program, report)
        if (event := step.value("event")) is not None:
            check.event(event)
        if (record := step.value("record")) is not None:
            check.channel(record)
        if (expect := step.get("expect")) is not None:
            if not _names_something(expect) and not may_be_bare:
                message = "names nothing to compare: write `state` or `actions`, or let --update"
                report.error(step.where("expect"), Code.EMPTY, message)
            elif expect.value is not None:
                check.expect(expect.value)
    _check_clock(fields, steps, report)
    kinds = [kind for step in steps for kind in step.keys]
    if kinds and "expect" not in kinds:
        message = "a case without `expect` shows nothing: end it with `- expect: {state: …}`"
        report.error(fields.where("test"), Code.MISSING, message)
    elif kinds and kinds[-1] != "expect":
        last = steps[-1].where(kinds[-1])
        report.warn(last, Code.NO_EFFECT, "no `expect` looks at what comes of the last steps")


def _names_something(expect: Item) -> bool:
    return bool(names_below(expect.node).keys() - {_CUSTOMER})


def _check_clock(fields: Fields, steps: list[Fields], report: Report) -> None:
    """Report an `advance` to a time that is past."""
    clock: int | None = fields.value("at")
    if clock is None:
        return
    for step in steps:
        event: Fields | None = step.value("event")
        if event is not None:
            clock = max(clock, event.value("time", 0))
        if (advance := step.get("advance")) is None:
            continue
        by_ms, to_ms = advance.value
        if to_ms is not None and to_ms < clock:
            message = f"time only moves forward: the clock stands at {moment_text(clock)} here"
            report.error(advance.node, Code.RANGE, message)
        clock = max(clock, to_ms if to_ms is not None else clock + by_ms)
        if clock > LATEST_MS:
            report.error(advance.node, Code.RANGE, "moves time beyond the year 9999")
            return


class _Check:
    """Checks names against those of a program, and those of the case's customers."""

    def __init__(self, case: Fields, program: Program, report: Report) -> None:
        self._program = program
        self._report = report
        self._customers = {pair.key.value for pair in case.items("customers")}
        self._heard = _heard(program)
        self._journeys = {
            name: [one for (of, _), one in program.versions.items() if of == name]
            for name in program.journeys
        }

    def given(self, given: Fields) -> None:
        """Check facts and statements of consent."""
        facts, traits = self._program.facts, self._program.traits
        for pair in given.items("profile"):
            name = pair.key.value
            if name in traits or name in SEEN:
                message = f"{quoted(name)} cannot be given: send the events that it comes of"
                self._report.error(pair.key.node, Code.UNKNOWN, message)
            elif not self._known(pair.key, "fact", facts) or pair.value is None:
                continue
            elif fit(facts[name].type, pair.value) is None:
                message = f"the fact {name} is a {facts[name].type}"
                self._report.error(pair.node, Code.TYPE, message)
        for one in given.items("consent"):
            if one.value.value("channel") not in (None, EVERYWHERE):
                self._known(one.value.get("channel"), "channel", self._program.channels)

    def event(self, event: Fields) -> None:
        """Check an event's type, channel, customer, identifiers and attributes."""
        program = self._program
        self._known(event.get(_CUSTOMER), "customer of this case", self._customers)
        self.channel(event)
        if (given := event.get("identifiers")) is not None:
            self.identifiers(given)
        attributes = event.items("attributes")
        named = {pair.key.value for pair in attributes}
        is_of_command = event.value("type") == OUTCOME and "action_id" in named
        if not {_CUSTOMER, "identifiers"} & event.keys.keys() and not is_of_command:
            message = "an event needs 'identifiers', or a 'customer' from `customers`"
            self._report.error(event.node, Code.MISSING, message)
        type_ = event.get("type")
        if type_ is None:
            return
        if program.events is None:
            if type_.value not in self._heard:
                text = unknown("event type", type_.value, self._heard)[1]
                message = f"no definition listens to it: {text}"
                self._report.warn(type_.node, Code.NO_EFFECT, message)
        elif self._known(type_, "event type", {*program.events, *PROFILE_TYPES}):
            declared = program.events.get(type_.value)
            for pair in attributes if declared is not None else ():
                self._known(pair.key, f"attribute of {type_.value}", declared or ())

    def channel(self, event: Fields) -> None:
        """Check the channel of an event or a record."""
        channels = self._program.channels.items()
        taking = [name for name, one in channels if one.input is not None]
        self._known(event.get("channel"), "channel that takes events", taking)
        if "channel" not in event.keys and len(taking) != 1:
            message = f"needs 'channel': one of {', '.join(taking) or 'none'}"
            self._report.error(event.node, Code.MISSING, message)

    def identifiers(self, item: Item) -> None:
        """Check the types of identifiers."""
        for pair in item.value:
            self._known(pair.key, "identifier type", self._program.identifiers)

    def expect(self, expect: Fields) -> None:
        """Check the names of an expectation."""
        self._who(expect.get(_CUSTOMER))
        for pair in expect.items("state"):
            if self._known(pair.key, "journey", self._journeys):
                for state in pair.value or ():
                    self._known(state, f"state of {pair.key.value}", self._states(pair.key.value))
        for pair in expect.items("profile"):
            names = {*self._program.facts, *self._program.traits, *SEEN}
            self._known(pair.key, "fact or trait", names)
        for pair in expect.items("identifiers"):
            self._known(pair.key, "identifier type", self._program.identifiers)
        for pair in expect.items("data"):
            if self._known(pair.key, "journey", self._journeys):
                named = set().union(*map(_variables, self._journeys[pair.key.value]))
                for variable in pair.value:
                    self._known(variable.key, f"variable of {pair.key.value}", named)
        for part in ROWS:
            for item in expect.items(part):
                self._row(item.value)

    def _row(self, row: Fields) -> None:
        program = self._program
        self._who(row.get(_CUSTOMER))
        action = row.get("action")
        self._known(action, "action", program.actions)
        chosen = (
            [program.actions[action.value]]
            if action and action.value in program.actions
            else [*program.actions.values()]
        )
        treated = {channel for one in chosen for channel in one.treatments}
        what = f"channel of {action.value}" if len(chosen) == 1 and action else "channel"
        self._known(row.get("channel"), what, treated)
        self._known(row.get("issue"), "issue", {one.issue for one in chosen if one.issue})
        self._known(row.get("group"), "group", {one.group for one in chosen if one.group})
        for pair in row.items("payload"):
            self._known(pair.key, "value of the payload", _payload(chosen))
        journey = row.get("journey")
        if not self._known(journey, "journey", self._journeys):
            return
        within = [journey.value] if journey is not None else list(self._journeys)
        states = {name for one in within for name in self._states(one)}
        of = f"state of {journey.value}" if journey is not None else "state"
        for name in ("state", "from", "to"):
            self._known(row.get(name), of, states)
        outcomes = {name for one in within for name in self._outcomes(one)}
        self._known(row.get("outcome"), "outcome", outcomes)
        if (gate := row.value("gate")) is not None and (rules := self._rules(gate, chosen)):
            self._known(row.get("rule"), f"rule of {gate}", rules)

    def _who(self, who: Item | None) -> None:
        if who is not None and isinstance(who.value, str):
            self._known(who, "customer of this case", self._customers)
        elif who is not None:
            self.identifiers(who)

    def _states(self, journey: str) -> set[str]:
        return {name for one in self._journeys[journey] for name in one.states}

    def _outcomes(self, journey: str) -> Iterator[str]:
        yield from _ALWAYS_OUTCOMES
        for version in self._journeys[journey]:
            yield from (state.end for state in version.states.values() if state.end is not None)
            yield from (rule.as_ for rule in version.exit)

    def _rules(self, gate: str, actions: Iterable[Action]) -> set[str]:
        """Return the rules of a gate that has a fixed list of them."""
        policy = self._program.policy
        if gate == "caps":
            return {cap.rule for cap in policy.caps}
        if gate == "limits":
            return {one.rule for one in policy.limits} | {
                one.rule for action in actions for one in action.limits
            }
        if gate == "quiet_hours":
            return {window.rule for windows in policy.quiet.values() for window in windows}
        return set()

    def _known(self, item: Item | None, what: str, valid: Collection[str]) -> bool:
        """Report a name that is unknown; return whether it is known, or nothing is written."""
        if item is None or item.value is None or item.value in valid:
            return True
        node: Node = item.node
        self._report.error(node, *unknown(what, item.value, valid))
        return False


def _payload(actions: Iterable[Action]) -> set[str]:
    return {
        name for one in actions for treated in one.treatments.values() for name in treated.payload
    }


def _heard(program: Program) -> set[str]:
    """Return the types of events that some definition listens to."""
    heard = {
        *program.entries_on,
        *program.traits_on,
        *program.measures_on,
        *PROFILE_TYPES,
    } - ENGINE_TYPES
    for journey in program.versions.values():
        heard |= journey.listens
    for rule in (*program.opened, *program.closed):
        heard |= rule.on
    return heard


def _variables(journey: Journey) -> set[str]:
    """Return the variables that a journey declares, or assigns."""
    steps: list[Step] = [
        step
        for state in journey.states.values()
        for transition in (
            *(one for found in state.on.values() for one in found),
            *state.always,
            *(timer.transition for timer in state.timers),
        )
        for step in transition.do
    ]
    for state in journey.states.values():
        steps += (*state.enter, *state.leave)
    for found in journey.on.values():
        steps += (step for transition in found for step in transition.do)
    steps += (step for rule in journey.exit for step in rule.do)
    steps += journey.goal.do if journey.goal is not None else ()
    assigned: set[Any] = {
        name for step in steps if isinstance(step, Assign) for name in step.variables
    }
    return {*journey.data, *assigned}
