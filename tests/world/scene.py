"""A small world for tests of the core: a topology as text, events at times, by hand."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cjo_stream.testing.driver import TopologyDriver

HEAD = """
topology: scene
timezone: Europe/Berlin
channels:
  web:  {in: {}, out: {address: cookie}}
  mail: {out: {address: email}}
  push: {out: {address: device}}
identity:
  identifiers:
    - {type: user, limit: 1}
    - {type: email, limit: 2, normalise: email}
    - {type: device, limit: 5}
    - {type: cookie, limit: 5}
"""
ACTIONS = """
---
action: hello
class: service
treatments: {mail: {template: hello}, push: {template: hello_push}}
---
action: offer
treatments: {mail: {template: offer}}
"""
PROFILE = """
profile:
  facts: {tier: {type: string, default: basic}}
"""
ASK = """
journey: ask
version: 1
HOLDOUT
entry: {on: ask, key: event.k, reentry: always}
initial: asked
states:
  asked: {enter: [{decide: {group: offers}}], after: {1s: over}}
  over: {end: over}
---
action: card
group: offers
propensity: {prior: 0.2, features: [profile.tier, event.mood]}
treatments: {mail: {}}
---
action: loan
group: offers
propensity: 0.1
value: 1
treatments: {mail: {}}
---
policy: contact
reward_window: 2d
EXPLORE
"""
_NUMBERS = itertools.count()


class Scene:
    """A topology of HEAD, ACTIONS and more documents; times are seconds after midnight."""

    DAY_MS = 1_772_323_200_000  # 2026-03-01T00:00:00Z

    def __init__(
        self,
        folder: Path,
        more: str,
        *,
        profile: str = "",
        head: Mapping[str, str] | None = None,
        partitions: int = 1,
    ) -> None:
        """Write and load the topology; `head` replaces parts of HEAD by others."""
        beginning = HEAD
        for before, after in (head or {}).items():
            assert before in beginning
            beginning = beginning.replace(before, after)
        self._folder, self._beginning = folder, beginning + profile + ACTIONS + "---\n"
        self.driver = TopologyDriver(self._written(more), partitions)

    def apply(self, more: str, *, retire: bool = False) -> None:
        """Put the same topology with other documents in force."""
        self.driver.apply(self._written(more), retire=retire)

    def _written(self, more: str) -> Path:
        place = self._folder / f"topology-{next(_NUMBERS)}"
        place.mkdir()
        (place / "all.yaml").write_text(self._beginning + more)
        return place

    def send(self, type_: str, at: float, user: str = "u", **more: Any) -> None:
        """Send an event of `user` at a second of the day; other names are attributes.

        `identifiers`, `id` and `expect` are those of the driver.
        """
        identifiers = more.pop("identifiers", {"user": user, "email": f"{user}@example.com"})
        id_, expect = more.pop("id", None), more.pop("expect", None)
        self.driver.send(
            type_,
            at=self.DAY_MS + int(at * 1000),
            channel="web",
            identifiers=identifiers,
            attributes=more,
            id=id_,
            expect=expect,
        )

    def to(self, at: float) -> None:
        """Let time run on to a second of the day."""
        self.driver.advance_to(self.DAY_MS + int(at * 1000))

    def moves(self) -> list[tuple[Any, ...]]:
        """Return (second, journey, from, to, reason, outcome) of every transition."""
        return [
            (
                (t["time"] - self.DAY_MS) / 1000,
                t["journey"],
                t["from"],
                t["to"],
                t["reason"],
                t["outcome"],
            )
            for t in self.driver.transitions()
        ]

    def sent(self) -> list[tuple[float, str, str]]:
        """Return (second, action, channel) of every command."""
        return [
            ((a["issued_at"] - self.DAY_MS) / 1000, a["action"], a["channel"])
            for a in self.driver.actions()
        ]

    def traits(self, user: str = "u") -> dict[str, Any]:
        """Return the customer's traits."""
        row = self.driver.customer(f"user:{user}")
        assert row is not None
        traits: dict[str, Any] = row["traits"]
        return traits

    def facts(self, user: str = "u") -> dict[str, Any]:
        """Return the customer's facts."""
        row = self.driver.customer(f"user:{user}")
        assert row is not None
        facts: dict[str, Any] = row["facts"]
        return facts
