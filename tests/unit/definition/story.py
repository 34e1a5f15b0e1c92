"""What customers live through while definitions change: before, the change, after.

    before    four customers with a past of every kind: facts, traits, cases, consents, instances
              with timers, requests that wait, commands with outcomes, reward windows, links
    change    another text is applied: everywhere at once, or in one partition after the other
    after     events, timers, merges of old with old and of old with new, an unmerge, profiles,
              an operator's looks; then more than a year without an event

Times are hours after the start.
"""

from __future__ import annotations

from tests.world.redefining import World

CHANGE = 48.0
YEAR = 24 * 400.0
RECORDS_A_YEAR_MAX = 500
"""Of the internal log, while nothing happens: whoever wakes each millisecond makes many more."""
OLD = ("ann", "bob", "eve", "cat")


def ids(name: str) -> dict[str, str]:
    """Return the identifiers of a person."""
    return {"user": name, "email": f"{name}@example.com", "cookie": f"of {name}"}


def tell_before(world: World) -> None:
    """Give four customers a past of every kind."""
    world.event("order", 0.0, {"cookie": "of cat"}, total=3, product="p0")
    for place, name in enumerate(OLD):
        at = 1.0 + place / 10
        mine = ids(name)
        world.event("cjo.profile", at, mine, tier="gold", vip=True)
        world.event("cjo.consent", at, mine, purpose="marketing", status="granted")
        world.event("order", at, mine, total=5, product="p1")
        world.event("seen_on_device", at, {**mine, "device": "shared"})
        world.event("cart", at, mine, cart="c1", total=10)
        world.event("cart", at + 0.01, mine, cart="c2", total=20)
        world.event("ticket_opened", at, mine, ticket="t1")
        world.event("ask", at + 11, mine, n=1)
        world.event("cjo.outcome", at + 12, mine, outcome="click", action="offer")
        world.event("ask_at_night", at + 21, mine, n=2)
    assert world.failures == []


def tell_after(world: World, *, in_halves: bool) -> None:
    """Let everything happen to old customers and a new one, under a set stored just now."""
    if in_halves:
        world.activate([0])
    else:
        world.activate()
    _live(world, CHANGE + 1, "ann", "bob", "dan")
    world.event("greeted", CHANGE + 2, {"user": "ann", "cookie": "of bob"})
    world.event("greeted", CHANGE + 2, {"user": "eve", "cookie": "of dan"})
    if in_halves:
        world.activate()
    world.to(CHANGE + 3)
    world.unlink("user:cat", "cookie:of cat")
    world.to(CHANGE + 4)
    _live(world, CHANGE + 5, "ann", "eve", "cat")
    for name in ("user:ann", "cookie:of bob", "user:eve", "user:cat", "cookie:of cat"):
        assert world.show(name)["found"]


def _live(world: World, at: float, *names: str) -> None:
    for name in names:
        mine = ids(name)
        world.event("order", at, mine, total=7, product="p2")
        world.event("cart", at, mine, cart="c1", total=30)
        world.event("cart", at, mine, cart="c3", total=40)
        world.event("ticket_closed", at, mine, ticket="t1")
        world.event("cjo.profile", at, mine, tier="silver")
        world.event("seen_on_device", at, {**mine, "device": "shared"})
        world.event("ask", at + 0.1, mine, n=3)
        world.event("cjo.outcome", at + 0.2, mine, outcome="accept", action="offer")
        world.event("ask_at_night", at + 0.3, mine, n=4)


def tell_years(world: World) -> None:
    """Let all timers fire, everybody be seen once more, and nothing happen for a year."""
    world.to(24 * 40)
    for name in (*OLD, "dan"):
        world.event("greeted", 24 * 40, {"user": name})
    records = world.to(YEAR)
    assert records < RECORDS_A_YEAR_MAX, f"{records} records, and nothing happened"
    assert world.failures == []
