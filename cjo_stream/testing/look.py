"""Looks at what came since the last `expect`, and at how things stand.

Each part that an expectation names gives a finding.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from cjo_stream.core.expression import MISSING
from cjo_stream.core.profile.view import View
from cjo_stream.core.state import Customer, Instance
from cjo_stream.definition.case import Case, Expect, Identifiers, names_of
from cjo_stream.definition.grammar.case import ROWS
from cjo_stream.definition.grammar.item import Fields, Item, Pair
from cjo_stream.definition.text.node import position
from cjo_stream.testing import row as rows_of
from cjo_stream.testing.compare import Finding, Whose, compare_rows, is_same
from cjo_stream.testing.driver import TopologyDriver
from cjo_stream.testing.hint import Came, hints, move_text
from cjo_stream.testing.row import SHOWN, Row

_ROWS_MAX = 20
"""Stopped candidates that are written into an expectation which named nothing."""


class Look:
    """What has come to the customers of a case, by the driver that plays it."""

    def __init__(self, case: Case, driver: TopologyDriver) -> None:
        self._case = case
        self._driver = driver
        self._seen = Came([], [], [], [])
        """How much of each kind of record earlier expectations have looked at."""

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

    # --- looking

    def at(self, expect: Expect) -> Iterator[Finding]:
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
