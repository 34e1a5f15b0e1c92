"""Decisions across a merge: what both customers had counts, and what waits goes on."""

from __future__ import annotations

from pathlib import Path

from tests.world.desk import Desk, gates, second, stops, when

COOKIE = {"cookie": "k"}
USER = {"user": "u", "email": "u@example.com"}
BOTH = {"user": "u", "cookie": "k"}
NEWS = """
action: news
limits: [{outcome: reject, count: 2, per: 30d, pause: 30d}]
treatments: {mail: {payload: {a: event.a, n: data.n}}, web: {payload: {a: event.a, n: data.n}}}
"""


def desk_of(folder: Path, policy: str, step: str = "act: news") -> Desk:
    desk = Desk(folder, step=step, actions=NEWS, policy=policy, ids=USER)
    desk.send("joined", 1, identifiers=COOKIE)
    return desk


def test_commands_of_both_count_in_a_cap(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "caps: {name: two, max: 2, per: 1h}")
    assert gates(desk.ask(10, identifiers=COOKIE)) == {"news/mail": "address", "news/web": None}
    assert gates(desk.ask(11)) == {"news/mail": None, "news/web": "address"}
    desk.send("login", 20, identifiers=BOTH)
    assert stops(desk.ask(21)) == {"caps"}
    assert gates(desk.ask(10 + 3600)) == {"news/mail": None, "news/web": None}


def test_outcomes_of_both_fill_a_limit(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "explore: 0%")
    for at, ids in ((10, COOKIE), (11, USER)):
        desk.ask(at, identifiers=ids)
        desk.outcome(at + 0.5, "reject", "news", identifiers=ids)
    assert stops(desk.ask(12)) == {None, "address"}
    desk.send("login", 20, identifiers=BOTH)
    assert stops(desk.ask(21)) == {"limits"}


def test_an_outcome_finds_the_command_of_who_was_absorbed(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "limits: {channel: web, outcome: reject, pause: 1d}")
    desk.ask(10, identifiers=COOKIE)
    (command,) = desk.scene.driver.actions()
    desk.send("login", 20, identifiers=BOTH)
    desk.send("cjo.outcome", 21, action_id=command["action_id"], outcome="reject", identifiers={})
    assert gates(desk.ask(22)) == {"news/mail": None, "news/web": "limits"}


def test_what_waits_goes_on_with_the_customer_who_absorbed(tmp_path: Path) -> None:
    night = 'quiet_hours: {channel: web, from: "21:00", until: "08:00", then: delay}'
    desk = desk_of(tmp_path, night, "act: {action: news, channels: web}")
    at, end = when("2026-03-04 22:00", "Europe/Berlin"), when("2026-03-05 08:00", "Europe/Berlin")
    desk.ask(at, identifiers=COOKIE, a=7)
    desk.send("login", at + 60, identifiers=BOTH)
    merged = desk.scene.driver.transitions()[-1]
    assert merged["reason"] == "merged"
    gone = desk.decisions()[-1]
    # Both had the journey: the instance that goes takes its request with it.
    if gone["journey"]["instance_id"] == merged["instance_id"]:
        assert stops(gone) == {"ended"}
    desk.scene.to(end)
    kept = [d for d in desk.decisions() if second(d["time"]) == end]
    assert len(kept) + (stops(gone) == {"ended"}) == 1


def test_a_request_of_a_journey_that_only_one_had_is_sent_after_the_merge(tmp_path: Path) -> None:
    night = 'quiet_hours: {channel: web, from: "21:00", until: "08:00", then: delay}'
    desk = Desk(
        tmp_path,
        step="act: {action: news, channels: web}",
        actions=NEWS,
        policy=night,
        ids=COOKIE,
    )
    at, end = when("2026-03-04 22:00", "Europe/Berlin"), when("2026-03-05 08:00", "Europe/Berlin")
    desk.ask(at, a=7)
    desk.send("seen", at + 30, identifiers=USER)
    desk.send("login", at + 60, identifiers=BOTH)
    desk.scene.to(end)
    (command,) = desk.scene.driver.actions()
    assert (command["payload"], second(command["issued_at"])) == ({"a": 7}, end)
    owner = desk.scene.driver.customer("user:u")
    assert owner is not None
    assert command["customer_id"] == owner["customer_id"]
