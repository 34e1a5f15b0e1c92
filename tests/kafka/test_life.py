"""Sets that change, and a canary that is decided, while events come and processes are killed."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.world import TOPOLOGY
from tests.world.chain import Chain, wait_until_quiet
from tests.world.load import Load
from tests.world.verdict import judge

pytestmark = pytest.mark.kafka

CART = "journey: cart\nversion: 1\n"
LONG = ("after: {3s: reminded}", "after: {9d: reminded}")
"""So that carts wait while the sets change."""
SECOND = ("initial: waiting", "migrate: follow\nmap: {waiting: open}\ninitial: open")
GUARDED = """\
canary:
  share: 50%
  guards: [{metric: exit_rate, worse_than: 90%}]
  then: promote
  for: 1m
"""
EDITS: dict[str, tuple[tuple[str, str], ...]] = {
    "first": (),
    "paused": ((CART, f"{CART}status: paused\n"),),
    "second": (
        SECOND,
        (CART, f"journey: cart\nversion: 2\n{GUARDED}"),
        ("  waiting:\n", "  open:\n"),
        ("to: waiting, do", "to: open, do"),
    ),
    "retired": (
        SECOND,
        (CART, "journey: cart\nversion: 2\nstatus: retired\n"),
        ("  waiting:\n", "  open:\n"),
        ("to: waiting, do", "to: open, do"),
    ),
}


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Write the sets, each in a folder by its name."""
    for name, edits in EDITS.items():
        text = (TOPOLOGY / "topology.yaml").read_text()
        for old, new in (LONG, *edits):
            assert old in text, old
            text = text.replace(old, new)
        (tmp_path / name).mkdir()
        (tmp_path / name / "topology.yaml").write_text(text)
    return {name: tmp_path / name for name in EDITS}


@pytest.fixture
def chain(bootstrap: str, tmp_path: Path, folders: dict[str, Path]) -> Iterator[Chain]:
    chain = Chain(bootstrap, tmp_path, workers=2)
    chain.create(folders["first"])
    chain.start(folders["first"])
    yield chain
    chain.stop()


def test_sets_change_under_load_and_kills_and_each_plan_comes_to_pass(
    chain: Chain, folders: dict[str, Path]
) -> None:
    draw = random.Random(11)
    load = Load(chain, rate=150, seconds=45)
    load.start()
    for name in ("paused", "second"):
        time.sleep(6)
        with killing(chain, draw):
            chain.command("apply", str(folders[name]), "--yes", timeout=180)
    load.join()
    with killing(chain, draw):
        verdict = decided(chain)
    assert (verdict["verdict"], verdict["journey"], verdict["set"]) == ("promote", "cart", 3)
    inside, outside = verdict["inside"], verdict["outside"]
    assert inside["customers"] > 20 < outside["customers"]
    wait_until_quiet(chain, seconds=120)

    planned = json.loads(chain.command("plan", str(folders["retired"]), "--json"))
    rows = [row for row in planned["instances"] if row["journey"] == "cart"]
    assert {(row["version"], row["state"], row["fate"]) for row in rows} == {(2, "open", "end")}
    assert sum(row["live"] for row in rows) == live(chain) > 100
    customers = sum(row["customers"] for row in rows)
    with killing(chain, draw):
        chain.command("apply", str(folders["retired"]), "--yes", timeout=180)
    wait_until_quiet(chain, seconds=120)
    assert live(chain) == 0
    assert status(chain)["rolling_out"] == {}

    found = judge(chain, folders["retired"])
    assert found.events == load.sent
    assert [one["verdict"] for one in verdicts(chain)] == ["promote"]
    ended = [
        (customer, record["instance_id"])
        for customer, of in found.records.items()
        for kind, record in of
        if kind == "transition" and record["outcome"] == "retired"
    ]
    assert len(ended) == len(set(ended)) == sum(row["live"] for row in rows)
    assert len({customer for customer, _ in ended}) == customers
    for of in found.records.values():
        assert switches_once([record for kind, record in of if kind == "transition"])


def verdicts(chain: Chain) -> list[dict[str, Any]]:
    """Return the verdicts on guarded canaries, as published."""
    records = [
        json.loads(message.value())
        for messages in chain.read("governance.v1").values()
        for message in messages
    ]
    return [one for one in records if one["kind"] == "verdict"]


def decided(chain: Chain) -> dict[str, Any]:
    """Return the first verdict, once there is one."""
    until = time.monotonic() + 240
    while time.monotonic() < until:
        for one in verdicts(chain):
            return one
        time.sleep(1)
    raise AssertionError("no guard has decided in 240 s")


def switches_once(transitions: list[dict[str, Any]]) -> bool:
    """Return whether a customer's carts are of version 1 up to one place, and of 2 from there."""
    versions = [one["version"] for one in transitions if one["journey"] == "cart"]
    return versions == sorted(versions)


def status(chain: Chain) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(chain.command("status", "--json"))
    return found


def live(chain: Chain) -> int:
    versions = status(chain)["instances"].get("cart", {})
    return sum(sum(Counter(states).values()) for states in versions.values())


@contextmanager
def killing(chain: Chain, draw: random.Random) -> Iterator[None]:
    """Kill every process once, in some order, in the meantime."""
    is_over = threading.Event()

    def kill() -> None:
        for name in draw.sample(chain.names, k=len(chain.names)):
            chain.kill(name)
            if is_over.wait(draw.uniform(1.5, 3)):
                return

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
