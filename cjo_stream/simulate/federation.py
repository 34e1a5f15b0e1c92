"""Customers of an energy supplier: bills, contracts, visits to the portal, and calls.

The event types are those of `topologies/federation`. A customer's life is a function of the seed
and the calendar alone, in cycles of four weeks, so two weeks that are simulated one after the
other go on as one simulation of both would. Calls are missed, and bills are high, more often than
at a real supplier, so that a week shows an effect.

Nothing comes late, twice or broken: this topology is about teams, not about faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final, NamedTuple

import msgspec

from cjo_stream.simulate.fault import Faults
from cjo_stream.simulate.record import Simulated, Truth
from cjo_stream.simulate.scene import Scene, Setting
from cjo_stream.simulate.wire import native
from cjo_stream.simulate.world import World

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
CYCLE_MS: Final = 28 * DAY_MS
ANCHOR_MS: Final = 1_767_571_200_000
"""2026-01-05, a Monday, on which a cycle begins."""
EVENTS_A_CYCLE: Final = 7.2
"""Mean number of events of a customer and cycle (measured); it converts a wanted rate."""
FIRST_CUSTOMER: Final = 100_000
FIRST_NAMES: Final = ("Ada", "Ben", "Cem", "Dana", "Eva", "Finn", "Gül", "Hugo", "Ida", "Jan")


class _Told(NamedTuple):
    """An event of a customer; `offset_ms` counts from the beginning of the cycle."""

    offset_ms: int
    channel: str
    type: str
    attributes: dict[str, Any]


def world(setting: Setting) -> World:
    """Return the supplier's world; its customers do not answer commands."""
    return _Supplier(setting).world()


def truth(people: int, seed: int) -> Iterator[Truth]:
    """Yield every customer; no identifier is shared."""
    for index in range(people):
        known = _identifiers(seed, index)
        yield Truth(known["customer"], {type_: [one] for type_, one in known.items()}, {})


def _identifiers(seed: int, index: int) -> dict[str, str]:
    number = f"{seed}{FIRST_CUSTOMER + index}"
    return {
        "customer": number,
        "email": f"customer{number}@example.com",
        "phone": f"+49170{seed % 100:02d}{FIRST_CUSTOMER + index}",
    }


def _life(seed: int, index: int, cycle: int) -> list[_Told]:
    """Return the events that begin in a cycle; the last ones may happen in the next cycle."""
    draw = Random(f"{seed} {index} {cycle}").random  # noqa: S311 - traffic, not secrets
    told = _export(draw, index)
    told += _contract(draw, f"{index}-{cycle}")
    told += _bill(draw, index, f"{index}-{cycle}")
    for _ in range(int(3 * draw())):
        told.append(_Told(_by_day(draw, 28), "portal", "logged_in", {}))
    for _ in range(2):
        if draw() < 0.55:
            told += _call(draw)
    if draw() < 0.05:
        opened_ms, case = _by_day(draw, 24), {"complaint": f"c{index}-{cycle}"}
        closed_ms = opened_ms + DAY_MS + int(draw() * 3 * DAY_MS)
        told.append(_Told(opened_ms, "phone", "complaint_opened", case))
        told.append(_Told(closed_ms, "phone", "complaint_closed", case))
    return told


def _export(draw: Callable[[], float], index: int) -> list[_Told]:
    """Return what the billing system tells of each customer every four weeks, by night."""
    at_ms = int(draw() * 5 * HOUR_MS)
    facts = {"first_name": FIRST_NAMES[index % len(FIRST_NAMES)], "paperless": index % 3 == 0}
    status = "denied" if index % 10 < 3 else "granted"
    consent = {"purpose": "marketing", "channel": "*", "status": status}
    return [
        _Told(at_ms, "billing", "cjo.profile", facts),
        _Told(at_ms + SECOND_MS, "billing", "cjo.consent", consent),
    ]


def _contract(draw: Callable[[], float], number: str) -> Iterator[_Told]:
    """Yield a new contract, of every fourth customer; a few withdraw from it."""
    if draw() >= 0.25:
        return
    signed_ms, contract = _by_day(draw, 28), {"contract": f"k{number}"}
    yield _Told(signed_ms, "billing", "contract_signed", contract)
    fate, after_ms = draw(), DAY_MS // 2 + int(draw() * 12 * DAY_MS)
    if fate < 0.6:
        yield _Told(signed_ms + after_ms, "portal", "reading_submitted", contract)
    elif fate < 0.7:
        yield _Told(signed_ms + after_ms, "billing", "contract_withdrawn", contract)


def _bill(draw: Callable[[], float], index: int, number: str) -> Iterator[_Told]:
    """Yield the bill; two in five are much higher than usual. Most are paid within days."""
    usual, more = 60 + index % 80, draw()
    amount = usual * (130 + int(60 * draw())) // 100 if more < 0.4 else usual
    bill = {"bill": f"b{number}", "amount": amount, "usual": usual}
    issued_ms = (index % 28) * DAY_MS + 6 * HOUR_MS + int(draw() * HOUR_MS)
    yield _Told(issued_ms, "billing", "bill_issued", bill)
    if draw() < 0.8:
        paid_ms = issued_ms + DAY_MS // 2 + int(draw() * 6 * DAY_MS)
        yield _Told(paid_ms, "billing", "bill_paid", {"bill": bill["bill"]})


def _call(draw: Callable[[], float]) -> Iterator[_Told]:
    """Yield a call that nobody took; most callers try again within hours, and get through."""
    missed_ms = _by_day(draw, 28)
    yield _Told(missed_ms, "phone", "call_missed", {})
    if draw() < 0.7:
        again_ms = missed_ms + 10 * MINUTE_MS + int(draw() * 5 * HOUR_MS)
        yield _Told(again_ms, "phone", "call_answered", {})


def _by_day(draw: Callable[[], float], days: int) -> int:
    """Return a moment between 8 and 14 o'clock UTC on one of the first days of a cycle."""
    return int(days * draw()) * DAY_MS + 8 * HOUR_MS + int(6 * HOUR_MS * draw())


class _Supplier:
    """The supplier's customers, planned cycle by cycle."""

    def __init__(self, setting: Setting) -> None:
        faults = Faults(late=0.0, repeated=0.0, malformed=0.0)
        self._setting = setting = msgspec.structs.replace(setting, faults=faults)
        self._scene = Scene(setting)
        natural = setting.people * EVENTS_A_CYCLE * 1_000 / CYCLE_MS
        self._haste = 1.0 if setting.rate is None else setting.rate / natural

    def world(self) -> World:
        """Plan the cycle in which the time begins, and what the one before left over."""
        first = int((self._setting.start_ms - ANCHOR_MS) * self._haste // CYCLE_MS)
        for index in range(self._setting.people):
            self._live(index, first - 1)
            self._live(index, first)
            self._plan_next(index, first + 1)
        return World(self._scene)

    def cycle(self, _time_ms: int, index: int, cycle: int) -> None:
        """A customer's next cycle begins."""
        self._live(index, cycle)
        self._plan_next(index, cycle + 1)

    def tell(self, time_ms: int, index: int, detail: tuple[str, _Told]) -> None:
        """Send an event."""
        id_, told = detail
        known = _identifiers(self._setting.seed, index)
        given = {"phone": known["phone"]} if told.channel == "phone" else known
        self._scene.send(
            Simulated(
                told.channel,
                time_ms,
                time_ms + SECOND_MS,
                known["customer"].encode(),
                native(id_, told.type, time_ms, given, told.attributes),
                known["customer"],
            )
        )

    def _live(self, index: int, cycle: int) -> None:
        """Plan the events of a cycle that lie within the simulated time."""
        begins_ms, seed = self._begin_ms(cycle), self._setting.seed
        for number, told in enumerate(_life(seed, index, cycle)):
            time_ms = begins_ms + int(told.offset_ms / self._haste)
            if time_ms >= self._setting.start_ms:
                id_ = f"{seed}-{index}-{cycle}-{number}"
                self._scene.plan(time_ms, self.tell, index, (id_, told))

    def _plan_next(self, index: int, cycle: int) -> None:
        self._scene.plan(self._begin_ms(cycle), self.cycle, index, cycle)

    def _begin_ms(self, cycle: int) -> int:
        return ANCHOR_MS + int(cycle * CYCLE_MS / self._haste)
