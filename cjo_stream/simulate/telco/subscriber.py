"""The telco's subscribers: each is a pure function of seed and index.

    account   every subscriber has one
    line      one for each product with a line: broadband, mobile (TV runs over broadband)
    cookie    of the self-care portal; device: of the app, if they have it

Couples share a portal browser: every tenth subscriber and the next one.
"""

from __future__ import annotations

from random import Random

import msgspec

from cjo_stream.simulate.record import Truth
from cjo_stream.simulate.response import Character

FIRST_NAMES = (
    "ada",
    "bo",
    "cem",
    "dora",
    "emil",
    "frida",
    "gus",
    "hale",
    "ida",
    "jon",
    "kai",
    "lou",
)
TASTES = ("streamer", "gamer", "family", "traveller", "saver")
CHANNELS = ("portal", "app", "email", "sms")
DRAWS = 8


class Subscriber(msgspec.Struct, frozen=True):
    """One subscriber. `ends_day`: days from the start until the contract ends.

    `shared` is the cookie of a browser used by two. `zeal` 0..1: how often they visit.
    """

    index: int
    name: str
    first_name: str
    account: str
    email: str
    phone: str
    products: tuple[str, ...]
    lines: tuple[str, ...]
    cookie: str
    shared: str | None
    device: str | None
    zeal: float
    ends_day: int
    taste: str
    home: str


class Subscribers:
    """The subscribers of one seed."""

    def __init__(self, people: int, seed: int) -> None:
        self.people = people
        self._seed = seed
        draw = Random(seed).random  # noqa: S311 - people, not secrets
        self._draws = bytes(int(256 * draw()) for _ in range(DRAWS * people))

    def subscriber(self, index: int) -> Subscriber:
        """Return subscriber `index`, 0 up to `people`."""
        a, b, c, d, e, f, g, h = self._draws[index * DRAWS : (index + 1) * DRAWS]
        tag = f"{self._seed}-{index}"
        products = ["broadband"] if a < 200 else []
        if b < 150 or not products:
            products.append("mobile")
        if c < 80 and "broadband" in products:
            products.append("tv")
        has_app = d < 150
        home = CHANNELS[e % 4] if e < 200 or not has_app else "app"
        place = index % 10
        return Subscriber(
            index,
            f"subscriber-{tag}",
            FIRST_NAMES[f % len(FIRST_NAMES)].title(),
            f"acc{tag}",
            f"{FIRST_NAMES[f % len(FIRST_NAMES)]}.{tag}@example.com",
            f"0170 {index // 10_000 % 10_000:04d} {index % 10_000:04d}",
            tuple(products),
            tuple(f"{product[0]}l{tag}" for product in products if product != "tv"),
            f"pc{tag}",
            f"sc{self._seed}-{index - place}" if place < 2 else None,
            f"dev-{tag}" if has_app else None,
            g / 255,
            10 + h,
            TASTES[(a + c + f) % len(TASTES)],
            "email" if home == "app" and not has_app else home,
        )

    def truth(self, index: int) -> Truth:
        """Return the identifiers of subscriber `index`."""
        one = self.subscriber(index)
        own = {
            "account": [one.account],
            "line": list(one.lines),
            "email": [one.email],
            "phone": ["+49" + one.phone[1:].replace(" ", "")],
            "device": [one.device] if one.device else [],
            "cookie": [one.cookie],
        }
        shared = {"cookie": [one.shared]} if one.shared is not None else {}
        return Truth(one.name, {type_: held for type_, held in own.items() if held}, shared)

    def character(self, index: int) -> Character:
        """Return the character of subscriber `index`."""
        one = self.subscriber(index)
        return Character(one.name, one.taste, one.home, 0.7 + 0.25 * one.zeal)
