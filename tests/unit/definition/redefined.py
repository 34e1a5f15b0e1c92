"""The table of what an `apply` may change: one row a key of the grammar.

A row changes BASE at one key, while customers have a past by it. `holds` says what must be so then,
besides what must be so for all rows (test_redefined); `refused`, that the change is refused, and
how its way out begins.
"""
# ruff: noqa: E501 (a row is a line, and texts that are taken from BASE stand as they are there)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.world.redefining import START_MS, World

BASE = """\
topology: base
about: It sells.
timezone: Europe/Berlin
region: DE
dedupe: 7d
grace: 5m
max_late: 1d
channels:
  web: {in: {}, out: {address: cookie}}
  mail: {out: {address: email, topic: mails}}
  till:
    in:
      topic: tills
      format: mapped
      map:
        id: row.id
        type: "'order'"
        time: row.ts
        identifiers: {user: row.user}
        attributes: {total: row.sum}
identity:
  identifiers:
    - {type: user, limit: 2}
    - {type: email, limit: 3, normalise: email}
    - {type: device, limit: 5, shared_after: 8, of: user}
    - {type: cookie, limit: 9, per: 90d}
  blocked: [guest, {value: "7", type: email}, {pattern: "^test-"}]
profile:
  facts:
    tier: string
    vip: {type: boolean, default: false}
  traits:
    carts: {count: cart}
    spend: {sum: event.total, on: order, when: event.total > 0}
    least: {min: event.total, on: order}
    most: {max: event.total, on: order}
    first: {first: event.product, on: order}
    last: {last: event.product, on: order}
    kinds: {distinct: event.product, on: order, keep: 3}
    recent: {sum: event.total, on: order, per: 10d}
service:
  opened: {on: ticket_opened, when: event.ticket != 'x', key: event.ticket}
  closed: {on: ticket_closed, when: event.ticket != 'x', key: event.ticket}
predict:
  buys: {on: cart, when: event.total > 0, event: order, within: 49h, prior: 0.2, features: [profile.carts]}
  leaves: {on: order, without: order, within: 50h, prior: 0.3}
owners:
  growth: {paths: ["growth/**"], channels: [mail], levers: 20, approves: [caps]}
---
journey: buying
version: 1 # buying
owner: growth
about: Carts that wait.
status: live
entry: {on: cart, when: event.total >= 1, key: event.cart, reentry: {after_end: 1h}}
holdout: 30%
data: {total: event.total}
goal: {on: order, when: event.total > 6, within: 7d, exit: false, do: {set: {tier: "'buyer'"}}}
exit: {on: gone, when: event.really, as: gone, do: {assign: {total: 0}}}
initial: waiting
on: {cart: {when: event.cart == key, do: {assign: {total: event.total}}}}
states:
  waiting:
    enter: {raise: {type: noticed, attributes: {total: data.total}}}
    leave: {assign: {left: 1}}
    on: {noticed_back: {when: data.total > 0, to: asked}}
    always: {when: data.total > 1000, to: asked}
    after: {1d: asked, 30h: {to: done, when: data.total > 5000}}
    at: {time: now + duration('3d'), to: asked, when: data.total > 0, do: {assign: {at: 1}}, past: skip}
  asked:
    enter:
      - {act: {action: offer, channels: [web, mail], data: {n: 1}}}
      - {decide: {issue: sales, group: goods, actions: [offer, news], channels: [mail], data: {n: 2}}}
    after: {2d: {split: {a: {weight: 50, to: done}, b: {weight: 50, to: over}}}}
  done: {end: done}
  over: {end: over}
---
journey: asking
version: 1 # asking
entry: {on: ask, reentry: {after_entry: 1h}}
initial: asked
states:
  asked: {enter: {act: offer}, after: {40d: over}}
  over: {end: over}
---
journey: asking_at_night
version: 1 # asking_at_night
entry: {on: ask_at_night, reentry: always}
initial: asked
states:
  asked: {enter: {act: news}, after: {40d: over}}
  over: {end: over}
---
action: offer
issue: sales
group: goods
owner: sales
class: marketing
value: 10
lever: 5
eligible: profile.orders_ok or true
applicable: not profile.vip or true
suitable: profile.spend < 1000
context: {when: profile.tier == 'gold', weight: 20}
propensity: {prior: 0.1, features: [profile.tier, profile.spend]}
limits: {outcome: reject, count: 2, per: 10d, pause: 1d}
expires: 2d
treatments:
  web: {template: a, payload: {n: data.n}}
  mail: {template: b, propensity: {prior: 0.2, features: [profile.tier]}}
---
action: news
issue: sales
group: goods
treatments: {mail: {template: c}}
---
action: call
issue: care
group: calls
class: service
treatments: {mail: {template: d}}
---
policy: contact
caps:
  - {name: a_day, class: marketing, channel: mail, issue: sales, group: goods, action: offer, max: 30, per: day}
limits:
  - {group: goods, issue: sales, channel: mail, outcome: click, count: 90, per: 3d, pause: 1d}
quiet_hours: {channel: mail, days: [sun, mon, tue, wed, thu, fri, sat], from: "21:00", until: "08:00", then: delay}
consent: {marketing: opt_in}
service_gate: {block: [transactional]}
levers: {issue: {sales: 10}, group: {goods: 10}}
holdout: 20%
explore: 5%
week_starts: mon
reward_window: 7d
---
measure: sold # it
owner: finance
about: What was paid.
on: order
when: event.total > 5
value: event.total
per: state
""".replace("profile.orders_ok or true", "profile.carts >= 0")

Holds = Callable[[World], None]
Edit = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """One change: the texts taken from BASE, each with what stands there then."""

    edits: tuple[Edit, ...]
    holds: Holds | None = None
    refused: str | None = None

    @property
    def text(self) -> str:
        """BASE with the change made."""
        text = BASE
        for old, new in self.edits:
            assert text.count(old) == 1, (text.count(old), old)
            text = text.replace(old, new)
        return text


def change(old: str, new: str, holds: Holds | None = None) -> Row:
    """A change that governs from the `apply` on."""
    return Row(((old, new),), holds)


def version(journey: str, *edits: Edit, holds: Holds | None = None) -> Row:
    """A change of a journey's content, which takes a new version."""
    number = (f"version: 1 # {journey}\n", f"version: 2 # {journey}\n")
    return Row((number, *edits), holds or old_instances_finish)


def refused(*edits: Edit, way_out: str) -> Row:
    """A change that is refused."""
    return Row(edits, refused=way_out)


# --- what must hold --------------------------------------------------------------------------

ANN = "user:ann"
"""Merged with Bob after the change: each ordered for 5 before it, and for 7 after it; she twice."""


def trait(name: str, value: object) -> Holds:
    """Ann's trait, all orders counted or those since the change."""

    def holds(world: World) -> None:
        assert world.traits(ANN).get(name) == value, (name, world.traits(ANN))

    return holds


def fact(name: str, value: object) -> Holds:
    """Ann's fact; None for none."""

    def holds(world: World) -> None:
        assert world.facts(ANN).get(name) == value

    return holds


def predicted(*names: str) -> Holds:
    """Of what was predicted before the change, outcomes were told for these predictions alone."""

    def holds(world: World) -> None:
        changed_ms = START_MS + 48 * 3_600_000
        told = {p["predict"] for p in world.sent("prediction") if p["opened_at"] < changed_ms}
        assert told == set(names), told

    return holds


def unrecorded(*kinds: str) -> Holds:
    """After the change there is no record of these kinds; before it there was."""

    def holds(world: World) -> None:
        changed_ms = START_MS + 48 * 3_600_000
        for kind in kinds:
            times = [one["time"] for one in world.sent(kind)]
            assert times, kind
            assert max(times) <= changed_ms, (kind, max(times) - changed_ms)

    return holds


def measured(name: str, value: float, state: str | None = "waiting") -> Holds:
    """After the change Ann's orders are measured so."""

    def holds(world: World) -> None:
        changed_ms = START_MS + 48 * 3_600_000
        told = [one for one in world.sent("measure") if one["time"] > changed_ms]
        found = {(one["measure"], one["value"], one["state"]) for one in told}
        assert (name, value, state) in found, found

    return holds


def nothing_measured(world: World) -> None:
    """No order is measured any more."""
    assert all(one["time"] < START_MS + 48 * 3_600_000 for one in world.sent("measure"))


def nobody_has(name: str) -> Holds:
    """No customer shows a trait or fact of that name."""

    def holds(world: World) -> None:
        for who in (ANN, "user:eve", "user:cat"):
            assert name not in world.traits(who)
            assert name not in world.facts(who)

    return holds


def cases_begin_anew(world: World) -> None:
    """Bob's ticket of before is none any more."""
    customer = world.customer("user:eve")
    assert customer.cases_era == 1
    assert "t1" not in customer.cases


def cases_stay(world: World) -> None:
    """What was opened before the change is known, and was closed after it."""
    case = world.customer("user:eve").cases["t1"]
    assert case.opened_at == START_MS + int(1.2 * 3_600_000)
    assert case.closed_at == START_MS + 53 * 3_600_000


def begun_users(world: World) -> None:
    """A device counts only values of the type that counts now."""
    device = world.identifier("device:shared")
    assert device.counted == "email"
    assert len(device.users) == 5


def each_customer_enters_one_version(world: World) -> None:
    """By the draw of the canary, unless a verdict has given everybody the other one."""
    later = world.sent("transition")
    entered = [
        (t["customer_id"], t["version"])
        for t in later
        if t["journey"] == "buying" and t["reason"] == "entered"
    ]
    new = {customer for customer, version in entered if version == 2}
    assert {version for _, version in entered} <= {1, 2}
    for customer in new:
        versions = [version for one, version in entered if one == customer]
        assert versions == sorted(versions)


def old_instances_finish(world: World) -> None:
    """Instances of version 1 ended as version 1 has it; later ones are of version 2."""
    ends = [t for t in world.sent("transition") if t["journey"] == "buying"]
    if any(t["version"] == 2 for t in ends):
        entered = [t["version"] for t in ends if t["reason"] == "entered"]
        assert entered == sorted(entered)
    # The cart of before the change, by version 1: waiting, then asked a day later.
    asked = [t for t in ends if t["version"] == 1 and t["to"] == "asked"]
    assert asked


def old_instances_left(world: World) -> None:
    """No instance of version 1 lives on; one that lived ended as migrated."""
    moves = [t for t in world.sent("transition") if t["journey"] == "buying"]
    outcomes = [t["outcome"] for t in moves if t["version"] == 1 and t["reason"] == "exited"]
    assert "migrated" in outcomes
    assert not any(t["version"] == 1 and t["to"] == "asked" for t in moves)


def old_instances_moved(world: World) -> None:
    """Instances of version 1 went on in version 2, in the state of its map, without its steps."""
    moves = [t for t in world.sent("transition") if t["journey"] == "buying"]
    moved = [t for t in moves if (t["version"], t["from"], t["to"]) == (2, "waiting", "asked")]
    assert moved
    assert not any(t["version"] == 1 and t["to"] == "asked" for t in moves)


def nothing_held_out(world: World) -> None:
    """Version 2 has no holdout: nobody is held out in it."""
    entered = [
        t
        for t in world.sent("transition")
        if t["journey"] == "buying" and t["version"] == 2 and t["reason"] == "entered"
    ]
    assert entered
    assert not any(t["holdout"] for t in entered)


def never_again(world: World) -> None:
    """The re-entry rule of version 2 counts the instances of version 1."""
    entered = [t for t in world.sent("transition") if t["reason"] == "entered"]
    asked = {t["customer_id"] for t in entered if t["journey"] == "asking" and t["version"] == 2}
    assert world.customer(ANN).id not in asked


IN_FORCE = None
"""Today's rule judges; what is kept of the past are facts, which any rule may count."""

SPEND = "spend: {sum: event.total, on: order, when: event.total > 0}"
KINDS = "kinds: {distinct: event.product, on: order, keep: 3}"
RECENT = "recent: {sum: event.total, on: order, per: 10d}"
OPENED = "opened: {on: ticket_opened, when: event.ticket != 'x', key: event.ticket}"
CLOSED = "closed: {on: ticket_closed, when: event.ticket != 'x', key: event.ticket}"
SERVICE = f"service:\n  {OPENED}\n  {CLOSED}\n"
TILL = BASE[BASE.index("  till:") : BASE.index("identity:")]
PREDICT = BASE[BASE.index("predict:") : BASE.index("owners:")]
OWNERS = BASE[BASE.index("owners:") : BASE.index("---\njourney: buying")]
FACTS = BASE[BASE.index("  facts:") : BASE.index("  traits:")]
TRAITS = BASE[BASE.index("  traits:") : BASE.index("service:")]
PROFILE = f"profile:\n{FACTS}{TRAITS}"
ENTRY = "entry: {on: cart, when: event.total >= 1, key: event.cart, reentry: {after_end: 1h}}"
GOAL = BASE[BASE.index("goal: {on") : BASE.index("exit: {on")]
EXIT = BASE[BASE.index("exit: {on") : BASE.index("initial: waiting")]
AT = BASE[BASE.index("    at: {time") : BASE.index("  asked:\n")]
ACT = "{act: {action: offer, channels: [web, mail], data: {n: 1}}}"
DECIDE = BASE[BASE.index("{decide:") : BASE.index("    after: {2d")].rstrip()
SPLIT = "{split: {a: {weight: 50, to: done}, b: {weight: 50, to: over}}}"
CAP = BASE[BASE.index("{name: a_day") : BASE.index("limits:\n  - {group")].rstrip()
CAPS = f"caps:\n  - {CAP}\n"
LIMIT = (
    "{group: goods, issue: sales, channel: mail, outcome: click, count: 90, per: 3d, pause: 1d}"
)
EVENTS = (
    "{order: {total: number, product: string}, cart: {total: number, cart: string}, ask: {}, ask_at_night: {}, "
    "gone: {really: boolean}, noticed_back: {}, ticket_opened: {ticket: string}, ticket_closed: {ticket: string}}"
)
QUIET = BASE[BASE.index("quiet_hours:") : BASE.index("consent: {m")]
OFFER_LIMIT = "limits: {outcome: reject, count: 2, per: 10d, pause: 1d}"

ROWS: dict[str, Row] = {
    # --- topology
    "topology.topology": refused(("topology: base", "topology: other"), way_out="apply its folder"),
    "topology.about": change("about: It sells.\n", ""),
    "topology.timezone": change("timezone: Europe/Berlin", "timezone: Asia/Tokyo", IN_FORCE),
    "topology.region": change("region: DE", "region: FR", IN_FORCE),
    "topology.dedupe": change("dedupe: 7d", "dedupe: 1h", IN_FORCE),
    "topology.grace": change("grace: 5m", "grace: 2d", IN_FORCE),
    "topology.max_late": change("max_late: 1d", "max_late: 1h", IN_FORCE),
    "topology.records": change("max_late: 1d", "max_late: 1d\nrecords: {transition: off, decision: off}", unrecorded("transition", "decision")),
    "topology.records.transition": change("max_late: 1d", "max_late: 1d\nrecords: {transition: off}", unrecorded("transition")),
    "topology.records.decision": change("max_late: 1d", "max_late: 1d\nrecords: {decision: decide}", IN_FORCE),
    "topology.records.profile": change("max_late: 1d", "max_late: 1d\nrecords: {profile: off}", unrecorded("profile")),
    "topology.records.reward": refused(("max_late: 1d", "max_late: 1d\nrecords: {reward: off}"), way_out="leave them on"),
    "topology.events": change("\nprofile:\n", f"\nevents: {EVENTS}\nprofile:\n", IN_FORCE),
    "topology.channels": change(TILL, "", IN_FORCE),
    "topology.channels.in": change("web: {in: {}, out", "web: {out", IN_FORCE),
    "topology.channels.in.topic": change("topic: tills", "topic: cashiers", IN_FORCE),
    "topology.channels.in.format": change("web: {in: {}", "web: {in: {format: segment}"),
    "topology.channels.in.registry": change("topic: tills", "topic: tills\n      registry: avro"),
    "topology.channels.in.map": change("attributes: {total: row.sum}", "attributes: {}"),
    "topology.channels.in.map.each": change("        id: row.id\n", "        id: row.id\n        each: row.all\n"),
    "topology.channels.in.map.id": change("        id: row.id\n", ""),
    "topology.channels.in.map.type": change("type: \"'order'\"", "type: row.kind"),
    "topology.channels.in.map.time": change("time: row.ts", "time: row.at"),
    "topology.channels.in.map.identifiers": change("{user: row.user}", "{email: row.mail}"),
    "topology.channels.in.map.attributes": change("{total: row.sum}", "{total: row.total}"),
    "topology.channels.out": change("web: {in: {}, out: {address: cookie}}", "web: {in: {}, out: {address: email}}"),
    "topology.channels.out.address": change("{address: email, topic: mails}", "{address: user, topic: mails}"),
    "topology.channels.out.format": change("topic: mails", "topic: mails, format: avro"),
    "topology.channels.out.topic": change("topic: mails", "topic: letters"),
    "topology.identity": refused(("    - {type: cookie, limit: 9, per: 90d}\n", ""), ("out: {address: cookie}", "out: {address: email}"), way_out="declare cookie"),
    "topology.identity.identifiers": refused(
        (
            "    - {type: user, limit: 2}\n    - {type: email, limit: 3, normalise: email}\n",
            "    - {type: email, limit: 3, normalise: email}\n    - {type: user, limit: 2}\n",
        ),
        way_out="keep user, email",
    ),
    "topology.identity.identifiers.type": refused(("{type: device,", "{type: phone,"), way_out="declare device"),
    "topology.identity.identifiers.limit": change("{type: user, limit: 2}", "{type: user, limit: 1}"),
    "topology.identity.identifiers.per": change("limit: 9, per: 90d", "limit: 9"),
    "topology.identity.identifiers.normalise": refused((", normalise: email", ""), way_out="keep it"),
    "topology.identity.identifiers.shared_after": change("shared_after: 8", "shared_after: 1"),
    "topology.identity.identifiers.of": change("of: user}", "of: email}", begun_users),
    "topology.identity.blocked": change("[guest,", "[guest, ann,"),
    "topology.identity.blocked.type": change('"7", type: email', '"7", type: user'),
    "topology.identity.blocked.value": change('value: "7"', 'value: "8"'),
    "topology.identity.blocked.pattern": change("^test-", "^trial-"),
    "topology.profile": change(
        "    vip: {type: boolean, default: false}\n  traits:\n",
        "  traits:\n    vip: {last: event.total, on: order}\n",
        trait("vip", 7),
    ),
    "topology.profile.facts": change("    tier: string\n", "    tier: string\n    size: number\n", fact("tier", "silver")),
    "topology.profile.facts.type": change("tier: string", "tier: number", fact("tier", None)),
    "topology.profile.facts.default": change("default: false", "default: true", fact("vip", True)),
    "topology.profile.traits": change("    carts: {count: cart}\n", "    carts: {sum: event.total, on: cart}\n", trait("carts", 210)),
    "topology.profile.traits.count": change("carts: {count: cart}", "carts: {count: order}", trait("carts", 3)),
    "topology.profile.traits.sum": change(SPEND, "spend: {sum: event.total * 2, on: order}", trait("spend", 42)),
    "topology.profile.traits.min": change("least: {min: event.total", "least: {max: event.total", trait("least", 7)),
    "topology.profile.traits.max": change("most: {max: event.total", "most: {distinct: event.total", trait("most", [7])),
    "topology.profile.traits.first": change("first: {first: event.product", "first: {last: event.total", trait("first", 7)),
    "topology.profile.traits.last": change("last: {last: event.product", "last: {first: event.product", trait("last", "p2")),
    "topology.profile.traits.distinct": change(KINDS, "kinds: {count: order}", trait("kinds", 3)),
    "topology.profile.traits.on": change("spend: {sum: event.total, on: order", "spend: {sum: event.total, on: [order, cart]", trait("spend", 231)),
    "topology.profile.traits.when": change("on: order, when: event.total > 0}", "on: order, when: event.total > 1}", trait("spend", 21)),
    "topology.profile.traits.per": change(SPEND, "spend: {sum: event.total, on: order, per: 90d}", trait("spend", 21)),
    "topology.profile.traits.keep": change("keep: 3", "keep: 1", trait("kinds", ["p2"])),
    # --- predictions: outcomes of another definition are not told, and it begins with its prior
    "topology.predict": change(PREDICT, "", predicted()),
    "topology.predict.on": change("buys: {on: cart", "buys: {on: [cart, ask]", predicted("leaves")),
    "topology.predict.when": change("on: cart, when: event.total > 0, event: order", "on: cart, event: order", predicted("leaves")),
    "topology.predict.event": change("event: order, within", "event: [order, ask], within", predicted("leaves")),
    "topology.predict.without": change("without: order", "without: [order, ask]", predicted("buys")),
    "topology.predict.goal": change("without: order", "goal: buying", predicted("buys")),
    "topology.predict.within": change("within: 50h", "within: 51h", predicted("buys")),
    "topology.predict.prior": change("prior: 0.3}", "prior: 0.4}", predicted("buys", "leaves")),
    "topology.predict.features": change("[profile.carts]", "[profile.spend]", predicted("buys", "leaves")),
    # --- service
    "topology.service": change(SERVICE, "", cases_begin_anew),
    "topology.service.opened": change(f"  {OPENED}\n", "", cases_stay),
    "case_rule.on": change("{on: ticket_opened,", "{on: [ticket_opened, chat_opened],", cases_stay),
    "case_rule.when": change(f"{CLOSED}", "closed: {on: ticket_closed, key: event.ticket}", cases_stay),
    "case_rule.key": change(CLOSED, "closed: {on: ticket_closed, key: event.number}", cases_begin_anew),
    "topology.service.closed": change(f"  {CLOSED}\n", "", cases_begin_anew),
    "topology.owners": change(OWNERS, "", IN_FORCE),
    "topology.owners.paths": change("growth/**", "growing/**", IN_FORCE),
    "topology.owners.channels": change("channels: [mail], levers", "channels: [web], levers", IN_FORCE),
    "topology.owners.levers": change("levers: 20", "levers: 30", IN_FORCE),
    "topology.owners.approves": change("approves: [caps]", "approves: [limits]", IN_FORCE),
    # --- journey
    "journey.journey": refused(("journey: buying\n", "journey: selling\n"), way_out="--retire"),
    "journey.version": version("buying"),
    "journey.owner": change("owner: growth", "owner: sales_too"),
    "journey.about": change("about: Carts that wait.\n", ""),
    "journey.status": refused(("status: live", "status: draft"), way_out="leave it live"),
    "journey.canary": version("buying", ("status: live\n", "status: live\ncanary: 100%\n")),
    "journey.canary.share": version("buying", ("status: live\n", "status: live\ncanary: {share: 40%, guards: {metric: exit_rate, worse_than: 10%}, then: hold, for: 1d}\n"), holds=each_customer_enters_one_version),
    "journey.canary.guards": version("buying", ("status: live\n", "status: live\ncanary: {share: 50%, guards: [{metric: exit_rate, worse_than: 10%}, {metric: goal_rate, worse_than: 5%}], then: hold, for: 1d}\n"), holds=each_customer_enters_one_version),
    "journey.canary.guards.metric": version("buying", ("status: live\n", "status: live\ncanary: {share: 50%, guards: {metric: dead_letters, worse_than: 10%}, then: hold, for: 1d}\n"), holds=each_customer_enters_one_version),
    "journey.canary.guards.worse_than": version("buying", ("status: live\n", "status: live\ncanary: {share: 50%, guards: {metric: exit_rate, worse_than: 0%}, then: hold, for: 1d}\n"), holds=each_customer_enters_one_version),
    "journey.canary.then": version("buying", ("status: live\n", "status: live\ncanary: {share: 50%, guards: {metric: unsubscribe_rate, worse_than: 10%}, then: promote, for: 1h}\n"), holds=each_customer_enters_one_version),
    "journey.canary.for": version("buying", ("status: live\n", "status: live\ncanary: {share: 50%, guards: {metric: unsubscribe_rate, worse_than: 10%}, then: back, for: 1h}\n"), holds=each_customer_enters_one_version),
    "journey.migrate": version("buying", ("status: live\n", "status: live\nmigrate: exit\n"), holds=old_instances_left),
    "journey.map": version("buying", ("status: live\n", "status: live\nmigrate: follow\nmap: {waiting: asked}\n"), holds=old_instances_moved),
    "journey.entry": version("buying", (ENTRY, "entry: {on: [cart, basket], key: event.cart}")),
    "journey.entry.on": version("buying", ("{on: cart, when: event.total >= 1", "{on: basket, when: event.total >= 1")),
    "journey.entry.when": version("buying", ("when: event.total >= 1,", "when: event.total >= 2,")),
    "journey.entry.key": version("buying", ("key: event.cart, reentry", "reentry"), ("event.cart == key", "true")),
    "journey.entry.reentry": version("asking", ("reentry: {after_entry: 1h}", "reentry: never"), holds=never_again),
    "journey.entry.reentry.after_end": version("buying", ("{after_end: 1h}", "{after_end: 30d}")),
    "journey.entry.reentry.after_entry": version("asking", ("{after_entry: 1h}", "{after_entry: 300d}"), holds=never_again),
    "journey.holdout": version("buying", ("holdout: 30%\n", ""), holds=nothing_held_out),
    "journey.data": version("buying", ("data: {total: event.total}\n", "data: {total: event.total, cart: event.cart}\n")),
    "journey.goal": version("buying", (GOAL, "")),
    "journey.goal.on": version("buying", ("goal: {on: order", "goal: {on: paid")),
    "journey.goal.when": version("buying", ("when: event.total > 6", "when: event.total > 7")),
    "journey.goal.within": version("buying", (", within: 7d", "")),
    "journey.goal.exit": version("buying", ("exit: false", "exit: true")),
    "journey.goal.do": version("buying", (", do: {set: {tier: \"'buyer'\"}}}", "}")),
    "journey.exit": version("buying", (EXIT, "")),
    "journey.exit.on": version("buying", ("exit: {on: gone", "exit: {on: left")),
    "journey.exit.when": version("buying", ("when: event.really, ", "")),
    "journey.exit.as": version("buying", ("as: gone", "as: away")),
    "journey.exit.do": version("buying", (", do: {assign: {total: 0}}}\ninitial", "}\ninitial")),
    "journey.initial": version("buying", ("initial: waiting", "initial: asked"), ("on: {cart: {when: event.cart == key, do", "on: {back: waiting, cart: {when: event.cart == key, do")),
    "journey.on": version("buying", ("on: {cart: {when: event.cart == key, do: {assign: {total: event.total}}}}\n", "")),
    "journey.states": version("buying", ("  over: {end: over}\n---\njourney: asking\n", "  over: {after: {1d: done}}\n---\njourney: asking\n")),
    "journey.states.enter": version("buying", ("    enter: {raise: {type: noticed, attributes: {total: data.total}}}\n", "")),
    "journey.states.leave": version("buying", ("    leave: {assign: {left: 1}}\n", "")),
    "journey.states.on": version("buying", ("    on: {noticed_back: {when: data.total > 0, to: asked}}\n", "")),
    "journey.states.always": version("buying", ("    always: {when: data.total > 1000, to: asked}\n", "")),
    "journey.states.after": version("buying", ("after: {1d: asked, 30h", "after: {2d: asked, 30h")),
    "journey.states.at": version("buying", (AT, "")),
    "journey.states.end": version("buying", ("done: {end: done}", "done: {end: bought}")),
    "at.time": version("buying", ("time: now + duration('3d')", "time: now + duration('4d')")),
    "at.to": version("buying", ("duration('3d'), to: asked", "duration('3d'), to: done")),
    "at.split": version("buying", ("duration('3d'), to: asked", f"duration('3d'), {SPLIT[1:-1]}")),
    "at.when": version("buying", ("to: asked, when: data.total > 0, do", "to: asked, do")),
    "at.do": version("buying", (", do: {assign: {at: 1}}", "")),
    "at.past": version("buying", ("past: skip", "past: fire")),
    "step.act": version("buying", (f"      - {ACT}\n", "")),
    "step.act.action": version("buying", (ACT, "{act: {action: news, channels: [mail], data: {n: 1}}}")),
    "step.act.channels": version("buying", ("channels: [web, mail]", "channels: [mail]")),
    "step.act.data": version("buying", ("data: {n: 1}", "data: {n: 9}")),
    "step.decide": version("buying", (f"      - {DECIDE}\n", "")),
    "step.decide.issue": version("buying", ("{decide: {issue: sales, ", "{decide: {")),
    "step.decide.group": version("buying", ("issue: sales, group: goods, actions: [offer, news]", "issue: sales, actions: [offer, news]")),
    "step.decide.actions": version("buying", ("actions: [offer, news]", "actions: [news]")),
    "step.decide.channels": version("buying", ("channels: [mail], data: {n: 2}", "data: {n: 2}")),
    "step.decide.data": version("buying", ("data: {n: 2}", "data: {m: 2}")),
    "step.raise": version("buying", ("enter: {raise: {type: noticed, attributes: {total: data.total}}}", "enter: {assign: {r: 1}}")),
    "step.raise.type": version("buying", ("type: noticed,", "type: seen,")),
    "step.raise.attributes": version("buying", ("{type: noticed, attributes: {total: data.total}}", "{type: noticed}")),
    "step.set": version("buying", ("do: {set: {tier: \"'buyer'\"}}", "do: {set: {tier: \"'loyal'\"}}")),
    "step.assign": version("buying", ("leave: {assign: {left: 1}}", "leave: {assign: {gone: 1}}")),
    "transition.to": version("buying", ("after: {1d: asked,", "after: {1d: done,"), ("on: {noticed_back: {when: data.total > 0, to: asked}}", "on: {noticed_back: asked}")),
    "transition.split": version("buying", (SPLIT, "done"), ("on: {noticed_back: {when: data.total > 0, to: asked}}", "on: {noticed_back: {when: data.total > 0, to: over}}")),
    "transition.when": version("buying", ("{to: done, when: data.total > 5000}", "{to: done, when: data.total > 50}")),
    "transition.do": version("buying", ("on: {cart: {when: event.cart == key, do: {assign: {total: event.total}}}}", "on: {cart: {when: event.cart == key, do: {assign: {seen: 1}}}}")),
    "branch.weight": version("buying", ("a: {weight: 50", "a: {weight: 90")),
    "branch.to": version("buying", ("b: {weight: 50, to: over}", "b: {weight: 50, to: done}"), ("on: {noticed_back: {when: data.total > 0, to: asked}}", "on: {noticed_back: {when: data.total > 0, to: over}}")),
    # --- action
    "action.action": change("action: call", "action: ring"),
    "action.issue": change("issue: care", "issue: cure"),
    "action.group": change("group: calls", "group: rings"),
    "action.owner": change("owner: sales\n", ""),
    "action.class": change("class: marketing\nvalue", "class: service\nvalue"),
    "action.value": change("value: 10", "value: profile.spend"),
    "action.lever": change("lever: 5", "lever: -200"),
    "action.eligible": change("eligible: profile.carts >= 0", "eligible: profile.carts > 100"),
    "action.applicable": change("applicable: not profile.vip or true", "applicable: profile.vip"),
    "action.suitable": change("suitable: profile.spend < 1000", "suitable: profile.tier == 'gold'"),
    "action.context": change("context: {when: profile.tier == 'gold', weight: 20}\n", ""),
    "action.context.when": change("{when: profile.tier == 'gold', weight", "{when: profile.vip, weight"),
    "action.context.weight": change("weight: 20}", "weight: -300}"),
    "action.propensity": change("propensity: {prior: 0.1, features: [profile.tier, profile.spend]}", "propensity: 0.5"),
    "propensity.prior": change("prior: 0.1", "prior: 0.9"),
    "propensity.features": change("[profile.tier, profile.spend]", "[profile.kinds, profile.first]"),
    "action.limits": change(f"{OFFER_LIMIT}\n", ""),
    "action.limits.outcome": change("{outcome: reject, count: 2", "{outcome: offered, count: 2"),
    "action.limits.count": change("outcome: reject, count: 2", "outcome: reject, count: 1"),
    "action.limits.per": change("count: 2, per: 10d, pause", "count: 2, pause"),
    "action.limits.pause": change("per: 10d, pause: 1d", "per: 10d, pause: forever"),
    "action.expires": change("expires: 2d", "expires: 1h"),
    "action.treatments": change("treatments: {mail: {template: d}}", "treatments: {web: {template: d}}"),
    "action.treatments.template": change("template: a", "template: z"),
    "action.treatments.payload": change("payload: {n: data.n}", "payload: {m: profile.tier}"),
    "action.treatments.propensity": change(", propensity: {prior: 0.2, features: [profile.tier]}", ""),
    # --- policy
    "policy.policy": change("policy: contact", "policy: touch"),
    "policy.caps": change(CAPS, ""),
    "policy.caps.name": change("name: a_day", "name: daily"),
    "policy.caps.class": change("class: marketing, channel: mail, issue", "class: [marketing, transactional], channel: mail, issue"),
    "policy.caps.channel": change("channel: mail, issue: sales, group: goods, action", "channel: [mail, web], issue: sales, group: goods, action"),
    "policy.caps.issue": change("issue: sales, group: goods, action: offer, max", "group: goods, action: offer, max"),
    "policy.caps.group": change("group: goods, action: offer, max", "action: offer, max"),
    "policy.caps.action": change("action: offer, max: 30", "max: 30"),
    "policy.caps.max": change("max: 30", "max: 0"),
    "policy.caps.per": change("max: 30, per: day", "max: 30, per: 300d"),
    "policy.limits": change(f"limits:\n  - {LIMIT}\n", ""),
    "policy.limits.group": change("{group: goods, issue: sales, channel: mail", "{issue: sales, channel: mail"),
    "policy.limits.issue": change("issue: sales, channel: mail, outcome", "channel: mail, outcome"),
    "policy.limits.channel": change("channel: mail, outcome", "channel: [web, mail], outcome"),
    "policy.limits.outcome": change("outcome: click, count: 90", "outcome: accept, count: 90"),
    "policy.limits.count": change("count: 90", "count: 1"),
    "policy.limits.per": change("per: 3d, pause", "per: 300d, pause"),
    "policy.limits.pause": change("per: 3d, pause: 1d", "per: 3d, pause: forever"),
    "policy.quiet_hours": change(QUIET, ""),
    "policy.quiet_hours.channel": change("quiet_hours: {channel: mail, ", "quiet_hours: {channel: web, "),
    "policy.quiet_hours.days": change("days: [sun, mon, tue, wed, thu, fri, sat]", "days: [sat]"),
    "policy.quiet_hours.from": change('from: "21:00"', 'from: "23:00"'),
    "policy.quiet_hours.until": change('until: "08:00"', 'until: "05:00"'),
    "policy.quiet_hours.then": change("then: delay", "then: drop"),
    "policy.consent": change("consent: {marketing: opt_in}", "consent: {marketing: opt_out}"),
    "policy.service_gate": change("service_gate: {block: [transactional]}\n", ""),
    "policy.service_gate.block": change("{block: [transactional]}", "{block: [marketing]}"),
    "policy.levers": change("levers: {issue: {sales: 10}, group: {goods: 10}}\n", ""),
    "policy.levers.issue": change("{issue: {sales: 10}, group", "{issue: {sales: 90}, group"),
    "policy.levers.group": change("group: {goods: 10}}", "group: {goods: 90}}"),
    "policy.holdout": change("holdout: 20%\n", "", lambda world: _nobody_universal(world)),
    "policy.explore": change("explore: 5%", "explore: 100%"),
    "policy.explore.thompson": change("explore: 5%", "explore: {thompson: true}"),
    "policy.week_starts": change("week_starts: mon", "week_starts: sun"),
    # --- measures: records since the change are by the new rule
    "measure.measure": change("measure: sold # it", "measure: earned", measured("earned", 7)),
    "measure.owner": change("owner: finance\n", "owner: growth_two\n", measured("sold", 7)),
    "measure.about": change("about: What was paid.\n", "", measured("sold", 7)),
    "measure.on": change("on: order\nwhen: event.total > 5", "on: gone\nwhen: event.total > 5", nothing_measured),
    "measure.when": change("when: event.total > 5\nvalue", "when: event.total > 8\nvalue", nothing_measured),
    "measure.value": change("value: event.total\nper", "value: event.total * 2\nper", measured("sold", 14)),
    "measure.per": change("per: state\n", "", measured("sold", 7, None)),
    "policy.reward_window": change("reward_window: 7d", "reward_window: 1h"),
}  # fmt: skip


def _nobody_universal(world: World) -> None:
    """Without a universal holdout nobody is stopped by it."""
    since = START_MS + 49 * 3_600_000
    stops = [
        one["gate"]
        for decision in world.sent("decision")
        if decision["time"] >= since
        for one in decision["candidates"]
    ]
    assert stops
    assert "holdout" not in stops
