"""Events that follow an order: mails, parcels (in time, late, or lost), tickets, reviews."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from cjo_stream.simulate.scene import Scene
from cjo_stream.simulate.shop.population import Person, Population
from cjo_stream.simulate.source import Reporter

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Order(msgspec.Struct, frozen=True):
    """One order placed online: the data of later events, and the buyer's identifiers."""

    order_id: str
    identifiers: dict[str, str]
    """`email` always, `user_id` if the buyer was logged in."""
    total: float
    days_late: int = 0


class Ticket(msgspec.Struct, frozen=True):
    """One ticket at the service desk."""

    ticket_id: str
    topic: str
    order: Order

    def attributes(self, **more: Any) -> dict[str, Any]:
        """Return the attributes of every event of the ticket, and `more`."""
        return {"ticket_id": self.ticket_id, "topic": self.topic, **more}


class Aftermath:
    """Plans and reports the events that follow orders."""

    def __init__(self, scene: Scene, reporter: Reporter, population: Population) -> None:
        self._scene = scene
        self._random = scene.random
        self._report = reporter.report
        self._name = reporter.name
        self._population = population

    def begin(self, time_ms: int, person: Person, order: Order) -> None:
        """Plan the events that follow an order."""
        random, plan = self._random, self._scene.plan
        if random() < 0.5:
            plan(self._within(time_ms, 2 * MINUTE_MS, 6 * HOUR_MS), self.mail, person.index, order)
        plan(self._within(time_ms, 6 * HOUR_MS, 30 * HOUR_MS), self.ship, person.index, order)
        if random() < 0.02:
            self._complain(time_ms, person, order, "question")

    def mail(self, time_ms: int, index: int, order: Order) -> None:
        """The confirmation is opened, perhaps clicked; a few people revoke their consent."""
        person = self._population.person(index)
        about = {"campaign": "order_confirmation", "order_id": order.order_id}
        self._report(person, "email", "email_opened", time_ms, order.identifiers, about)
        draw = self._random()
        if draw < 0.25:
            later_ms = time_ms + 20_000
            self._report(person, "email", "email_clicked", later_ms, order.identifiers, about)
        elif draw > 0.98:
            consent = {"purpose": "marketing", "channel": "email", "status": "revoked"}
            later_ms = time_ms + 30_000
            self._report(person, "email", "cjo.consent", later_ms, order.identifiers, consent)

    def ship(self, time_ms: int, index: int, order: Order) -> None:
        """The carrier has the parcel: most are delivered within one to three days."""
        self._scan(time_ms, index, order, "parcel_shipped")
        if self._random() < 0.88:
            due_ms = self._within(time_ms, 20 * HOUR_MS, 3 * DAY_MS)
            self._scene.plan(due_ms, self.deliver, index, order)
        else:
            due_ms = self._within(time_ms, 2 * DAY_MS, 4 * DAY_MS)
            late = msgspec.structs.replace(order, days_late=1 + int(self._random() * 4))
            self._scene.plan(due_ms, self.delay, index, late)

    def delay(self, time_ms: int, index: int, order: Order) -> None:
        """The parcel is late; it is delivered late, or reported lost, or has no further event."""
        self._scan(time_ms, index, order, "parcel_delayed")
        draw = self._random()
        if draw < 0.75:
            due_ms = self._within(time_ms, HOUR_MS, order.days_late * DAY_MS)
            self._scene.plan(due_ms, self.deliver, index, order)
        elif draw < 0.85:
            due_ms = self._within(time_ms, DAY_MS, 6 * DAY_MS)
            self._scene.plan(due_ms, self.lose, index, order)
        if self._random() < 0.4:
            self._complain(time_ms, self._population.person(index), order, "complaint")

    def lose(self, time_ms: int, index: int, order: Order) -> None:
        """The parcel is reported lost."""
        self._scan(time_ms, index, order, "parcel_lost")

    def deliver(self, time_ms: int, index: int, order: Order) -> None:
        """The parcel is delivered: some buyers review it, some send it back."""
        self._scan(time_ms, index, order, "parcel_delivered")
        draw = self._random()
        if draw < 0.15:
            due_ms = self._within(time_ms, 2 * DAY_MS, 9 * DAY_MS)
            self._scene.plan(due_ms, self.review, index, order)
        elif draw < 0.22:
            due_ms = self._within(time_ms, DAY_MS, 7 * DAY_MS)
            self._scene.plan(due_ms, self.send_back, index, order)
        elif draw < 0.25:
            self._complain(time_ms, self._population.person(index), order, "complaint")

    def review(self, time_ms: int, index: int, order: Order) -> None:
        """A review is written on the site."""
        stars = {"order_id": order.order_id, "stars": 1 + int(5 * math.sqrt(self._random()))}
        self._on_site(time_ms, index, order, "review_written", stars)

    def send_back(self, time_ms: int, index: int, order: Order) -> None:
        """The return is booked on the site."""
        goods = {"order_id": order.order_id, "total": order.total}
        self._on_site(time_ms, index, order, "order_returned", goods)

    def open(self, time_ms: int, index: int, ticket: Ticket) -> None:
        """A ticket is opened; within three days it is closed."""
        attributes = ticket.attributes(order_id=ticket.order.order_id)
        self._at_desk(time_ms, index, ticket, "ticket_opened", attributes)
        due_ms = self._within(time_ms, 2 * HOUR_MS, 3 * DAY_MS)
        self._scene.plan(due_ms, self.close, index, ticket)

    def close(self, time_ms: int, index: int, ticket: Ticket) -> None:
        """A ticket is closed; half of the people answer the question how it went, a day later."""
        self._at_desk(time_ms, index, ticket, "ticket_closed", ticket.attributes())
        if ticket.topic == "complaint" and self._random() < 0.5:
            due_ms = self._within(time_ms, 25 * HOUR_MS, 4 * DAY_MS)
            self._scene.plan(due_ms, self.answer, index, ticket)

    def answer(self, time_ms: int, index: int, ticket: Ticket) -> None:
        """The question how it went is answered."""
        attributes = ticket.attributes(score=1 + int(5 * self._random()))
        self._at_desk(time_ms, index, ticket, "survey_answered", attributes)

    # --- reports by channel

    def _complain(self, time_ms: int, person: Person, order: Order, topic: str) -> None:
        ticket = Ticket(self._name("t"), topic, order)
        due_ms = self._within(time_ms, 30 * MINUTE_MS, 20 * HOUR_MS)
        self._scene.plan(due_ms, self.open, person.index, ticket)

    def _scan(self, time_ms: int, index: int, order: Order, type_: str) -> None:
        attributes: dict[str, Any] = {"order_id": order.order_id}
        if type_ == "parcel_delayed":
            attributes["days_late"] = order.days_late
        person = self._population.person(index)
        self._report(person, "parcel", type_, time_ms, order.identifiers, attributes)

    def _at_desk(
        self, time_ms: int, index: int, ticket: Ticket, type_: str, attributes: dict[str, Any]
    ) -> None:
        person = self._population.person(index)
        self._report(person, "desk", type_, time_ms, ticket.order.identifiers, attributes)

    def _on_site(
        self, time_ms: int, index: int, order: Order, type_: str, attributes: dict[str, Any]
    ) -> None:
        person = self._population.person(index)
        identifiers = {**order.identifiers, "cookie": person.cookies[0]}
        self._report(person, "web", type_, time_ms, identifiers, attributes)

    def _within(self, time_ms: int, least_ms: int, most_ms: int) -> int:
        """Return a random time, `least_ms` to `most_ms` after `time_ms`."""
        return time_ms + least_ms + int(self._random() * (most_ms - least_ms))
