"""A plan says what a change does to people, and what is refused; then just that happens."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.program.program import Program
from cjo_stream.definition import load
from cjo_stream.embedded.state import StateFolder
from cjo_stream.governance.plan import live_folder, make_plan
from tests.unit.governance.shop import (
    FOLLOWED,
    NO_REMINDED,
    RETIRED,
    SECOND,
    Edits,
    Shop,
    written,
)
from tests.world.command_line import Cli

CAP: Edits = (("max: 2", "max: 3"),)


def rows(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["journey"], one["state"]): one for one in found["instances"]}


def test_the_data_of_a_plan_has_the_approvals_and_the_journeys_that_it_may_concern(
    shop: Shop,
) -> None:
    candidate = shop.candidate(shop=CAP)
    found, told = shop.planned(candidate), shop.plan(candidate).out
    assert found["approvals"] == {"care": ["caps"]}
    assert (found["customers"], found["changed"]) == (20, 0)
    [change] = found["changes"]
    [reach] = found["reach"]
    assert (reach["kind"], reach["name"], reach["at"]) == (
        change["kind"],
        change["name"],
        change["at"],
    )
    assert reach["journeys"]
    assert all(name in told for name in reach["journeys"])
    assert reach["competes"] == {}


def test_instances_follow_and_end_as_the_plan_says(shop: Shop) -> None:
    candidate = shop.candidate(carts=FOLLOWED, hello=(RETIRED,))
    found = shop.planned(candidate)
    assert list(found)[:4] == ["changes", "instances", "refused", "owners"]
    assert (found["customers"], found["changed"]) == (20, 20)
    assert (found["approvals"], found["reach"]) == ({}, [])
    assert found["refused"] == []
    assert found["owners"] == ["care", "growth"]
    assert rows(found) == {
        ("carts", "waiting"): {
            "journey": "carts", "version": 1, "state": "waiting", "live": 18, "customers": 18,
            "fate": "move", "to": "waiting", "timers": "restarted", "outcome": None,
        },
        ("carts", "reminded"): {
            "journey": "carts", "version": 1, "state": "reminded", "live": 2, "customers": 2,
            "fate": "move", "to": "lapsed", "timers": None, "outcome": "lapsed",
        },
        ("hello", "greeted"): {
            "journey": "hello", "version": 1, "state": "greeted", "live": 20, "customers": 20,
            "fate": "end", "to": None, "timers": None, "outcome": "retired",
        },
    }  # fmt: skip
    assert shop.apply(candidate).code == 0
    assert Counter((t["journey"], t["to"], t["outcome"]) for t in shop.transitions()) == {
        ("carts", "lapsed", "lapsed"): 2,
        ("hello", None, "retired"): 20,
    }
    [(key, after)] = rows(shop.planned(candidate)).items()
    assert key == ("carts", "waiting")
    assert (after["version"], after["live"], after["fate"]) == (2, 18, "stay")


def test_what_fires_at_the_end_of_a_pause_is_told(shop: Shop) -> None:
    paused = shop.candidate(carts=(("version: 1", "version: 1\nstatus: paused"),))
    assert shop.apply(paused).code == 0
    later = {"type": "look", "time": "2026-03-02T13:00:00Z", "channel": "web"}
    events, out = shop.folder / "later.jsonl", shop.folder / "later"
    events.write_text(json.dumps({**later, "identifiers": {"email": "b@example.com"}}))
    assert shop.cli("run", paused, events, "--state", shop.state, "--out", out).code == 0
    known = len(shop.transitions())
    assert "fires at once" not in shop.plan(paused).out
    told = (
        "carts version 1, waiting: 18 instances of 18 customers stay; what came due in the pause "
        "fires at once: timer 2h"
    )
    assert told in shop.plan(shop.live).out.splitlines()
    done = shop.apply(shop.live)
    assert told in done.err.splitlines()
    fired = Counter((t["from"], t["to"]) for t in shop.transitions()[known:])
    assert fired == {("waiting", "reminded"): 18}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("paused", "stay and wait: events, goals and timers do nothing until it goes on"),
        ("draining", "stay and finish"),
    ],
)
def test_who_no_longer_enters_and_who_stays_inside_is_told(
    shop: Shop, status: str, told: str
) -> None:
    shut = shop.candidate(carts=(("version: 1", f"version: 1\nstatus: {status}"),))
    lines = shop.plan(shut).out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("journey carts, status: "))
    assert lines[at + 1] == f"  nobody enters any more; 20 instances inside {told}"
    assert "carts version 1, waiting: 18 instances of 18 customers stay" in lines
    alone = shop.cli("plan", shop.live, shut).out
    assert f"nobody enters any more; who is inside {told.split()[0]}s and " in alone
    assert shop.apply(shut).code == 0
    assert "  customers enter again" in shop.plan(shop.live).out.splitlines()


def test_a_plan_changes_nothing(shop: Shop) -> None:
    before = {path: path.read_bytes() for path in shop.folder.rglob("*.jsonl")}
    first = shop.planned(shop.candidate(carts=FOLLOWED))
    assert shop.planned(shop.candidate(carts=FOLLOWED)) == first
    assert {path: path.read_bytes() for path in shop.folder.rglob("*.jsonl")} == before
    assert "definition set 1" in shop.cli("status", "--state", shop.state).out


def test_instances_stay_on_their_version_unless_they_migrate(shop: Shop) -> None:
    edits = (("version: 1", "version: 2"), ("2h", "3h"))
    found = rows(shop.planned(shop.candidate(carts=edits)))
    assert found["carts", "waiting"]["fate"] == "stay"
    assert found["carts", "waiting"]["to"] == "waiting"
    assert found["carts", "waiting"]["timers"] == "kept"
    leave = (("version: 1", "version: 2\nmigrate: exit"), ("2h", "3h"))
    found = rows(shop.planned(shop.candidate(carts=leave)))
    assert found["carts", "waiting"]["fate"] == "end"
    assert found["carts", "waiting"]["outcome"] == "migrated"


def test_timers_that_all_go_on_are_kept(shop: Shop) -> None:
    edits = (SECOND, ("2h: reminded", "2h: lapsed"), ("{nudge: reminded}", "{nudge: lapsed}"))
    found = rows(shop.planned(shop.candidate(carts=(*edits, (NO_REMINDED, "")))))
    assert found["carts", "waiting"]["timers"] == "kept"


def test_those_in_the_canary_move_and_the_others_stay(shop: Shop) -> None:
    canary = ("migrate: follow", "migrate: follow\ncanary: 50%")
    candidate = shop.candidate(carts=(*FOLLOWED, canary))
    found = [one for one in shop.planned(candidate)["instances"] if one["journey"] == "carts"]
    waiting = {one["fate"]: one["live"] for one in found if one["state"] == "waiting"}
    assert waiting["move"] + waiting["stay"] == 18
    assert shop.apply(candidate).code == 0
    found = [one for one in shop.planned(candidate)["instances"] if one["state"] == "waiting"]
    assert {one["version"]: one["live"] for one in found} == {
        1: waiting["stay"],
        2: waiting["move"],
    }


def test_the_sentences_say_what_happens_to_people(shop: Shop) -> None:
    said = shop.plan(shop.candidate(carts=FOLLOWED, hello=(RETIRED,), shop=CAP)).out
    assert "policy contact, cap two, max: 3 instead of 2 (shop.yaml:10)" in said
    assert "this may concern customers in carts (growth)" in said
    assert (
        "carts version 1, waiting: 18 instances of 18 customers move to version 2, waiting; timer "
        "3d is dropped; timer 5d counts from their entry into the state; then 2h (1h left), 5d "
        "(4d left)"
    ) in said
    assert (
        "hello version 1, greeted: 20 instances of 20 customers end with outcome retired" in said
    )
    assert "20 of 20 customers would have an instance moved or ended" in said
    assert "team care must approve it: caps" in said
    assert "do not change" not in said


def test_instances_of_journeys_that_do_not_change_are_only_counted(shop: Shop) -> None:
    said = shop.plan(shop.candidate(hello=(RETIRED,))).out
    assert "20 instances of journeys that do not change stay\n" in said
    assert "carts version 1" not in said


OTHER_ORDER = ("{type: email, limit: 2}, {type: cookie}", "{type: cookie}, {type: email}")
SECOND_ACTION = (
    ("version: 1", "version: 2"),
    ("{act: reminder}", "{act: second}"),
    ("action: reminder", "action: second"),
)
REFUSED: list[tuple[dict[str, Edits], str, str, str]] = [
    ({"carts": (("2h", "3h"),)}, "content_without_version", "carts", "growth/carts.yaml:2"),
    (
        {"carts": (("version: 1", "version: 2\nmigrate: follow"), *FOLLOWED[1:])},
        "removed_state",
        "carts.reminded",
        "growth/carts.yaml:3",
    ),
    (
        {"hello": (("version: 1", "version: 1\nstatus: draft"),)},
        "draft",
        "hello",
        "care/hello.yaml:3",
    ),
    (
        {"carts": (("journey: carts", "journey: baskets"),)},
        "taken_away",
        "carts",
        "growth/carts.yaml:1",
    ),
    ({"carts": SECOND_ACTION}, "still_named", "carts.1", "growth/carts.yaml:11"),
    ({"shop": (OTHER_ORDER,)}, "identity", "cookie", "shop.yaml:3"),
    ({"shop": ((", {type: cookie}", ""),)}, "identity", "cookie", "shop.yaml:3"),
    ({"shop": (("topology: shop", "topology: bank"),)}, "topology", "bank", "shop.yaml:1"),
]


@pytest.mark.parametrize(("edits", "what", "name", "at"), REFUSED)
def test_what_apply_refuses_a_plan_refuses_at_the_same_place(
    shop: Shop, edits: dict[str, Edits], what: str, name: str, at: str
) -> None:
    candidate = shop.candidate(**edits)
    [row] = shop.planned(candidate)["refused"]
    assert (row["what"], row["name"], row["at"]) == (what, name, at)
    assert shop.plan(candidate).code == 1
    done = shop.apply(candidate)
    assert done.code == 2
    assert row["why"] in done.err or what == "topology"


def test_retire_lets_a_file_go(shop: Shop) -> None:
    candidate = shop.candidate(carts=(("journey: carts", "journey: baskets"),))
    found = shop.planned(candidate, "--retire")
    assert found["refused"] == []
    assert rows(found)["carts", "waiting"]["outcome"] == "retired"
    assert shop.apply(candidate, "--retire").code == 0
    assert {t["outcome"] for t in shop.transitions()} == {"retired"}
    assert len(shop.transitions()) == 20


def test_a_team_is_refused_what_is_anothers(shop: Shop) -> None:
    candidate = shop.candidate(shop=CAP, carts=(("template: a", "template: b"),))
    found = shop.planned(candidate, "--as", "growth")
    [row] = found["refused"]
    assert (row["what"], row["name"], row["at"]) == ("owner", "shop.yaml", "shop.yaml:10")
    assert row["why"] == "policy is central's: ask central"
    done = shop.apply(candidate, "--as", "growth")
    assert done.code == 1
    assert "shop.yaml:10: contact: policy is central's" in done.err
    assert shop.plan(candidate, "--as", "grwth").code == 2
    own = shop.candidate(carts=(("template: a", "template: b"),))
    assert shop.apply(own, "--as", "growth").code == 0


def test_exit_codes(shop: Shop) -> None:
    candidate = shop.candidate(carts=FOLLOWED)
    assert shop.plan(candidate).code == 0
    assert shop.plan(candidate, "--exit-code").code == 3
    assert shop.plan(shop.live, "--exit-code").code == 0
    assert shop.plan(candidate, "--max-customers-changed", "5%").code == 1
    assert shop.plan(candidate, "--max-customers-changed", "100%").code == 0
    assert shop.plan(candidate, "--max-customers-changed", "20").code == 0
    assert shop.plan(candidate, "--max-customers-changed", "19").code == 1
    assert shop.plan(candidate, "--max-customers-changed", "5 percent").code == 2
    (candidate / "care" / "hello.yaml").write_text("journey: hello")
    assert shop.plan(candidate).code == 2
    assert shop.cli("plan", shop.live, candidate, "--state", shop.state).code == 2


def test_nothing_is_planned_against_an_empty_state(cli: Cli, tmp_path: Path) -> None:
    StateFolder(tmp_path / "state", is_new=True).close()
    done = cli("plan", written(tmp_path / "live"), "--state", tmp_path / "state")
    assert done.code == 2
    assert "nothing is applied" in done.err


def test_two_folders_are_compared_without_customers(cli: Cli, tmp_path: Path) -> None:
    live = written(tmp_path / "live")
    candidate = written(tmp_path / "candidate", carts=FOLLOWED)
    done = cli("plan", live, candidate, "--json", "--exit-code")
    found = json.loads(done.out)
    assert done.code == 3
    assert found["instances"] == []
    assert {one["name"] for one in found["changes"]} == {"carts"}
    assert "nothing changes" in cli("plan", live, live).out


def after(tmp_path: Path, **edits: Edits) -> Program:
    live = live_folder(load(written(tmp_path / "live")))
    found = make_plan(live, load(written(tmp_path / "candidate", **edits))).after
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("edits", "reached"),
    [
        ({"shop": CAP}, True),
        ({"shop": (("tier: string", "tier: number"),)}, False),
        ({"shop": (("limit: 2", "limit: 3"),)}, True),
        ({"carts": (("{template: a}", "{template: b}"),)}, True),
        ({"carts": (("owner: growth", "owner: crm"),)}, False),
    ],
)
def test_what_a_change_reaches_is_said(
    cli: Cli, tmp_path: Path, edits: dict[str, Edits], reached: bool
) -> None:
    said = cli("plan", written(tmp_path / "live"), written(tmp_path / "new", **edits)).out
    assert ("this may concern customers in carts" in said) == reached


def test_a_plan_gives_the_advice_that_is_new(shop: Shop) -> None:
    same = shop.candidate()
    assert "advice" not in shop.planned(same)
    assert shop.planned(same, "--advice")["advice"] == []
    edits: Edits = (("policy: contact", "policy: contact\nholdout: 100%"),)
    candidate = shop.candidate(shop=edits)
    (*_, last) = shop.planned(candidate, "--advice")["advice"]
    assert (last["code"], last["severity"]) == ("CJO606", "advice")
    assert "holdout is everybody" in shop.plan(candidate, "--advice").out
