"""The lives of subscribers: they visit the portal, get bills, run out of data, and lines fail.

    signed up (the base, on the first day): facts, consent
    visit ─┬─ page, speed test          (only the network reports faults)
           └─ asks to be called: a lead ─ acknowledged by sales, soon, late or never ─ closed
    bill ─ paid | overdue ─ paid
    fault ─ resolved
    accept ─ ordered; a product that sales must discuss becomes a lead first

Event types and attributes are those that `topologies/telco` listens for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cjo_stream.simulate.answer import Answers, Received, directory
from cjo_stream.simulate.record import Truth
from cjo_stream.simulate.response import Response
from cjo_stream.simulate.scene import Scene, Setting
from cjo_stream.simulate.source import Reporter
from cjo_stream.simulate.telco.preference import PREFERENCES, REACH
from cjo_stream.simulate.telco.source import SOURCES
from cjo_stream.simulate.telco.subscriber import Subscriber, Subscribers
from cjo_stream.simulate.wire import rfc3339
from cjo_stream.simulate.world import Hidden, World

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
MONTH_MS = 30 * DAY_MS
EVENTS_A_DAY = 0.65
"""Events a subscriber and day that result (measured); it converts a wanted rate."""
AREAS = ("north", "south", "east", "west")
PAGES = ("broadband", "mobile", "tv", "billing")
BY_LEAD = frozenset({"fibre_upgrade"})
"""Actions whose acceptance becomes a lead: sales must call."""


def world(setting: Setting) -> World:
    """Return the telco's world."""
    return _Telco(setting).world()


def truth(people: int, seed: int) -> Iterator[Truth]:
    """Yield everybody's identifiers, by subscriber."""
    subscribers = Subscribers(people, seed)
    return (subscribers.truth(index) for index in range(people))


class _Telco:
    """The telco; each step plans the next."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._scene = Scene(setting)
        self._random = self._scene.random
        self._subscribers = Subscribers(setting.people, setting.seed)
        self._reporter = Reporter(self._scene, SOURCES)
        natural = setting.people * EVENTS_A_DAY / 86_400
        self._haste = 1.0 if setting.rate is None else setting.rate / natural

    def world(self) -> World:
        """Plan the first steps of all subscribers; return the world."""
        start_ms = self._setting.start_ms
        for index in range(self._setting.people):
            self._plan(start_ms, 0, 6 * HOUR_MS, self.sign_up, index)
            self._plan(start_ms, 6 * HOUR_MS, 4 * DAY_MS, self.visit, index)
            self._plan(start_ms, DAY_MS, MONTH_MS, self.bill, index)
            self._plan(start_ms, DAY_MS, 100 * DAY_MS, self.fail, index)
            self._plan(start_ms, DAY_MS, MONTH_MS, self.use, index)
        subscribers = self._subscribers
        response = Response(subscribers.character, PREFERENCES, REACH)
        people = (subscribers.truth(index) for index in range(self._setting.people))
        owners = directory(people)
        answers = Answers(self._scene, response, owners, self.accept)
        return World(self._scene, answers.hear, Hidden(response, owners))

    def sign_up(self, time_ms: int, index: int, _: None) -> None:
        """Send the customer base: facts and consents."""
        who = self._subscribers.subscriber(index)
        known = {"account": who.account, "email": who.email, "phone": who.phone}
        ends_ms = self._setting.start_ms + who.ends_day * DAY_MS
        facts = {
            "first_name": who.first_name,
            "products": list(who.products),
            "contract_end": rfc3339(ends_ms),
        }
        self._report(who, "crm", "cjo.profile", time_ms, known, facts)
        for line in who.lines:
            held = {"account": who.account, "line": line}
            self._report(who, "crm", "line_opened", time_ms + MINUTE_MS, held, {})
        status = "granted" if self._random() < 0.75 else "denied"
        consent = {"purpose": "marketing", "channel": "*", "status": status}
        self._report(who, "crm", "cjo.consent", time_ms + 2 * MINUTE_MS, known, consent)

    def visit(self, time_ms: int, index: int, _: None) -> None:
        """Visit the app or the portal, logged in or not yet; plan the next visit."""
        who = self._subscribers.subscriber(index)
        random = self._random
        gap_ms = int(2 * DAY_MS / (0.15 + 0.5 * who.zeal))
        next_ms = time_ms + 1 + int((HOUR_MS + random() * gap_ms) / self._haste)
        if self._setting.rate is None and next_ms // HOUR_MS % 24 < 6:
            next_ms += 8 * HOUR_MS  # people sleep at night, except at a wanted rate
        self._scene.plan(next_ms, self.visit, index)
        if who.device is not None and random() < 0.6:
            channel, identifiers = "app", {"device": who.device, "account": who.account}
        else:
            own = who.shared is None or random() < 0.7
            cookie = who.cookie if own else who.shared or ""
            channel, identifiers = "portal", {"cookie": cookie}
            if random() < 0.6:
                identifiers["account"] = who.account
        page = {"topic": PAGES[int(random() * len(PAGES))]}
        self._report(who, channel, "page_viewed", time_ms, identifiers, page)
        draw = random()
        if draw < 0.15 and "broadband" in who.products:
            speed = {"mbit": round(8 + 90 * random(), 1)}
            self._report(who, channel, "speed_test", time_ms + MINUTE_MS, identifiers, speed)
        elif draw > 0.96 and "account" in identifiers:
            self.ask(time_ms + 2 * MINUTE_MS, who, "fibre")

    def ask(self, time_ms: int, who: Subscriber, product: str) -> None:
        """Request a call: most leads are acknowledged in time, some late, some never."""
        lead = {"lead_id": self._reporter.name("l"), "product": product}
        known = {"account": who.account, "phone": who.phone}
        self._report(who, "crm", "lead_requested", time_ms, known, lead)
        draw = self._random()
        if draw < 0.9:
            least_ms, most_ms = (MINUTE_MS, 3 * HOUR_MS) if draw < 0.55 else (4 * HOUR_MS, DAY_MS)
            self._plan(time_ms, least_ms, most_ms, self.acknowledge, who.index, lead)

    def acknowledge(self, time_ms: int, index: int, lead: dict[str, str]) -> None:
        """Sales acknowledges the lead, and closes it later."""
        self._of_lead(time_ms, index, "lead_acknowledged", lead)
        self._plan(time_ms, DAY_MS, 10 * DAY_MS, self.close, index, lead)

    def close(self, time_ms: int, index: int, lead: dict[str, str]) -> None:
        """The lead is won or lost."""
        won = self._random() < 0.4
        self._of_lead(time_ms, index, "lead_closed", {**lead, "won": won})
        if won:
            self._order(time_ms + MINUTE_MS, index, lead["product"], 15.0)

    def bill(self, time_ms: int, index: int, _: None) -> None:
        """A bill a month; one of ten is not paid in time."""
        self._plan(time_ms, MONTH_MS, MONTH_MS + HOUR_MS, self.bill, index)
        amount = round(20 + 15 * len(self._subscribers.subscriber(index).products), 2)
        due = {"bill_id": self._reporter.name("b"), "amount": amount}
        self._of_bill(time_ms, index, "bill_issued", due)
        if self._random() < 0.9:
            self._plan(time_ms, DAY_MS, 13 * DAY_MS, self.pay, index, due)
        else:
            self._plan(time_ms, 14 * DAY_MS, 14 * DAY_MS + HOUR_MS, self.overdue, index, due)

    def overdue(self, time_ms: int, index: int, due: dict[str, Any]) -> None:
        """A bill is overdue; most are paid after a reminder."""
        self._of_bill(time_ms, index, "bill_overdue", due)
        if self._random() < 0.75:
            self._plan(time_ms, HOUR_MS, 9 * DAY_MS, self.pay, index, due)

    def pay(self, time_ms: int, index: int, due: dict[str, Any]) -> None:
        """A bill is paid."""
        self._of_bill(time_ms, index, "bill_paid", due)

    def use(self, time_ms: int, index: int, _: None) -> None:
        """Some subscribers have nearly used up the month's mobile data."""
        self._plan(time_ms, MONTH_MS, MONTH_MS + HOUR_MS, self.use, index)
        who = self._subscribers.subscriber(index)
        if "mobile" in who.products and (who.taste == "streamer" or self._random() < 0.25):
            share = {"share": round(0.8 + 0.2 * self._random(), 2)}
            known = {"account": who.account, "line": who.lines[-1]}
            self._report(who, "crm", "data_used", time_ms, known, share)

    def fail(self, time_ms: int, index: int, _: None) -> None:
        """A line fails; the network knows the line and whose contract it is."""
        self._plan(time_ms, 20 * DAY_MS, 120 * DAY_MS, self.fail, index)
        line = self._subscribers.subscriber(index).lines[0]
        fault = {"fault_id": self._reporter.name("f"), "area": AREAS[index % len(AREAS)]}
        self._of_line(time_ms, index, "fault_opened", line, fault)
        slow = self._random() < 0.3
        most_ms = 3 * DAY_MS if slow else 8 * HOUR_MS
        self._plan(time_ms, HOUR_MS, most_ms, self.mend, index, (line, fault))

    def mend(self, time_ms: int, index: int, broken: tuple[str, dict[str, str]]) -> None:
        """The line works again."""
        line, fault = broken
        self._of_line(time_ms, index, "fault_resolved", line, fault)

    def accept(self, time_ms: int, index: int, received: Received, worth: float) -> None:
        """A subscriber accepts an offer: an order, or a lead if sales must call first."""
        if received.action in BY_LEAD:
            self.ask(time_ms, self._subscribers.subscriber(index), received.action)
        else:
            self._order(time_ms + MINUTE_MS, index, received.action, worth)

    # --- reports by channel

    def _order(self, time_ms: int, index: int, product: str, worth: float) -> None:
        who = self._subscribers.subscriber(index)
        bought = {"order_id": self._reporter.name("o"), "product": product, "total": worth}
        known = {"account": who.account, "email": who.email}
        self._report(who, "crm", "product_ordered", time_ms, known, bought)

    def _of_lead(self, time_ms: int, index: int, type_: str, lead: dict[str, Any]) -> None:
        who = self._subscribers.subscriber(index)
        self._report(who, "sales", type_, time_ms, {"account": who.account}, lead)

    def _of_bill(self, time_ms: int, index: int, type_: str, due: dict[str, Any]) -> None:
        who = self._subscribers.subscriber(index)
        self._report(who, "billing", type_, time_ms, {"account": who.account}, due)

    def _of_line(
        self, time_ms: int, index: int, type_: str, line: str, fault: dict[str, str]
    ) -> None:
        who = self._subscribers.subscriber(index)
        self._report(who, "network", type_, time_ms, {"account": who.account, "line": line}, fault)

    def _report(
        self,
        who: Subscriber,
        channel: str,
        type_: str,
        time_ms: int,
        identifiers: dict[str, str],
        attributes: dict[str, Any],
    ) -> None:
        self._reporter.report(who, channel, type_, time_ms, identifiers, attributes)

    def _plan(
        self,
        time_ms: int,
        least_ms: int,
        most_ms: int,
        step: Any,
        index: int,
        detail: Any = None,
    ) -> None:
        """Plan a step `least_ms` to `most_ms` from now; sooner at a wanted rate."""
        wait_ms = least_ms + self._random() * (most_ms - least_ms)
        self._scene.plan(time_ms + 1 + int(wait_ms / self._haste), step, index, detail)
