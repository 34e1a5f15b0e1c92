"""Stories of customers who are met under several identifiers, told to any runtime.

A story is phases: what is in one phase races, one phase follows the other. `told` says of the
transitions, commands and customers whether it ended as it must.
"""

from __future__ import annotations

import functools
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cjo_stream.definition import DefinitionSet, load

Row = dict[str, Any]
Customers = list[dict[str, list[str]]]
"""The identifiers of each customer: type -> values."""

TOPOLOGY = """
topology: stories
channels:
  web: {in: {}, out: {address: cookie}}
identity:
  identifiers:
    - {type: user, limit: 1}
    - {type: email, limit: 2}
    - {type: device, limit: 3, shared_after: 3}
    - {type: cookie, limit: 5}
---
journey: cart
version: 1
entry: {on: cart}
goal: {on: purchase, exit: true}
initial: waiting
states:
  waiting: {after: {1h: reminded}}
  reminded: {enter: [{act: {action: reminder}}], end: reminded}
---
journey: quiz
version: 1
entry: {on: quiz_begun}
initial: waiting
states:
  waiting: {on: {quiz_ended: {to: thanked}}, after: {1d: lapsed}}
  thanked: {enter: [{act: {action: thanks}}], end: thanked}
  lapsed: {end: lapsed}
---
action: reminder
class: service
treatments: {web: {template: t}}
---
action: thanks
class: service
treatments: {web: {template: t}}
"""


@dataclass(frozen=True)
class Visit:
    """An event: its type, and under which identifiers it comes, `type:value` each."""

    type: str
    identifiers: tuple[str, ...]

    def named(self) -> dict[str, list[str]]:
        """Return the identifiers as an event gives them."""
        given: dict[str, list[str]] = {}
        for identifier in self.identifiers:
            type_, _, value = identifier.partition(":")
            given.setdefault(type_, []).append(value)
        return given


@dataclass(frozen=True)
class Ending:
    """How a story ended."""

    commands: list[str]
    transitions: Counter[tuple[str, str]]
    """(journey, reason) -> how often."""
    customers: Customers

    def of(self, type_: str, value: str) -> dict[str, list[str]]:
        """Return the identifiers of the one customer who has this one."""
        (found,) = [c for c in self.customers if value in c.get(type_, [])]
        return found


@dataclass(frozen=True)
class Story:
    """Phases of visits, and how it must end once the reminders are long due."""

    name: str
    phases: tuple[tuple[Visit, ...], ...]
    told: Callable[[Ending], None]


def visit(type_: str, *identifiers: str) -> Visit:
    """Return a visit."""
    return Visit(type_, identifiers)


@functools.cache
def topology() -> DefinitionSet:
    """Return the stories' topology."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "all.yaml").write_text(TOPOLOGY)
        return load(Path(folder))


def _no_reminder(ending: Ending) -> None:
    assert ending.commands == []
    assert ending.transitions["cart", "goal"] == 1
    assert ending.transitions["cart", "exited"] == 1
    assert set(ending.of("user", "ann")["cookie"]) == {"shop"}


def _thanked_once(ending: Ending) -> None:
    assert ending.commands == ["thanks"]
    assert ending.transitions["quiz", "ended"] == 1
    assert ending.of("cookie", "quiz")["user"] == ["ann"]


def _reminded_once(ending: Ending) -> None:
    assert ending.commands == ["reminder"]
    assert ending.transitions["cart", "ended"] == 1
    assert ending.transitions["cart", "merged"] == 0


def _nobody_is_another(ending: Ending) -> None:
    users = [customer["user"] for customer in ending.customers if "user" in customer]
    assert sorted(users) == sorted([f"member{number}"] for number in range(12))
    assert list(ending.of("device", "tablet")) == ["device"]


def _strangers_stay_strangers(ending: Ending) -> None:
    assert all(len(customer.get("user", [])) <= 1 for customer in ending.customers)
    assert len([c for c in ending.customers if "user" in c]) == 20
    assert len([c for c in ending.customers if "email" in c]) == 1


def _household() -> tuple[tuple[Visit, ...], ...]:
    logins = tuple(visit("login", f"user:member{n}", "device:tablet") for n in range(12))
    anonymous = tuple(visit("browse", "device:tablet") for _ in range(4))
    return (logins[:4] + anonymous[:2], logins[4:] + anonymous[2:], logins[::-1], anonymous)


STORIES = (
    Story(
        "a purchase that identifies a cookie stops the reminder of its cart",
        (
            (visit("cart", "cookie:shop"),),
            (visit("purchase", "user:ann", "cookie:shop"), visit("browse", "cookie:shop")),
        ),
        _no_reminder,
    ),
    Story(
        "a purchase that comes with a login, and the login itself, stop it too",
        (
            (visit("cart", "cookie:shop"), visit("login", "user:ann", "email:a@example.com")),
            (
                visit("login", "email:a@example.com", "cookie:shop"),
                visit("purchase", "user:ann", "email:a@example.com", "cookie:shop"),
                visit("browse", "cookie:shop"),
            ),
        ),
        _no_reminder,
    ),
    Story(
        "a wait begun anonymously is met after the merge",
        (
            (visit("quiz_begun", "cookie:quiz"),),
            (visit("login", "user:ann", "cookie:quiz"), visit("browse", "user:ann")),
            (visit("quiz_ended", "user:ann"),),
        ),
        _thanked_once,
    ),
    Story(
        "a wait begun anonymously is met by the event that merges",
        (
            (visit("quiz_begun", "cookie:quiz"), visit("browse", "user:ann")),
            (visit("quiz_ended", "user:ann", "cookie:quiz"),),
        ),
        _thanked_once,
    ),
    Story(
        "a timer of a customer who is merged, and merged again, fires once",
        (
            (visit("cart", "cookie:shop"),),
            (
                visit("login", "email:a@example.com", "cookie:shop"),
                visit("login", "user:ann", "email:a@example.com"),
                visit("login", "user:ann", "cookie:other"),
            ),
        ),
        _reminded_once,
    ),
    Story("a household's tablet merges nobody", _household(), _nobody_is_another),
    Story(
        "a test e-mail that many paste merges nobody",
        (
            tuple(visit("form", f"user:v{n}", "email:test@example.com") for n in range(20)),
            tuple(visit("form", f"user:v{n}", "email:test@example.com") for n in range(20)),
        ),
        _strangers_stay_strangers,
    ),
)
