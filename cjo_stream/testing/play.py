"""Plays one case: sends its events, moves time on, and looks at what came.

given     before the first event of each customer, with no journey listening
event     by the driver, at the clock unless the case says when
expect    the parts that are named, over what came since the last `expect`
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cjo_stream.core.event import Identifier
from cjo_stream.core.expression import MISSING
from cjo_stream.core.profile.view import View
from cjo_stream.core.state import Customer, Instance
from cjo_stream.core.text import moment_text
from cjo_stream.definition import DefinitionSet
from cjo_stream.definition.case import (
    Advance,
    Apply,
    Case,
    Expect,
    Identifiers,
    Send,
    SendRaw,
    names_of,
)
from cjo_stream.definition.grammar.case import ROWS
from cjo_stream.definition.grammar.item import Fields, Item, Pair
from cjo_stream.definition.text.node import position
from cjo_stream.definition.text.source import Position
from cjo_stream.errors import UsageError
from cjo_stream.testing import row as rows_of
from cjo_stream.testing.compare import Finding, Whose, compare_rows, is_same
from cjo_stream.testing.driver import TopologyDriver
from cjo_stream.testing.hint import Came, hints, move_text
from cjo_stream.testing.row import SHOWN, Row
from cjo_stream.testing.trace import Trace

_ROWS_MAX = 20
"""Stopped candidates that are written into an expectation which named nothing."""


@dataclass
class Result:
    """How a case ended: what was found at each `expect`, and what had come by then."""

    case: Case
    looks: list[tuple[Expect, list[Finding], Came]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failed(self) -> list[tuple[Expect, list[Finding], Came]]:
        """The expectations that were not met, each with what differs."""
        unmet = ((e, [one for one in found if not one.is_met], c) for e, found, c in self.looks)
        return [look for look in unmet if look[1]]


def play(case: Case, definitions: DefinitionSet, content: bytes, trace: Trace) -> Result:
    """Play a case against definitions, and note in `trace` which of their rules it reached.

    `content` is the set as it is stored.
    """
    begun = time.perf_counter()
    result = Result(case)
    driver = TopologyDriver(definitions, compile_=trace.compile, content=content)
    player = _Player(case, driver, trace)
    for step in case.steps:
        if isinstance(step, Send):
            player.send(step)
        elif isinstance(step, SendRaw):
            player.send_raw(step)
        elif isinstance(step, Advance):
            player.advance(step)
        elif isinstance(step, Apply):
            player.apply(step)
        else:
            result.looks.append((step, list(player.look(step)), player.came()))
            player.turn_page()
    last = result.looks[-1]
    last[1].extend((*player.not_done, *player.refused(last[0])))
    player.trace_records()
    result.seconds = time.perf_counter() - begun
    return result


class _Player:
    def __init__(self, case: Case, driver: TopologyDriver, trace: Trace) -> None:
        self._case = case
        self._trace = trace
        self._driver = driver
        self._driver.advance_to(case.start_ms)
        self._seen = Came([], [], [], [])
        """How much of each kind of record earlier expectations have looked at."""
        self.not_done: list[Finding] = []
        """Steps that could not be taken."""

    # --- steps

    def send(self, event: Send) -> None:
        """Send an event; before the first of a customer, what is given."""
        driver = self._driver
        at = driver.clock if event.time is None else event.time
        if self._case.gives:
            found = driver.identified(event.identifiers, event.channel)
            self._give(found, event.channel, at)
        driver.try_send(
            event.type,
            at=at,
            channel=event.channel,
            identifiers=event.identifiers,
            attributes=event.attributes,
            id=event.id,
        )

    def send_raw(self, record: SendRaw) -> None:
        """Send a record; before the first event of a customer, what is given."""
        value = msgspec.json.encode(record.value)
        at = self._driver.clock if record.time is None else record.time
        if self._case.gives:
            for event in self._driver.events_of(value, channel=record.channel, at=at):
                self._give(event.identifiers, record.channel, event.time)
        self._driver.try_send_raw(value, channel=record.channel, at=at)

    def advance(self, step: Advance) -> None:
        """Move time on; a record may have moved it further than to a time that is named."""
        clock = self._driver.clock
        to_ms = clock + step.by_ms if step.by_ms is not None else step.to_ms or 0
        if to_ms < clock:
            self._fail(step.at, "advance", f"the clock stands at {moment_text(clock)} already")
        self._driver.advance_to(to_ms)

    def apply(self, step: Apply) -> None:
        """Put other definitions in force, or note why they may not follow."""
        try:
            self._driver.apply(step.definitions)
        except UsageError as error:
            self._fail(step.at, "apply", *str(error).splitlines())

    def _fail(self, at: Position, step: str, *why: str) -> None:
        found = Finding(at, step, None, "done", "refused", is_met=False, hints=list(why))
        self.not_done.append(found)

    def _give(self, found: list[Identifier], channel: str, at: int) -> None:
        """Send what is given before the first event of a customer, which is at `at`."""
        if not found or self._is_known(found):
            return
        anchor, before = found[0], min(at, self._driver.clock) - 1
        stated = [("cjo.consent", dict(one)) for one in self._case.consent]
        facts = [("cjo.profile", self._case.facts)] if self._case.facts else []
        self._trace.muted = True
        for type_, attributes in (*facts, *stated):
            self._driver.send(
                type_,
                at=before,
                channel=channel,
                identifiers={anchor.type: anchor.value},
                attributes=attributes,
            )
        self._trace.muted = False

    def _is_known(self, found: list[Identifier]) -> bool:
        """Return whether an event with these identifiers comes to a customer that exists.

        It does by its strongest identifier, or where a holder of another has room for that one.
        """
        anchor = found[0]
        limit = self._driver.program.identifiers[anchor.type].limit
        hashes = {one.hash for one in found}
        for customer in self._driver.customers():
            if anchor.hash in customer.members:
                return True
            held = sum(member.type == anchor.type for member in customer.members.values())
            if held < limit and hashes & customer.members.keys():
                return True
        return False

    # --- what came

    def came(self) -> Came:
        """Return the records since the last `expect`."""
        whole, seen = self._whole(), self._seen
        return Came(*(one[len(before) :] for one, before in zip(whole, seen, strict=True)))

    def turn_page(self) -> None:
        """Let the next `expect` begin behind what has come so far."""
        self._seen = Came(*(list(one) for one in self._whole()))

    def _whole(self) -> Came:
        driver = self._driver
        return Came(
            driver.actions(), driver.decisions(), driver.transitions(), driver.dead_letters()
        )

    def trace_records(self) -> None:
        """Note the entries and the gates that records tell of."""
        actions = self._driver.program.actions
        classes = {name: str(action.class_) for name, action in actions.items()}
        for decision in self._driver.decisions():
            self._trace.judge(decision, classes)
        for transition in self._driver.transitions():
            self._trace.move(transition)

    # --- looking

    def look(self, expect: Expect) -> Iterator[Finding]:
        """Yield a finding for each part that an expectation names."""
        came, fields = self.came(), expect.fields
        if fields is None or expect.is_bare:
            yield from self._bare(expect, came)
            return
        who = fields.get("customer")
        if who is not None:
            ids = self._ids(who)
            if not ids:
                yield self._nobody(who)
                return
            came = came.of(ids)
        for part in fields.read:
            if part in ROWS:
                found = self._rows(fields, part, came)
                found.hints = hints(found, came)
                yield found
            elif part != "customer":
                yield from self._standing(part, fields, who)
        if "refused" not in fields.read:
            yield from self.refused(expect)

    def refused(self, expect: Expect) -> Iterator[Finding]:
        """Yield a finding if events were refused that no expectation asks about."""
        came = rows_of.refused(self.came().refused)
        if came:
            hint = "mend the event; or, if the test is about that, let an `expect` name `refused`"
            yield Finding(expect.at, "refused", None, [], came, is_met=False, hints=[hint])

    def _rows(self, fields: Fields, part: str, came: Came) -> Finding:
        at, whose = position(fields.keys[part]), Whose(self._ids, self._name)
        return compare_rows(at, part, fields.read[part], came.rows(part), whose)

    def _bare(self, expect: Expect, came: Came) -> Iterator[Finding]:
        """Yield what an expectation that names nothing might name."""
        holders = self._driver.customers()
        journeys = dict.fromkeys(one["journey"] for one in came.transitions)
        if len(holders) == 1:
            journeys |= {one.journey: None for one in holders[0].instances if one.state}
            states = {name: self._state(holders[0], name) for name in sorted(journeys)}
            if states:
                yield Finding(expect.at, "state", None, None, states, is_met=False)
        for part in ("actions", "suppressed", "not_sent"):
            found = [{name: one[name] for name in SHOWN[part]} for one in came.rows(part)]
            if part == "actions" or 0 < len(found) <= _ROWS_MAX:
                yield Finding(expect.at, part, None, None, found, is_met=False)

    def _standing(self, part: str, fields: Fields, who: Item | None) -> Iterator[Finding]:
        """Yield a finding for each name of a part that says how things stand."""
        holders = self._driver.customers() if who is None else self._holders(who)
        if len(holders) > 1:
            number = len(holders)
            yield Finding(
                position(fields.keys[part]),
                part,
                None,
                "one customer",
                f"{number} customers",
                is_met=False,
                hints=["say whose it is: `customer: {email: a@example.com}` in this `expect`"],
            )
            return
        holder = holders[0] if holders else None
        for pair in fields.items(part):
            if part == "data":
                instance = _latest(holder, pair.key.value)
                for one in pair.value:
                    got = instance.data.get(one.key.value) if instance is not None else None
                    yield _of_value(one, f"data of {pair.key.value}", one.value, got)
            elif part == "state":
                yield self._of_state(holder, pair)
            elif part == "profile":
                yield _of_value(pair, part, pair.value, self._read(holder, pair.key.value))
            else:
                type_ = pair.key.value
                values = (
                    sorted(m.value for m in holder.members.values() if m.type == type_)
                    if holder
                    else []
                )
                written = [one.value for one in pair.value]
                wanted = [
                    m.value for m in self._driver.identified({type_: written}, _any(self._driver))
                ]
                met = sorted(wanted) == values
                yield Finding(
                    position(pair.key.node),
                    f"identifiers: {type_}",
                    pair,
                    written,
                    values,
                    is_met=met,
                )

    def _of_state(self, holder: Customer | None, pair: Pair) -> Finding:
        written = None if pair.value is None else [one.value for one in pair.value]
        expected = written[0] if written is not None and len(written) == 1 else written
        got = self._state(holder, pair.key.value)
        is_out = written is None and not _live(holder, pair.key.value)
        return Finding(
            at=position(pair.key.node),
            part=f"state of {pair.key.value}",
            item=pair,
            expected=expected,
            got=got,
            is_met=is_out or expected == got,
            hints=self._ways(holder, pair.key.value),
        )

    def _state(self, holder: Customer | None, journey: str) -> Any:
        """Return the states of live instances, or else the final state of the last to end."""
        live = _live(holder, journey)
        if live:
            return live[0] if len(live) == 1 else live
        moves = [
            one
            for one in (self._moves(holder, journey) if holder is not None else [])
            if one["reason"] not in ("goal", "refused")
        ]
        return moves[-1]["to"] if moves and moves[-1]["reason"] == "ended" else None

    def _moves(self, holder: Customer, journey: str) -> list[Row]:
        ids = {holder.id, *holder.aliases}
        return [
            one
            for one in self._driver.transitions()
            if one["journey"] == journey and one["customer_id"] in ids
        ]

    def _ways(self, holder: Customer | None, journey: str) -> list[str]:
        """Return the changes of state of a journey, in words."""
        moves = self._moves(holder, journey) if holder is not None else []
        return [move_text(one) for one in moves[-5:]] or [f"nobody entered {journey}"]

    def _read(self, holder: Customer | None, name: str) -> Any:
        if holder is None:
            return None
        found = View(holder, self._driver.program, self._driver.clock).get(name)
        return None if found is MISSING else found

    # --- customers

    def _holders(self, who: Item) -> list[Customer]:
        """Return the customers who have one of the identifiers."""
        named: Identifiers = names_of(who, self._case.customers)
        found = self._driver.identified(named, _any(self._driver))
        hashes = {one.hash for one in found}
        return [one for one in self._driver.customers() if hashes & one.members.keys()]

    def _ids(self, who: Item) -> Collection[str]:
        """Return all ids that a customer has had."""
        return {id_ for one in self._holders(who) for id_ in (one.id, *one.aliases)}

    def _name(self, id_: str) -> Any:
        """Return how a case writes a customer: by name, else by the strongest identifier."""
        holder = next(
            (one for one in self._driver.customers() if id_ in (one.id, *one.aliases)), None
        )
        if holder is None:
            return id_
        for name, identifiers in self._case.customers.items():
            found = self._driver.identified(identifiers, _any(self._driver))
            if any(one.hash in holder.members for one in found):
                return name
        rank_of = self._driver.program.identifier_type
        members = holder.members.values()
        first = min(members, key=lambda one: (rank_of(one.type).rank, one.value))
        return {first.type: first.value}

    def _nobody(self, who: Item) -> Finding:
        named = names_of(who, self._case.customers)
        return Finding(
            position(who.node),
            "customer",
            None,
            named,
            None,
            is_met=False,
            hints=["no customer has any of these identifiers: no event with one came"],
        )


def _any(driver: TopologyDriver) -> str:
    """Return a channel that takes events; empty if none does."""
    channels = driver.program.channels
    return next((name for name, one in channels.items() if one.input is not None), "")


def _live(holder: Customer | None, journey: str) -> list[str]:
    instances = holder.instances if holder is not None else []
    return [one.state for one in instances if one.journey == journey and one.state is not None]


def _latest(holder: Customer | None, journey: str) -> Instance | None:
    found = [one for one in (holder.instances if holder else []) if one.journey == journey]
    return max(found, key=lambda one: one.opened_at, default=None)


def _of_value(pair: Pair, part: str, expected: Any, got: Any) -> Finding:
    is_met = got is None if expected is None else is_same(expected, got)
    name = pair.key.value
    return Finding(position(pair.key.node), f"{part}: {name}", pair, expected, got, is_met)
