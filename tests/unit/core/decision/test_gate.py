"""docs/decisions.md: the gates in their order, classes, consent, cases, holdouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.decision.gate import GATES
from tests.world.desk import Desk, gates, rules, stops

NEWS = """
action: news
group: general
class: CLASS
eligible: coalesce(profile.eligible, true)
applicable: coalesce(profile.applicable, true)
suitable: coalesce(profile.suitable, true)
propensity: profile.p
limits: [{outcome: reject, pause: 1d}]
treatments: {mail: {}, push: {}}
"""
PROFILE = """
profile:
  facts: {eligible: boolean, applicable: boolean, suitable: boolean, p: number, timezone: string}
service:
  opened: {on: opened, key: event.k}
  closed: {on: closed, key: event.k}
"""


def news(class_: str = "marketing") -> str:
    return NEWS.replace("CLASS", class_)


def desk_of(folder: Path, policy: str = "", class_: str = "marketing", **more: Any) -> Desk:
    options = {"step": "decide: {actions: news}", "profile": PROFILE, "actions": news(class_)}
    return Desk(folder, policy=policy, **{**options, **more})


def test_the_gates_stand_in_the_order_of_the_page() -> None:
    assert [gate.name for gate in GATES] == [
        "holdout",
        "eligible",
        "applicable",
        "suitable",
        "address",
        "consent",
        "service_gate",
        "limits",
        "caps",
        "quiet_hours",
        "priority",
    ]


LIMIT = "limits: {group: general, outcome: offered, pause: 1d}\n"
SHUT = {
    "holdout": "holdout: 100%\n",
    "eligible": "",
    "applicable": "",
    "suitable": "",
    "address": "",
    "consent": "consent: {marketing: opt_in, service: opt_in}\n",
    "service_gate": "service_gate: {block: [marketing, service]}\n",
    "limits": LIMIT,
    "caps": "caps: {name: none, action: news, max: 0, per: day}\n",
    "quiet_hours": 'quiet_hours: {from: "23:00", until: "22:59", then: drop}\n',
    "priority": "",
}
"""What shuts each gate in the policy; the others are shut by facts, or open by identifiers."""
OPENER = "action: opener\ngroup: general\nclass: transactional\ntreatments: {web: {}}\n---"


def test_each_gate_is_shut_in_a_test() -> None:
    assert list(SHUT) == [gate.name for gate in GATES], "add to SHUT what shuts the new gate"


def ask_with(folder: Path, opened: list[str], class_: str) -> dict[str, Any]:
    """Ask for news where every gate is shut but those opened."""
    return desk_with(folder, opened, class_).ask(4)


def desk_with(folder: Path, opened: list[str], class_: str) -> Desk:
    """Return a desk where every gate is shut for news but those opened."""
    policy = "".join(text for name, text in SHUT.items() if name not in opened)
    ids = {"user": "u", "cookie": "c"}
    if "address" in opened:
        ids |= {"email": "u@example.com", "device": "d"}
    shut_facts = {"eligible", "applicable", "suitable"} - {*opened}
    desk = desk_of(folder, policy, actions=OPENER + news(class_), other="act: opener", ids=ids)
    desk.send("other", 1)
    assert desk.sent() == [(1, "opener", "web")]
    desk.send("opened", 2, k=1)
    facts: dict[str, Any] = dict.fromkeys(sorted(shut_facts), False)
    if "priority" in opened:
        facts["p"] = 0.5
    desk.send("cjo.profile", 3, **facts)
    return desk


@pytest.mark.parametrize("place", range(len(SHUT) + 1))
def test_a_candidate_stands_at_the_first_gate_that_stops_it(tmp_path: Path, place: int) -> None:
    names = [*SHUT, None]
    desk = desk_with(tmp_path, list(SHUT)[:place], "marketing")
    assert desk.suppressed() == {}
    decision, name = desk.ask(4), names[place]
    assert stops(decision) == {name}
    assert desk.suppressed() == ({} if name is None else {name: len(decision["candidates"])})
    assert (decision["chosen"] is None) == (place < len(SHUT))


def test_service_passes_the_universal_holdout(tmp_path: Path) -> None:
    assert stops(ask_with(tmp_path, [], "service")) == {"eligible"}
    opened = ["eligible", "applicable", "suitable", "address"]
    assert stops(ask_with(tmp_path, opened, "service")) == {"consent"}


@pytest.mark.parametrize(
    ("opened", "stopped"),
    [
        ([], "eligible"),
        (["eligible", "applicable", "suitable"], "address"),
        (["eligible", "applicable", "suitable", "address"], "limits"),
        (["eligible", "applicable", "suitable", "address", "limits"], "priority"),
        (["eligible", "applicable", "suitable", "address", "limits", "priority"], None),
    ],
)
def test_transactional_passes_holdout_consent_cases_quiet_hours_and_caps_of_others(
    tmp_path: Path, opened: list[str], stopped: str | None
) -> None:
    assert stops(ask_with(tmp_path, opened, "transactional")) == {stopped}


def test_act_meets_the_same_gates_but_knows_no_priority(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, step="act: news")
    decision = desk.ask(1)
    assert gates(decision) == {"news/mail": None, "news/push": None}
    assert {c["priority"] for c in decision["candidates"]} == {None}


# --- address


def test_a_treatment_on_a_channel_without_out_reaches_nobody(tmp_path: Path) -> None:
    head = {"push: {out: {address: device}}": "push: {in: {}}"}
    actions = news() + "---\naction: a2\ntreatments: {mail: {}}"
    desk = desk_of(
        tmp_path, step="act: news", actions=actions.replace("hello_push", ""), head=head
    )
    decision = desk.ask(1, channels=["push", "mail"])
    assert gates(decision) == {"news/mail": None, "news/push": "address"}


# --- consent


@pytest.mark.parametrize(
    ("way", "said", "is_stopped"),
    [
        ("opt_in", None, True),
        ("opt_in", "granted", False),
        ("opt_in", "denied", True),
        ("opt_in", "revoked", True),
        ("opt_out", None, False),
        ("opt_out", "granted", False),
        ("opt_out", "denied", True),
        ("opt_out", "revoked", True),
        (None, "denied", False),
    ],
)
def test_opt_in_needs_a_grant_and_opt_out_no_refusal(
    tmp_path: Path, way: str | None, said: str | None, is_stopped: bool
) -> None:
    policy = f"consent: {{marketing: {way}}}" if way else "explore: 0%"
    desk = desk_of(tmp_path, policy, step="act: news")
    if said:
        desk.consent(1, said)
    assert stops(desk.ask(2)) == ({"consent"} if is_stopped else {None})


def test_the_latest_statement_that_covers_the_pair_decides(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "consent: {marketing: opt_in}", step="act: news")
    desk.consent(10, "granted")
    desk.consent(20, "revoked", "mail")
    assert gates(desk.ask(21)) == {"news/mail": "consent", "news/push": None}
    desk.consent(15, "denied", "push")  # late: what was said at 20 and 10 is older or newer
    assert gates(desk.ask(22)) == {"news/mail": "consent", "news/push": "consent"}
    desk.consent(30, "granted")
    assert gates(desk.ask(31)) == {"news/mail": None, "news/push": None}
    desk.consent(30, "denied", "push")  # of the same time: the stricter
    assert gates(desk.ask(32)) == {"news/mail": None, "news/push": "consent"}


def test_consent_is_by_class(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "consent: {service: opt_in}", step="act: news", class_="service")
    desk.consent(1, "granted", purpose="marketing")
    assert stops(desk.ask(2)) == {"consent"}
    desk.consent(3, "granted", purpose="service")
    assert stops(desk.ask(4)) == {None}


CONSENTED = """
action: asks
class: transactional
treatments:
  web:
    payload:
      m: consented('marketing', 'mail')
      s: consented('service', 'mail')
      t: consented('transactional', 'mail')
      o: consented('profiling', 'mail')
"""


@pytest.mark.parametrize("said", [None, "granted", "denied"])
@pytest.mark.parametrize("consent", ["{marketing: opt_in}", "{marketing: opt_out}", "{}"])
def test_consented_says_what_the_gate_says(tmp_path: Path, consent: str, said: str | None) -> None:
    actions = f"{news()}---{CONSENTED}"
    desk = desk_of(
        tmp_path, f"consent: {consent}", actions=actions, step="act: news", other="act: asks"
    )
    if said:
        for purpose in ("marketing", "service", "transactional", "profiling"):
            desk.consent(1, said, "*", purpose)
    passes = gates(desk.ask(2))["news/mail"] is None
    desk.send("other", 3)
    payload = desk.scene.driver.actions()[-1]["payload"]
    assert payload == {"m": passes, "s": True, "t": True, "o": said == "granted"}


def test_of_a_channel_that_nobody_has_consented_says_nothing(tmp_path: Path) -> None:
    asks = CONSENTED.partition("      s:")[0].replace("'mail'", "event.where")
    desk = desk_of(tmp_path, actions=f"{news()}---{asks}", step="act: news", other="act: asks")
    desk.consent(1, "granted", "*", "marketing")
    desk.send("other", 2, where="Mail")
    assert desk.scene.driver.actions()[-1]["payload"] == {"m": True}
    desk.send("other", 3, where="emial")
    assert desk.scene.driver.actions()[-1]["payload"] == {}
    unread = {key for key in desk.scene.driver._runtime.take_counts() if "unread" in key[0]}
    assert unread == {("cjo_values_unread_total", "action.asks", "event.where", "value")}


# --- service cases


def test_a_customer_with_an_open_case_gets_no_marketing(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "service_gate: {block: [marketing]}", step="act: news")
    desk.send("opened", 1, k=1)
    desk.send("opened", 2, k=2)
    assert stops(desk.ask(3)) == {"service_gate"}
    desk.send("closed", 4, k=1)
    assert stops(desk.ask(5)) == {"service_gate"}
    desk.send("closed", 6, k=2)
    assert stops(desk.ask(7)) == {None}


def test_a_class_that_is_not_blocked_passes_the_service_gate(tmp_path: Path) -> None:
    policy = "service_gate: {block: marketing}"
    desk = desk_of(tmp_path, policy, step="act: news", class_="service")
    desk.send("opened", 1, k=1)
    assert stops(desk.ask(3)) == {None}


# --- holdouts


@pytest.mark.parametrize(("share", "gate"), [("0%", None), ("100%", "holdout")])
def test_the_universal_holdout_gets_no_marketing(
    tmp_path: Path, share: str, gate: str | None
) -> None:
    desk = desk_of(tmp_path, f"holdout: {share}", step="act: news")
    assert stops(desk.ask(1)) == {gate}
    assert desk.decisions()[-1]["suppressed"] is None


def test_the_universal_holdout_is_drawn_once_in_its_share(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "holdout: 30%", step="act: news")
    held = {}
    for again in (0, 1):
        for n in range(400):
            ids = {"user": f"u{n}", "email": f"u{n}@example.com"}
            desk.scene.send("joined", 10 + again, identifiers=ids)
            stopped = gates(desk.ask(20 + again, identifiers=ids))["news/mail"]
            assert held.setdefault(n, stopped) == stopped
    assert 80 < sum(gate == "holdout" for gate in held.values()) < 160


# --- rules


def test_a_record_names_the_cap_the_limit_and_the_window(tmp_path: Path) -> None:
    caps = "caps: {name: once, class: marketing, max: 1, per: day}\n"
    desk = desk_of(tmp_path, caps, step="act: news")
    desk.ask(1)
    assert rules(desk.ask(2)) == ["once", "once"]
    desk.outcome(3, "reject", "news")
    assert rules(desk.ask(4)) == ["reject pause 1d", "reject pause 1d"]
    window = 'quiet_hours: [{days: [sat, sun], then: drop}, {channel: push, from: "01:00",'
    desk = desk_of(tmp_path, window + ' until: "07:30", then: delay}]', step="act: news")
    assert rules(desk.ask(1)) == ["sat,sun drop", "sat,sun drop"]
    limit = "{issue: sales, channel: mail, outcome: click, count: 2, per: 36h, pause: forever}"
    limit = f"limits: {limit}"
    desk = desk_of(tmp_path, limit, step="act: news", actions=news() + "issue: sales\n")
    for at in (1, 2):
        desk.ask(at)
        desk.outcome(at + 0.5, "click", "news")
    assert rules(desk.ask(4)) == [
        "issue sales channel mail click x2 per 36h pause forever",
        None,
    ]
