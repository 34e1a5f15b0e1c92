"""Sets that change while events come and processes are killed: what a plan said comes to pass."""

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
EDITS: dict[str, tuple[tuple[str, str], ...]] = {
    "first": (),
    "paused": ((CART, f"{CART}status: paused\n"),),
    "second": (
        SECOND,
        (CART, "journey: cart\nversion: 2\n"),
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
    load = Load(chain, rate=150, seconds=30)
    load.start()
    for name in ("paused", "second"):
        time.sleep(6)
        with killing(chain, draw):
            chain.command("apply", str(folders[name]), "--yes", timeout=180)
    load.join()
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

    verdict = judge(chain, folders["retired"])
    assert verdict.events == load.sent
    ended = [
        (customer, record["instance_id"])
        for customer, of in verdict.records.items()
        for kind, record in of
        if kind == "transition" and record["outcome"] == "retired"
    ]
    assert len(ended) == len(set(ended)) == sum(row["live"] for row in rows)
    assert len({customer for customer, _ in ended}) == customers
    for of in verdict.records.values():
        assert switches_once([record for kind, record in of if kind == "transition"])


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
