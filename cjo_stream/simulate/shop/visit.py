"""Visits of the shop's people, by browser, by app or in a store: look, fill carts, buy, join.

    accept ── order                     of the offered product, or of the cart that was left
    visit ─┬─ till                      a receipt, by loyalty card
           └─ look ─ (log in | join) ─ cart ─┬─ order ─ aftermath
                                             └─ left, to be found again at a later visit

Event types and attributes are those that `topologies/shop` listens for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from cjo_stream.simulate.answer import Answers, Received, directory
from cjo_stream.simulate.record import Truth
from cjo_stream.simulate.response import Response
from cjo_stream.simulate.scene import Scene, Setting
from cjo_stream.simulate.shop.aftermath import Aftermath, Order
from cjo_stream.simulate.shop.population import CATEGORIES, GUEST, MEMBER, Person, Population
from cjo_stream.simulate.shop.preference import PREFERENCES, REACH, character
from cjo_stream.simulate.shop.source import SOURCES
from cjo_stream.simulate.source import Reporter
from cjo_stream.simulate.world import Hidden, World

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
OFFSET_MS = HOUR_MS  # of the shop's local time from UTC, for the hours in which people sleep
VISITS_A_DAY = (0.1, 0.7)
"""Of the person with the least and with the most zeal."""
EVENTS_A_DAY = 1.55
"""Events a person and day that result (measured); it converts a wanted rate."""

HURRY_MAX = 20.0
"""At a wanted rate people come more often, and are faster by the same factor, but at most by this
one: otherwise a person's records would overtake each other."""

PRODUCTS = 800
FAITHFUL = 0.7
"""Share of product views in the category of the person's taste."""
STORES = 12
PAYING_MS = 90_000

JOINED, GREETED, ASKED = 1, 2, 4
"""Flags of a person: has an account now; has given name and consents; has seen the banner."""

Cart = tuple[str, float, int, str]
"""Id, total, items, and the category of the last one."""


def world(setting: Setting) -> World:
    """Return the shop's world."""
    return _Shop(setting).world()


def truth(people: int, seed: int) -> Iterator[Truth]:
    """Yield everybody's identifiers, by person."""
    population = Population(people, seed)
    return (population.truth(index) for index in range(people))


class _Shop:
    """The shop and the state of its people: a byte each, and the carts they left."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._scene = Scene(setting)
        self._random = self._scene.random
        self._population = Population(setting.people, setting.seed)
        self._reporter = Reporter(self._scene, SOURCES)
        self._report = self._reporter.report
        self._aftermath = Aftermath(self._scene, self._reporter, self._population)
        self._flags = bytearray(setting.people)
        self._carts: dict[int, Cart] = {}
        natural = setting.people * EVENTS_A_DAY / 86_400
        self._haste = 1.0 if setting.rate is None else setting.rate / natural
        self._dwell = 1.0 / min(HURRY_MAX, max(1.0, self._haste))

    def world(self) -> World:
        """Plan everybody's first visit; return the world."""
        for index in range(self._setting.people):
            person = self._population.person(index)
            if person.standing == MEMBER:
                self._flags[index] = JOINED
            self._plan_visit(self._setting.start_ms, person, first=True)
        population = self._population
        response = Response(lambda index: character(population, index), PREFERENCES, REACH)
        people = (population.truth(index) for index in range(self._setting.people))
        owners = directory(people)
        answers = Answers(self._scene, response, owners, self.accept)
        return World(self._scene, answers.hear, Hidden(response, owners))

    def visit(self, time_ms: int, index: int, _: None) -> None:
        """One visit; plan the next."""
        person = self._population.person(index)
        self._plan_visit(time_ms, person)
        draw = self._random()
        if person.loyalty_id is not None and draw < 0.3:
            self._till(time_ms, person)
        elif person.device is not None and draw < 0.65:
            self._app(time_ms, person)
        else:
            self._browser(time_ms, person)

    def give_back(self, time_ms: int, index: int, receipt: dict[str, Any]) -> None:
        """Goods are returned to the store."""
        self._at_till(time_ms, self._population.person(index), "order_returned", receipt)

    def accept(self, time_ms: int, index: int, received: Received, worth: float) -> None:
        """Order the offered product, or the cart of which the person was reminded."""
        person = self._population.person(index)
        identifiers = {"cookie": person.cookies[0]}
        if self._flags[index] & JOINED and person.user_id is not None:
            identifiers |= {"user_id": person.user_id, "email": person.email}
        cart = self._carts.get(index)
        if "total" not in received.payload:
            cart = (self._reporter.name("c"), worth, 1, person.taste)
        elif cart is not None:
            del self._carts[index]
        if cart is not None:
            self._order(time_ms + PAYING_MS, person, "web", identifiers, cart)

    def _plan_visit(self, time_ms: int, person: Person, *, first: bool = False) -> None:
        least, most = VISITS_A_DAY
        a_day = (least + (most - least) * person.zeal) * self._haste
        mean_ms = DAY_MS / a_day
        if first:  # as if people had been visiting for long
            gap_ms = 2 * mean_ms * (1.0 - math.sqrt(self._random()))
        else:
            gap_ms = 2 * mean_ms * self._random()
        next_ms = time_ms + 1 + int(gap_ms)
        if self._setting.rate is None:
            hour = (next_ms + OFFSET_MS) // HOUR_MS % 24
            if hour < 7:  # nobody shops at night, except at a wanted rate
                next_ms += 8 * HOUR_MS
        self._scene.plan(next_ms, self.visit, person.index)

    # --- places

    def _till(self, time_ms: int, person: Person) -> None:
        total = round(8 + 180 * self._random() * self._random(), 2)
        receipt = {"total": total, "store": f"store{int(self._random() * STORES):02d}"}
        self._at_till(time_ms, person, "order_placed", receipt)
        if self._random() < 0.06:
            back_ms = time_ms + int((1 + 9 * self._random()) * DAY_MS)
            self._scene.plan(back_ms, self.give_back, person.index, receipt)

    def _at_till(
        self, time_ms: int, person: Person, type_: str, attributes: dict[str, Any]
    ) -> None:
        identifiers = {"loyalty_id": person.loyalty_id or ""}
        if self._random() < 0.5:  # wants the receipt by mail
            identifiers["email"] = person.email
        id_ = self._reporter.name("r")
        self._report(person, "store", type_, time_ms, identifiers, attributes, id_)

    def _app(self, time_ms: int, person: Person) -> None:
        """Visit by phone, or by the household's tablet; most people stay logged in."""
        device = person.device or ""
        if person.tablet is not None and self._random() < 0.3:
            device = person.tablet[0]
        identifiers = {"device": device}
        if self._flags[person.index] & JOINED and self._random() < 0.9 and person.user_id:
            identifiers["user_id"] = person.user_id
            time_ms = self._greet(time_ms, person, "app", identifiers)
        self._shop(time_ms, person, "app", identifiers)

    def _browser(self, time_ms: int, person: Person) -> None:
        cookie = person.cookies[int(self._random() * len(person.cookies))]
        if person.tablet is not None and self._random() < 0.3:
            cookie = person.tablet[1]
        identifiers = {"cookie": cookie}
        if not self._flags[person.index] & ASKED:
            self._flags[person.index] |= ASKED
            status = "granted" if self._random() < 0.5 else "denied"
            banner = {"purpose": "marketing", "channel": "web", "status": status}
            self._report(person, "web", "cjo.consent", time_ms, identifiers, banner)
        user_id = person.user_id
        if user_id is not None:
            if not self._flags[person.index] & JOINED:
                if self._random() < 0.3:
                    self._flags[person.index] |= JOINED
                    identifiers |= {"user_id": user_id, "email": person.email}
                    about = {"source": "web"}
                    self._report(person, "web", "account_created", time_ms, identifiers, about)
                    time_ms = self._greet(time_ms, person, "web", identifiers)
            elif self._random() < 0.6:
                identifiers |= {"user_id": user_id, "email": person.email}
                self._report(person, "web", "logged_in", time_ms, identifiers, {})
                time_ms = self._greet(time_ms, person, "web", identifiers)
        self._shop(time_ms, person, "web", identifiers)

    def _greet(
        self, time_ms: int, person: Person, channel: str, identifiers: dict[str, str]
    ) -> int:
        """Send name and consents, once; return the time after it."""
        if self._flags[person.index] & GREETED:
            return time_ms
        self._flags[person.index] |= GREETED
        month, day = 1 + person.index % 12, 1 + person.index % 28
        facts = {"first_name": person.first_name, "birthday": f"{month:02d}-{day:02d}"}
        self._report(person, channel, "cjo.profile", time_ms + 2_000, identifiers, facts)
        status = "granted" if self._random() < 0.7 else "denied"
        consent = {"purpose": "marketing", "channel": "*", "status": status}
        # Consents are given on the account page, which is on the web, even within the app.
        known = {"user_id": person.user_id or "", "cookie": person.cookies[0]}
        self._report(person, "web", "cjo.consent", time_ms + 3_000, known, consent)
        return time_ms + 5_000

    # --- actions

    def _shop(
        self, time_ms: int, person: Person, channel: str, identifiers: dict[str, str]
    ) -> None:
        random, report = self._random, self._report
        price, category = 0.0, person.taste
        for _ in range(1 + int(8 * random() * random())):
            time_ms += self._pause(8_000, 80_000)
            product = int(PRODUCTS * random() * random())
            if random() < FAITHFUL:
                product += CATEGORIES.index(person.taste) - product % len(CATEGORIES)
            price = round(4.95 + product * 37 % 180, 2)
            category = CATEGORIES[product % len(CATEGORIES)]
            seen = {"product": f"p{product}", "category": category, "price": price}
            report(person, channel, "product_viewed", time_ms, identifiers, seen)
        cart = self._carts.get(person.index)
        if cart is not None or random() < 0.35:
            cart = cart or (self._reporter.name("c"), 0.0, 0, category)
            self._fill(time_ms, person, channel, identifiers, cart, (category, price))

    def _pause(self, least_ms: int, spread_ms: int) -> int:
        """Return the time until the next click, ms."""
        return int((least_ms + self._random() * spread_ms) * self._dwell)

    def _fill(
        self,
        time_ms: int,
        person: Person,
        channel: str,
        identifiers: dict[str, str],
        cart: Cart,
        taken: tuple[str, float],
    ) -> None:
        """Put the product viewed last, by category and price, into the cart, once or more."""
        random = self._random
        cart_id, total, items, _ = cart
        category, price = taken
        for _ in range(1 + int(2.2 * random())):
            time_ms += self._pause(5_000, 60_000)
            total, items = round(total + price, 2), items + 1
            filled = {"cart_id": cart_id, "total": total, "items": items, "category": category}
            self._report(person, channel, "cart_updated", time_ms, identifiers, filled)
        time_ms += self._pause(20_000, 120_000)
        draw = random()
        if draw < 0.45:
            self._carts.pop(person.index, None)
            cart = (cart_id, total, items, category)
            self._order(time_ms, person, channel, identifiers, cart)
        elif draw < 0.5:
            self._carts.pop(person.index, None)
            emptied = {"cart_id": cart_id, "total": 0, "items": 0}
            self._report(person, channel, "cart_updated", time_ms, identifiers, emptied)
        else:
            self._carts[person.index] = (cart_id, total, items, category)

    def _order(
        self,
        time_ms: int,
        person: Person,
        channel: str,
        identifiers: dict[str, str],
        cart: Cart,
    ) -> None:
        """Check out: from now on the buyer has at least an e-mail address, real or invented."""
        buyer = {**identifiers, "email": person.email}
        secretive = person.typed is not None and self._random() < 0.5
        if secretive:
            buyer["email"] = person.typed or ""
        elif person.standing == GUEST and person.work_email and self._random() < 0.4:
            buyer["email"] = person.work_email.title()  # as people write it
        if channel == "web" and person.phone is not None and self._random() < 0.5:
            buyer["phone"] = person.phone
        cart_id, total, items, category = cart
        order_id = self._reporter.name("o")
        bought = {
            "order_id": order_id,
            "cart_id": cart_id,
            "total": total,
            "items": items,
            "category": category,
        }
        self._report(person, channel, "order_placed", time_ms, buyer, bought)
        if secretive:
            return  # and collected in the store
        known = {name: value for name, value in buyer.items() if name in ("user_id", "email")}
        self._aftermath.begin(time_ms, person, Order(order_id, known, total))
