"""Sets that came before: who applied them, taking one back, and one that comes in between."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing

import pytest

from cjo_stream.definition import Authorship, load
from cjo_stream.embedded import operator
from cjo_stream.embedded.operator import InFolder
from cjo_stream.embedded.state import StateFolder
from cjo_stream.errors import LockedError, RefusalError
from cjo_stream.governance.permit import Permit
from cjo_stream.settings import DEMO_TENANT_KEY
from tests.unit.governance.shop import FOLLOWED, RETIRED, Shop


def test_status_says_who_applied_each_set_when_and_why(shop: Shop) -> None:
    candidate = shop.candidate(carts=FOLLOWED)
    assert shop.apply(candidate, "--as", "growth", "--why", "fewer reminders").code == 0
    said = shop.cli("status", "--state", shop.state).out
    assert "set 1: put in force by a run\nset 2: applied 20" in said
    assert " UTC by growth: fewer reminders\n" in said
    first, second = json.loads(shop.cli("status", "--state", shop.state, "--json").out)["sets"]
    assert first == {"number": 1}  # a run brought it
    assert (second["by"]["who"], second["by"]["why"]) == ("growth", "fewer reminders")


def test_a_former_set_is_taken_back_as_a_new_one_with_its_own_plan(shop: Shop) -> None:
    assert shop.apply(shop.candidate(hello=(RETIRED,))).code == 0
    planned = json.loads(shop.cli("plan", "--to", 1, "--state", shop.state, "--json").out)
    assert [one["part"] for one in planned["changes"]] == [[["status"]]]
    assert planned["refused"] == []
    file = shop.folder / "back.plan"
    assert shop.cli("plan", "--to", 1, "--state", shop.state, "--out", file).code == 0
    done = shop.cli("apply", "--to", 1, "--state", shop.state, "--yes")
    assert done.out == "set 3 is in force\n"
    nothing = shop.cli("plan", shop.live, "--state", shop.state)
    assert nothing.out.startswith("nothing changes\n")
    again = shop.cli("apply", "--to", 1, "--state", shop.state, "--yes")
    assert again.out == "nothing changed: set 3 was in force already\n"
    assert shop.apply(file).out == "nothing changed: set 3 was in force already\n"


def test_a_former_set_must_be_kept_and_alone(shop: Shop) -> None:
    done = shop.cli("apply", "--to", 7, "--state", shop.state, "--yes")
    assert done.code == 2
    assert "definition set 7 is not kept here (kept: 1)" in done.err
    for arguments in ((shop.live, "--to", 1), ()):
        for command in ("apply", "plan"):
            done = shop.cli(command, *arguments, "--state", shop.state)
            assert done.code == 2
            assert "which set?" in done.err


def test_who_comes_second_is_told_by_whom(shop: Shop) -> None:
    installation = InFolder(shop.state, DEMO_TENANT_KEY.encode())
    slow = load(shop.candidate(carts=FOLLOWED))
    permit = Permit(installation.in_force(), slow, None, None)
    fast = load(shop.candidate(hello=(RETIRED,))).signed(
        Authorship(0, "care", "no more greetings")
    )
    same = Permit(installation.in_force(), fast, None, None)
    installation.apply(fast, print, lambda _: None)
    with pytest.raises(RefusalError, match="1970-01-01 00:00 UTC by care: no more greetings"):
        installation.apply(slow, print, permit.check)
    # Of the same set it does not matter who was first.
    assert not installation.apply(fast, print, same.check).changed


def test_an_apply_waits_for_the_one_before_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator, "LOCKED_RETRY_S", 0.05)
    installation = InFolder(shop.state, DEMO_TENANT_KEY.encode())
    candidate = load(shop.candidate(carts=FOLLOWED))
    is_open = threading.Event()

    def hold() -> None:
        with closing(StateFolder(shop.state)):
            is_open.set()
            time.sleep(0.5)

    holding = threading.Thread(target=hold)
    holding.start()
    is_open.wait()
    steps: list[str] = []
    monkeypatch.setattr(operator, "LOCKED_WITHIN_S", 0.0)
    with pytest.raises(LockedError):
        installation.apply(candidate, steps.append, lambda _: None)
    monkeypatch.setattr(operator, "LOCKED_WITHIN_S", 10.0)
    assert installation.apply(candidate, steps.append, lambda _: None).number == 2
    holding.join()
    assert steps
    assert all("waiting for the process" in step for step in steps)
