"""The shop's people: each is a pure function of seed and index, so none is stored.

Every ten people are five households: three of one person, one of two, one of five. A household of
several may share a tablet, which is one device and one browser for all of them; a household of
five exceeds the `shared_after` of the shop, a household of two does not. Half of the people have
an account before the traffic begins, some open one later, some never do; a few of the latter type
an invented address at the site's checkout.
"""

from __future__ import annotations

from random import Random

import msgspec

from cjo_stream.simulate.record import Truth

# fmt: off
FIRST_NAMES = (
    "anna", "ben", "clara", "david", "elif", "finn", "greta", "hanna", "ivan", "jana", "karim",
    "lea", "mia", "noah", "olga", "paul", "rosa", "sami", "tara", "uwe", "vera", "wim", "yara",
    "zoe",
)
LAST_NAMES = (
    "adler", "baum", "celik", "dorn", "ehlers", "fuchs", "graf", "huber", "ivers", "jahn",
    "kaya", "lang", "maier", "nowak", "otto", "petrov", "quast", "roth", "simon", "thoma",
    "ullrich", "vogel", "weber", "zimmer",
)
# fmt: on
DOMAINS = ("example.com", "example.net", "example.org")
BYTES_A_PERSON = 10
CATEGORIES = ("shoes", "jackets", "trousers", "bags", "sports", "home", "kids", "sale")
TYPED = ("test@test.com", "nobody@example.com")
"""Invented addresses that people type; the shop blocks the first."""

MEMBER, JOINER, GUEST = range(3)


class Person(msgspec.Struct, frozen=True):
    """One person and their identifiers. `standing` is MEMBER, JOINER or GUEST at the start.

    `phone` is not normalised; `cookies` are those of their own browsers, `device` is their phone
    if they have the app; `tablet` is (device, cookie) shared with the household. `typed` is an
    e-mail address that they invent, as others do. `zeal` 0..1 is how often they come, relatively.
    `taste` is the category they like, `home` the channel they answer on.
    """

    index: int
    name: str
    first_name: str
    standing: int
    user_id: str | None
    loyalty_id: str | None
    email: str
    work_email: str | None
    phone: str | None
    cookies: tuple[str, ...]
    device: str | None
    tablet: tuple[str, str] | None
    typed: str | None
    zeal: float
    taste: str
    home: str


class Population:
    """The people of one seed."""

    def __init__(self, people: int, seed: int) -> None:
        self.people = people
        self._seed = seed
        draw = Random(seed).random  # noqa: S311 - people, not secrets
        self._draws = bytes(int(256 * draw()) for _ in range(BYTES_A_PERSON * people))

    def person(self, index: int) -> Person:
        """Return person `index`, 0 up to `people`."""
        place = index * BYTES_A_PERSON
        a, b, c, d, e, f, g, h, i, j = self._draws[place : place + BYTES_A_PERSON]
        tag = f"{self._seed}-{index}"
        standing = MEMBER if a < 140 else JOINER if a < 200 else GUEST
        first = FIRST_NAMES[b % len(FIRST_NAMES)]
        last = LAST_NAMES[c % len(LAST_NAMES)]
        mailbox = f"{first}.{last}.{tag}"
        return Person(
            index,
            f"person-{tag}",
            first.title(),
            standing,
            None if standing == GUEST else f"u{tag}",
            f"card{tag}" if d < 90 else None,
            f"{mailbox}@{DOMAINS[d % 3]}",
            f"{mailbox}@work.{DOMAINS[e % 3]}" if e < 40 else None,
            f"0151 {index // 10_000 % 10_000:04d} {index % 10_000:04d}" if f < 180 else None,
            tuple([f"c{tag}-{n}" for n in range(1 + f % 3)]),
            f"phone-{tag}" if g < 120 else None,
            self._tablet(index),
            TYPED[b % len(TYPED)] if standing == GUEST and e > 150 else None,
            h / 255,
            CATEGORIES[i % len(CATEGORIES)],
            _home(j, has_app=g < 120, has_card=d < 90),
        )

    def truth(self, index: int) -> Truth:
        """Return the identifiers of person `index`."""
        return _truth(self.person(index))

    def _tablet(self, index: int) -> tuple[str, str] | None:
        """Return the household's tablet; its first member's draws decide, for all members."""
        place = index % 10
        if place < 3:
            return None
        first = index - place + (3 if place < 5 else 5)
        if self._draws[first * BYTES_A_PERSON + 7] < 100:
            return None
        return f"tablet-{self._seed}-{first}", f"tc{self._seed}-{first}"


def anonymous_id(device: str) -> str:
    """Return the anonymous id that the app's tracking library uses on a device."""
    return f"install-{device}"


def _home(draw: int, *, has_app: bool, has_card: bool) -> str:
    """Return a favourite channel: mostly one that fits the person, in one case of four another."""
    if draw < 64:
        return ("web", "email", "push" if has_app else "sms")[draw % 3]
    return "push" if has_app else "email" if has_card else "web"


def _truth(person: Person) -> Truth:
    own: dict[str, list[str | None]] = {
        "user_id": [person.user_id],
        "loyalty_id": [person.loyalty_id],
        "email": [person.email, person.work_email],
        "phone": [person.phone and "+49" + person.phone[1:].replace(" ", "")],
        "device": [person.device],
        "anonymous_id": [person.device and anonymous_id(person.device)],
        "cookie": list(person.cookies),
    }
    found = {type_: [v for v in values if v] for type_, values in own.items()}
    shared: dict[str, list[str]] = {}
    if person.tablet is not None:
        device, cookie = person.tablet
        shared = {"device": [device], "anonymous_id": [anonymous_id(device)], "cookie": [cookie]}
    if person.typed is not None:
        shared["email"] = [person.typed]
    return Truth(
        person.name,
        {type_: values for type_, values in found.items() if values},
        shared,
    )
