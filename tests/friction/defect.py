"""Defects of the shop, each in some of the people who come to a place for a day and a half."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Final, NamedTuple

from tests.friction.shop import DAY_MS, HOUR_MS, START_MS, Row, Transition

LASTS_MS: Final = 36 * HOUR_MS
LEAST: Final = 30
"""People affected on the first day."""


class Defect(NamedTuple):
    """A defect: its kind, what it strikes, since when, and the share of people whom it strikes."""

    kind: str
    of: str
    """An event type or a state."""
    places: frozenset[str]
    start_ms: int
    share: float
    seed: int

    def strikes(self, who: str, time_ms: int) -> bool:
        """Return whether somebody is struck who comes at a time."""
        within = self.start_ms <= time_ms < self.start_ms + LASTS_MS
        return within and random.Random(f"{self.seed} {who}").random() < self.share


class Struck(NamedTuple):
    """Rows with a defect in them, and the times at which it struck somebody."""

    rows: list[Row]
    affected: dict[str, int]


ONLINE: Final = ("web", "app")
SPECS: Final[tuple[tuple[str, str, str], ...]] = (
    ("error", "cart_updated", "event:checkout_error"),
    ("error", "product_viewed", "event:page_failed"),
    ("error", "parcel_shipped", "event:label_unreadable"),
    ("loop", "product_viewed", "event:product_viewed"),
    ("loop", "cart_updated", "event:cart_updated"),
    ("loop", "logged_in", "event:logged_in"),
    ("drop", "order_placed", "event:order_placed"),
    ("drop", "parcel_shipped", "event:parcel_shipped channel:parcel"),
    ("drop", "parcel_delivered", "event:parcel_delivered channel:parcel"),
    ("drop", "email_opened", "event:email_opened channel:email"),
    ("stall", "parcel_shipped", "event:parcel_shipped channel:parcel"),
    ("stall", "parcel_delivered", "event:parcel_delivered channel:parcel"),
    ("stall", "order_placed", "event:order_placed"),
    ("slow", "email_opened", "channel:email event:email_opened"),
    ("slow", "parcel_shipped", "channel:parcel event:parcel_shipped"),
    ("slow", "order_placed", "channel:web channel:app event:order_placed"),
    ("pace", "product_viewed", "event:product_viewed"),
    ("pace", "order_placed", "event:order_placed channel:web channel:app"),
    ("pace", "email_opened", "event:email_opened channel:email"),
    ("pace", "parcel_shipped", "event:parcel_shipped channel:parcel"),
)
"""Kind, event type, places."""
_LATER: Final = {"stall": (40, 70), "slow": (5, 14)}
"""Hours by which an event comes later."""
_SINCE: Final = {
    "product_viewed": "logged_in",
    "order_placed": "cart_updated",
    "email_opened": "order_placed",
    "parcel_shipped": "order_placed",
}
"""The event from which on an event takes two to three times as long, at another pace."""


def draw(seed: int, start_ms: int, spec: tuple[str, str, str]) -> Defect:
    """Return a defect of a kind, drawn from a seed."""
    share = random.Random(seed).uniform(0.4, 1.0)
    return Defect(spec[0], spec[1], frozenset(spec[2].split()), start_ms, share, seed)


def into_events(rows: Iterable[Row], defect: Defect) -> Struck:
    """Put a defect into events."""
    chance = random.Random(defect.seed)
    found: list[Row] = []
    affected: dict[str, int] = {}
    pace = chance.uniform(2.0, 3.0)
    since: dict[tuple[str, str], int] = {}
    for row in rows:
        who, type_, channel, at = row
        since[who, type_] = at
        if type_ != defect.of or channel == "store" or not defect.strikes(who, at):
            found.append(row)
            continue
        begun = since.get((who, _SINCE.get(type_, "")), at)
        if defect.kind == "pace" and not 0 < at - begun < 2 * DAY_MS:
            found.append(row)
            continue
        affected.setdefault(who, at)
        if defect.kind == "pace":
            found.append((who, type_, channel, begun + int(pace * (at - begun))))
        elif defect.kind == "error":
            name = min(defect.places).removeprefix("event:")
            found += [row, (who, name, channel, at + 2_000)]
        elif defect.kind == "loop":
            times = chance.randrange(5, 10)
            found += [(who, type_, channel, at + 4_000 * time) for time in range(times)]
        elif defect.kind in _LATER:
            low, high = _LATER[defect.kind]
            found.append((who, type_, channel, at + int(chance.uniform(low, high) * HOUR_MS)))
    return Struck(sorted(found, key=lambda row: row[3]), affected)


STATES: Final = (
    ("stall", "cart_recovery.filling"),
    ("stall", "browse_followup.looking"),
    ("loop", "cart_recovery.filling"),
    ("loop", "next_best.here"),
    ("loop", "browse_followup.looking"),
    ("exits", "cart_recovery.filling"),
    ("exits", "browse_followup.looking"),
)


def into_records(
    rows: Iterable[Transition], defect: Defect
) -> tuple[list[Transition], dict[str, int]]:
    """Put a defect into the records of instances that enter a state."""
    chance = random.Random(defect.seed)
    struck: dict[str, int] = {}
    affected: dict[str, int] = {}
    found: list[Transition] = []
    for row in rows:
        journey, instance, who, _, to, reason, _, at = row
        if instance in struck:
            continue
        found.append(row)
        enters = reason in ("entered", "moved") and f"{journey}.{to}" == defect.of
        if not enters or not defect.strikes(who, at):
            continue
        affected.setdefault(who, at)
        if defect.kind == "loop":
            found += [
                (journey, instance, who, to, to, "moved", None, at + 5_000 * time)
                for time in range(1, chance.randrange(5, 10))
            ]
            continue
        struck[instance] = at
        if defect.kind == "exits":
            left = (journey, instance, who, to, None, "exited", "broken", at + 60_000)
            found.append(left)
    return sorted(found, key=lambda row: row[7]), affected


def first_day(defect: Defect, affected: dict[str, int]) -> int:
    """Return how many people are affected on the first day."""
    return sum(at < defect.start_ms + DAY_MS for at in affected.values())


def starts(days: int, every_hours: int, seed: int) -> list[int]:
    """Return when the defects of a world of some days begin."""
    chance = random.Random(seed)
    first = START_MS + 10 * DAY_MS
    count = ((days - 12) * 24) // every_hours
    return [
        first + number * every_hours * HOUR_MS + chance.randrange(24) * HOUR_MS
        for number in range(count)
    ]
