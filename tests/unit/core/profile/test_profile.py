"""docs/topology.md: facts, traits, cases, consent, outcomes, and what a profile says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.command.outcome import is_outcome_refused
from cjo_stream.core.event import Event
from cjo_stream.core.profile.activity import count_event, join_activity, remember_id, seen_before
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn
from cjo_stream.webhook.outcome import outcome_event
from tests.world.partition import LOADED
from tests.world.scene import Scene
from tests.world.town import Town

DAY = 86_400
PROBE = """
journey: probe
version: 1
entry: {on: probe, reentry: always}
initial: done
states:
  done: {enter: [{act: tell}], end: done}
"""
TELL = """
action: tell
class: service
treatments: {mail: {template: tell, payload: {PAYLOAD}}}
"""


QUIET = PROBE.replace("tell", "hello")


def probing(folder: Path, profile: str, payload: str, **more: Any) -> Scene:
    """Return a scene that answers each `probe` by a command whose payload is `payload`."""
    return Scene(
        folder, PROBE + "---\n" + TELL.replace("PAYLOAD", payload), profile=profile, **more
    )


def answer(scene: Scene, at: float, **more: Any) -> dict[str, Any]:
    """Return what a probe at `at` is told."""
    scene.send("probe", at, **more)
    payload: dict[str, Any] = scene.driver.actions()[-1]["payload"]
    return payload


FACTS = """profile:
  facts:
    tier: string
    vip: {type: boolean, default: false}
    age: number
    renewal: time
    products: list
    timezone: string
"""


def test_of_a_fact_the_later_event_time_wins_and_of_equal_ones_the_later_arrival(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path, QUIET, profile=FACTS)
    scene.send("cjo.profile", 10, tier="new")
    scene.send("cjo.profile", 5, tier="old", age=3)
    assert scene.facts() == {"tier": "new", "age": 3}
    scene.send("cjo.profile", 10, tier="newest")
    assert scene.facts()["tier"] == "newest"


def test_a_null_removes_a_fact_and_its_default_is_read_again(tmp_path: Path) -> None:
    scene = probing(tmp_path, FACTS, "vip: profile.vip, tier: profile.tier")
    assert answer(scene, 1) == {"vip": False}
    scene.send("cjo.profile", 2, vip=True, tier="gold")
    assert answer(scene, 3) == {"vip": True, "tier": "gold"}
    scene.send("cjo.profile", 4, vip=None, tier=None)
    assert answer(scene, 5) == {"vip": False}
    assert scene.facts() == {}
    scene.send("cjo.profile", 3.5, vip=True)
    assert scene.facts() == {}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("tier", 1),
        ("tier", ["a"]),
        ("vip", 1),
        ("vip", "true"),
        ("age", True),
        ("age", "3"),
        ("renewal", "tomorrow"),
        ("renewal", "20260301T000000Z"),
        ("renewal", True),
        ("products", "a"),
        ("products", {"a": 1}),
        ("undeclared", 1),
    ],
)
def test_an_unknown_fact_or_a_wrong_type_is_ignored(tmp_path: Path, name: str, wrong: Any) -> None:
    scene = Scene(tmp_path, QUIET, profile=FACTS)
    right: dict[str, Any] = {
        "tier": "a",
        "vip": True,
        "age": 1.5,
        "renewal": 5,
        "products": [1, {"x": 2}],
    }
    scene.send("cjo.profile", 1, **right)
    scene.send("cjo.profile", 2, **{name: wrong})
    assert scene.facts() == right


def test_a_time_zone_is_kept_by_its_name_here_or_not_at_all(tmp_path: Path) -> None:
    scene = Scene(tmp_path, QUIET, profile="profile: {facts: {timezone: string}}\n")
    for number, (written, kept) in enumerate(
        [("europe/paris", "Europe/Paris"), ("nowhere", "Europe/Paris"), ("UTC+1", "+01:00")]
    ):
        scene.send("cjo.profile", number, timezone=written)
        assert scene.facts() == {"timezone": kept}


def test_a_time_fact_takes_rfc_3339_or_ms_and_is_ms(tmp_path: Path) -> None:
    scene = Scene(tmp_path, QUIET, profile=FACTS)
    for text in ("2026-03-01T01:00:00+01:00", "2026-03-01 00:00:00Z", Scene.DAY_MS):
        scene.send("cjo.profile", 1, renewal=None)
        scene.send("cjo.profile", 1, renewal=text)
        assert scene.facts() == {"renewal": Scene.DAY_MS}


@pytest.mark.parametrize(
    ("fact", "hour"),
    [(None, 1), ("America/New_York", 19), ("Nowhere/Land", 1)],
)
def test_the_customers_time_zone_is_the_fact_else_the_topologys(
    tmp_path: Path, fact: str | None, hour: int
) -> None:
    scene = probing(tmp_path, FACTS, "h: hour()")
    scene.send("cjo.profile", 0, timezone=fact)
    assert answer(scene, 1) == {"h": hour}


def test_a_default_time_zone_is_a_fact_as_any(tmp_path: Path) -> None:
    profile = "profile: {facts: {timezone: {type: string, default: Asia/Tokyo}}}\n"
    scene = probing(tmp_path, profile, "h: hour()")
    assert answer(scene, 1) == {"h": 9}


TRAITS = """profile:
  traits:
    seen: {count: view}
    both: {count: [view, buy]}
    dear: {count: buy, when: event.n > 10}
    spent: {sum: event.n, on: buy}
    least: {min: event.n, on: buy}
    most: {max: event.n, on: buy}
    first_n: {first: event.n, on: buy}
    last_n: {last: event.n, on: buy}
    kinds: {distinct: event.k, on: [view, buy], keep: 3}
"""


def test_before_the_first_event_count_and_sum_are_0_distinct_is_empty_the_rest_missing(
    tmp_path: Path,
) -> None:
    names = "seen both dear spent least most first_n last_n kinds".split()  # noqa: SIM905 (reads better)
    scene = probing(tmp_path, TRAITS, ", ".join(f"{n}: profile.{n}" for n in names))
    assert answer(scene, 1) == {"seen": 0, "both": 0, "dear": 0, "spent": 0, "kinds": []}


def test_traits_of_each_kind(tmp_path: Path) -> None:
    scene = Scene(tmp_path, QUIET, profile=TRAITS)
    scene.send("view", 1, k="a")
    scene.send("buy", 3, n=7, k="b")
    scene.send("buy", 4, n=12.5, k="a")
    scene.send("buy", 5, n="many", k="c")
    scene.send("buy", 6)
    assert scene.traits() == {
        "seen": 1,
        "both": 5,
        "dear": 1,
        "spent": 19.5,
        "least": 7,
        "most": 12.5,
        "first_n": 7,
        "last_n": "many",
        "kinds": ["a", "b", "c"],
    }


def test_first_and_last_go_by_event_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path, QUIET, profile=TRAITS)
    for at, n in ((10, 1), (10, 2), (5, 3), (7, 4), (5, 5)):
        scene.send("buy", at, n=n)
    assert (scene.traits()["first_n"], scene.traits()["last_n"]) == (3, 2)


def test_distinct_keeps_the_order_of_first_sight_and_drops_the_oldest(tmp_path: Path) -> None:
    scene = Scene(tmp_path, QUIET, profile=TRAITS)
    for at, k in enumerate([1, "1", 1.0, True, "1"]):
        scene.send("view", at, k=k)
    assert scene.traits()["kinds"] == [1, "1", True]
    scene.send("view", 9, k="new")
    assert scene.traits()["kinds"] == ["1", True, "new"]


WINDOW = """profile:
  traits:
    n: {count: buy, per: 24h}
    total: {sum: event.n, on: buy, per: 24h}
    low: {min: event.n, on: buy, per: 24h}
    latest: {last: event.n, on: buy, per: 24h}
    kinds: {distinct: event.n, on: buy, per: 24h}
"""
READ = "n: profile.n, total: profile.total, low: profile.low, latest: profile.latest"


def test_a_value_leaves_a_window_between_per_and_a_24th_more(tmp_path: Path) -> None:
    scene = probing(tmp_path, WINDOW, READ)
    scene.send("buy", 1800, n=4)
    scene.send("buy", 2 * 3600, n=6)
    assert answer(scene, 1800 + DAY)["n"] == 2
    assert answer(scene, 3600 + DAY - 0.001)["total"] == 10
    assert answer(scene, 3600 + DAY) == {"n": 1, "total": 6, "low": 6, "latest": 6}
    assert answer(scene, 3 * 3600 + DAY) == {"n": 0, "total": 0}


def test_a_late_event_counts_in_the_bucket_of_its_own_time(tmp_path: Path) -> None:
    scene = probing(tmp_path, WINDOW, READ)
    scene.send("buy", 20 * 3600, n=5)
    scene.send("buy", 600, n=9)
    assert answer(scene, 20 * 3600) == {"n": 2, "total": 14, "low": 5, "latest": 5}
    assert answer(scene, 3600 + DAY) == {"n": 1, "total": 5, "low": 5, "latest": 5}
    scene.send("buy", 600, n=1)
    assert answer(scene, 3601 + DAY)["n"] == 1
    assert scene.traits()["kinds"] == [5]


CASES = """service:
  opened: {on: ticket_opened, key: event.ticket}
  closed: [{on: ticket_closed, key: event.ticket}, {on: solved, when: event.ok, key: event.ticket}]
"""
CASE_READ = "open: profile.open_cases, closed: profile.last_case_closed"


def test_a_case_is_open_when_its_latest_opened_is_later_than_its_latest_closed(
    tmp_path: Path,
) -> None:
    scene = probing(tmp_path, CASES, CASE_READ)
    assert answer(scene, 0) == {"open": 0}
    scene.send("ticket_opened", 1, ticket=7)
    scene.send("ticket_opened", 2, ticket="8")
    scene.send("ticket_opened", 2)
    assert answer(scene, 3) == {"open": 2}
    scene.send("ticket_closed", 4, ticket="7")
    scene.send("solved", 5, ticket="8", ok=False)
    assert answer(scene, 6) == {"open": 1, "closed": Scene.DAY_MS + 4_000}
    scene.send("ticket_opened", 3.5, ticket=7.0)
    assert answer(scene, 7)["open"] == 1
    scene.send("ticket_opened", 8, ticket=7)
    assert answer(scene, 9)["open"] == 2
    scene.send("ticket_closed", 8, ticket=7)
    scene.send("solved", 9, ticket="8", ok=True)
    assert answer(scene, 10) == {"open": 0, "closed": Scene.DAY_MS + 9_000}


def test_a_close_that_comes_before_its_open_closes_it(tmp_path: Path) -> None:
    scene = probing(tmp_path, CASES, CASE_READ)
    scene.send("ticket_closed", 5, ticket=1)
    scene.send("ticket_opened", 4, ticket=1)
    assert answer(scene, 6) == {"open": 0, "closed": Scene.DAY_MS + 5_000}


def test_a_topology_that_only_closes_knows_the_last_close(tmp_path: Path) -> None:
    closes = "service: {closed: {on: ticket_closed, key: event.ticket}}"
    scene = probing(tmp_path, closes, CASE_READ)
    scene.send("ticket_closed", 5, ticket=1)
    assert answer(scene, 6) == {"open": 0, "closed": Scene.DAY_MS + 5_000}


CONSENT = "news: \"consented('news', 'mail')\", pushed: \"consented('news', 'push')\""


@pytest.mark.parametrize(
    ("statements", "mail", "push"),
    [
        ([], False, False),
        ([(1, "mail", "granted")], True, False),
        ([(1, "*", "granted")], True, True),
        ([(1, "*", "granted"), (2, "mail", "denied")], False, True),
        ([(1, "mail", "denied"), (2, "*", "granted")], True, True),
        ([(2, "*", "granted"), (1, "mail", "revoked")], True, True),
        ([(1, "*", "granted"), (1, "*", "denied"), (1, "*", "granted")], False, False),
        ([(1, "mail", "granted"), (1, "*", "revoked")], False, False),
        ([(1, "*", "granted"), (2, None, "denied")], False, False),
    ],
)
def test_the_latest_statement_that_covers_the_pair_decides(
    tmp_path: Path, statements: list[tuple[float, object, object]], mail: bool, push: bool
) -> None:
    scene = probing(tmp_path, "", CONSENT)
    for at, channel, status in statements:
        scene.send("cjo.consent", at, purpose="news", channel=channel, status=status)
    assert answer(scene, 5) == {"news": mail, "pushed": push}
    assert scene.driver.dead_letters() == []


SIGHT = "first: profile.first_seen, last: profile.last_seen, channel: profile.last_channel"


def test_first_and_last_seen_are_as_they_were_before_this_event(tmp_path: Path) -> None:
    scene = probing(tmp_path, "", SIGHT)
    assert answer(scene, 10) == {}
    seen = {"first": Scene.DAY_MS + 10_000, "last": Scene.DAY_MS + 10_000, "channel": "web"}
    assert answer(scene, 20) == seen
    scene.send("other", 5)
    later = {**seen, "first": Scene.DAY_MS + 5_000, "last": Scene.DAY_MS + 20_000}
    assert answer(scene, 30) == later


def test_a_profile_has_its_id_and_its_identifiers_sorted(tmp_path: Path) -> None:
    scene = probing(
        tmp_path,
        "",
        "id: profile.id, mails: profile.identifiers.email, devices: profile.identifiers.device",
    )
    scene.send("other", 1, identifiers={"user": "u", "email": "z@example.com"})
    told = answer(scene, 2, identifiers={"user": "u", "email": "a@example.com"})
    assert told["mails"] == ["a@example.com", "z@example.com"]
    assert told["devices"] == []
    assert told["id"] == scene.driver.actions()[0]["customer_id"]


def test_raised_events_touch_no_profile(tmp_path: Path) -> None:
    raising = """
journey: raising
version: 1
entry: {on: begin}
initial: done
states:
  done: {enter: [{raise: {type: view}}, {raise: {type: ticket_opened}}], end: done}
"""
    profile = "profile: {traits: {seen: {count: view}}}\nservice: {opened: {on: ticket_opened}}\n"
    payload = "seen: profile.seen, open: profile.open_cases"
    tell = TELL.replace("PAYLOAD", payload)
    scene = Scene(tmp_path, "---\n".join([raising, PROBE, tell]), profile=profile)
    scene.send("begin", 0)
    assert answer(scene, 1) == {"seen": 0, "open": 0}


HEARD = """
journey: heard
version: 1
entry: {on: cjo.outcome, reentry: always}
data:
  action: event.action
  group: event.group
  issue: event.issue
  channel: event.channel
  over: event.attributes.channel
  outcome: event.outcome
  command: event.action_id
initial: done
states:
  done: {enter: [{act: {action: echo}}], end: done}
---
action: echo
treatments:
  push:
    payload:
      {action: data.action, group: data.group, issue: data.issue, over: data.over, c: data.command}
---
journey: sender
version: 1
entry: {on: send, reentry: always}
initial: done
states:
  done: {enter: [{act: pitch}], end: done}
---
action: pitch
issue: sales
group: cards
treatments: {mail: {template: t}}
"""
IDS = {"user": "u", "email": "u@example.com", "device": "d"}


def outcome(scene: Scene, at: float, ids: dict[str, str] | None = None, **more: Any) -> Any:
    """Send an outcome; return what is made of it: an echo's payload, or the dead letter."""
    echoes, letters = len(scene.driver.actions()), len(scene.driver.dead_letters())
    scene.send("cjo.outcome", at, identifiers=IDS if ids is None else ids, **more)
    if len(scene.driver.dead_letters()) > letters:
        return scene.driver.dead_letters()[-1]["reason"]
    assert len(scene.driver.actions()) == echoes + 1
    return scene.driver.actions()[-1]["payload"]


def sent(scene: Scene, at: float) -> str:
    scene.send("send", at, identifiers=IDS)
    id_: str = scene.driver.actions()[-1]["action_id"]
    return id_


def test_an_outcome_gets_its_commands_action_issue_group_and_channel(tmp_path: Path) -> None:
    scene = Scene(tmp_path, HEARD)
    id_ = sent(scene, 1)
    full = {"action": "pitch", "group": "cards", "issue": "sales", "over": "mail", "c": id_}
    assert outcome(scene, 2, action_id=id_, outcome="click") == full
    assert outcome(scene, 3, ids={}, action_id=id_, outcome="accept") == full
    assert outcome(scene, 4, action="pitch", outcome="reject") == full
    assert outcome(scene, 5, action="pitch", channel="mail", outcome="converted") == full


def test_the_latest_command_is_at_or_before_the_outcomes_time_within_the_window(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path, HEARD)
    first, second = sent(scene, 10), sent(scene, 20)
    assert outcome(scene, 25, action="pitch", outcome="click")["c"] == second
    assert outcome(scene, 20, action="pitch", outcome="click")["c"] == second
    assert outcome(scene, 19.999, action="pitch", outcome="click")["c"] == first
    assert outcome(scene, 9, action="pitch", outcome="click") == "invalid"
    assert outcome(scene, 19 + 7 * DAY, action="pitch", outcome="click")["c"] == second
    assert outcome(scene, 20 + 7 * DAY, action="pitch", outcome="click") == "invalid"


def test_a_late_outcome_finds_the_command_of_its_own_window(tmp_path: Path) -> None:
    scene = Scene(tmp_path, HEARD)
    first = sent(scene, 10)
    sent(scene, 10 + 7 * DAY)
    assert outcome(scene, 9 + 7 * DAY, action="pitch", outcome="click")["c"] == first


def test_what_a_webhook_reports_twice_of_a_command_counts_once(tmp_path: Path) -> None:
    """Its process may be killed before it commits that the command was answered."""
    traits = "profile: {traits: {reports: {count: cjo.outcome}}}\n"
    scene = Scene(tmp_path, HEARD, profile=traits)
    first, second = sent(scene, 1), sent(scene, 2)
    echoes = []
    for at, id_, said in (
        (3, first, "delivered"),
        (9, first, "delivered"),
        (10, first, "failed"),
        (11, second, "delivered"),
    ):
        at_ms = scene.DAY_MS + at * 1000
        scene.driver.send_raw(outcome_event(id_, said, None, at_ms), channel="web", at=at_ms)
        echoes.append([one["payload"]["c"] for one in scene.driver.actions()[2:]])
    assert echoes == [[first], [first], [first], [first, second]]
    assert scene.driver.dead_letters() == []
    known = scene.driver.customer("user:u")
    assert known is not None
    assert known["traits"] == {"reports": 2}


def test_an_outcome_that_names_its_command_may_come_after_the_window(tmp_path: Path) -> None:
    scene = Scene(tmp_path, HEARD)
    first = sent(scene, 10)
    sent(scene, 20 * DAY)
    assert outcome(scene, 21 * DAY, action_id=first, outcome="converted")["c"] == first


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"action": "pitch", "outcome": "liked"}, "`outcome` is none of delivered, impression, "),
        ({"action": "pitch", "outcome": ["click"]}, "`outcome` is none of "),
        ({"action": "pitch"}, "`outcome` is none of "),
        ({"outcome": "click"}, "`action` names no action of the topology"),
        ({"action": "ann@example.com", "outcome": "click"}, "`action` names no action"),
        (
            {"action": "echo", "channel": "push", "outcome": "click"},
            "no command `echo` on `push` of this customer within the reward window (7d)",
        ),
        (
            {"action": "pitch", "channel": "push", "outcome": "click"},
            "no command `pitch` on `push` of this customer within the reward window (7d)",
        ),
        ({"action_id": "nobody's", "outcome": "click"}, "no command of that `action_id`"),
        ({"action_id": 5, "outcome": "click"}, "no command of that `action_id`"),
    ],
)
def test_an_unknown_command_or_an_outcome_not_listed_is_a_dead_letter_invalid(
    tmp_path: Path, wrong: dict[str, Any], why: str
) -> None:
    scene = Scene(tmp_path, HEARD, profile="profile: {traits: {n: {count: cjo.outcome}}}\n")
    sent(scene, 1)
    assert outcome(scene, 2, **wrong) == "invalid"
    assert json.loads(scene.driver.dead_letters()[0]["value"])["type"] == "cjo.outcome"
    assert why in scene.driver.dead_letters()[0]["detail"]
    assert is_outcome_refused("invalid", scene.driver.dead_letters()[0]["detail"])
    assert "ann@example.com" not in scene.driver.dead_letters()[0]["detail"]
    assert scene.traits() == {"n": 0}


def test_a_foreign_command_is_a_dead_letter_invalid(tmp_path: Path) -> None:
    scene = Scene(tmp_path, HEARD)
    id_ = sent(scene, 1)
    other = {"user": "v", "device": "e"}
    scene.send("other", 2, identifiers=other)
    assert outcome(scene, 3, ids=other, action_id=id_, outcome="click") == "invalid"


def test_an_id_is_remembered_for_7_days(tmp_path: Path) -> None:
    scene = Scene(tmp_path, QUIET, profile="profile: {traits: {n: {count: e}}}\n")
    scene.send("e", 0, id="x")
    scene.send("e", 7 * DAY - 0.001, id="x")
    assert scene.traits() == {"n": 1}
    scene.send("e", 7 * DAY, id="x")
    assert scene.traits() == {"n": 2}


def test_the_last_1000_ids_are_remembered(tmp_path: Path) -> None:
    scene = Scene(tmp_path, QUIET, profile="profile: {traits: {n: {count: e}}}\n")
    for number in range(1001):
        scene.send("e", number, id=f"id {number}")
    scene.send("e", 2000, id="id 1")
    assert scene.traits() == {"n": 1001}
    scene.send("e", 2000, id="id 0")
    assert scene.traits() == {"n": 1002}


def test_a_trait_reads_the_facts_of_its_own_event(tmp_path: Path) -> None:
    profile = """profile:
  facts: {vip: boolean}
  traits: {vips: {count: cjo.profile, when: profile.vip}}
"""
    scene = Scene(tmp_path, QUIET, profile=profile)
    scene.send("cjo.profile", 1, vip=True)
    assert scene.traits() == {"vips": 1}


def test_an_id_that_comes_again_after_its_time_is_the_newest() -> None:
    customer, bounds, day_ms = Customer("c"), Bounds(seen=2), 86_400_000
    for id_, day in (("a", 0), ("b", 5), ("a", 9), ("c", 10)):
        event = Event("seen", day * day_ms, {}, id_, "web", own_id=True)
        turn = Turn(LOADED.program, day * day_ms, bounds=bounds)
        assert not seen_before(customer, event, turn)
        remember_id(customer, event, turn)
    repeated = {
        id_: seen_before(
            customer,
            Event("seen", 0, {}, id_, "web", own_id=True),
            Turn(LOADED.program, 10 * day_ms, bounds=bounds),
        )
        for id_ in "abc"
    }
    assert repeated == {"a": True, "b": False, "c": True}


def test_a_statement_of_consent_that_is_none_is_not_kept_but_counted() -> None:
    town = Town(LOADED.program)
    name = "n" * 100
    for purpose, status in [(name, "granted"), (name + "n", "granted"), ("news", "maybe")]:
        town.event("cjo.consent", {"user": "u"}, purpose=purpose, status=status)
    assert list(town.customer("user:u").consent) == [name]
    assert town.counts["cjo_consent_ignored_total", "unusable"] == 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_who_are_joined_the_first_and_the_last_event_of_both_count(
    order: tuple[int, int],
) -> None:
    lives = [(1, 7, "web"), (3, 5, "shop")]
    for others in (lives, [(1, 7, "web"), (None, None, None)]):
        into, other = (
            Customer("c", events=2, first_seen=first, last_seen=last, last_channel=channel)
            for first, last, channel in (others[place] for place in order)
        )
        join_activity(into, other)
        assert (into.first_seen, into.last_seen, into.last_channel) == (1, 7, "web")
        assert into.events == 4
    into, other = (Customer("c", last_seen=7, last_channel=name) for name in ("web", "shop"))
    join_activity(into, other)
    assert into.last_channel == "web"


@pytest.mark.parametrize(("later", "kept"), [(0, ["web b"]), (-1, ["web a", "web b"])])
def test_an_id_is_forgotten_once_it_is_remembered_no_more_and_that_is_no_bound_met(
    later: int, kept: list[str]
) -> None:
    customer, program = Customer("c"), LOADED.program
    for name, clock in (("a", 0), ("b", program.dedupe_ms + later)):
        turn = Turn(program, clock)
        remember_id(customer, Event("e", 0, {}, name, "web", own_id=True), turn)
    assert list(customer.seen) == kept
    assert turn.counts == {}


def test_of_two_events_at_one_time_the_channel_of_the_later_arrival_is_the_last() -> None:
    customer = Customer("c")
    for channel in ("web", "shop"):
        count_event(customer, Event("e", 7, {}, "a", channel))
    assert (customer.last_seen, customer.last_channel) == (7, "shop")
