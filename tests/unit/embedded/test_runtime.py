"""The embedded runtime: the same bytes whatever the process, the partitions, or the kills."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.unit.embedded.killing import KILLS, run_killed
from tests.world import TOPOLOGY

START_MS = 1_772_323_200_000
FILES = ("actions", "decisions", "transitions", "identities", "dead_letters", "customers")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of events of 30 users over some minutes, some repeated, some broken."""
    draw = random.Random(11)
    lines = []
    for number in range(2_500):
        event = {
            "type": draw.choice(["cart", "cart", "order", "other"]),
            "time": START_MS + number * 200 - draw.choice([0, 0, 0, 4_000]),
            "channel": "web",
            "id": f"e{draw.choice([number, number, max(0, number - 5)])}",
            "identifiers": {"user": f"u{draw.randrange(30)}"},
            "attributes": {"cart": f"c{draw.randrange(2)}", "total": draw.randrange(5)},
        }
        lines.append(json.dumps(event))
        if number % 500 == 7:
            lines.append('{"type": "broken"')
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def undisturbed(events: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return run(events, tmp_path_factory.mktemp("undisturbed") / "out")


def command(events: Path, out: Path, *more: str) -> list[str]:
    base = [sys.executable, "-m", "cjo_stream", "run", str(TOPOLOGY), str(events)]
    return [*base, "--out", str(out), "--drain", "1h", "--now", "2026-04-01T00:00:00Z", *more]


def run(events: Path, out: Path, *more: str, hash_seed: str = "0") -> dict[str, bytes]:
    done = subprocess.run(
        command(events, out, *more),
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return read(out)


def read(out: Path) -> dict[str, bytes]:
    summary = json.loads((out / "summary.json").read_text())
    told = {name: summary[name] for name in ("events", "repeated", "late", "dead_letters")}
    files = {name: (out / f"{name}.jsonl").read_bytes() for name in FILES}
    return files | {"summary": json.dumps(told).encode()}


def sequences(files: dict[str, bytes]) -> dict[str, dict[str, list[Any]]]:
    """Return each customer's records of every kind, in order."""
    by_customer: dict[str, dict[str, list[Any]]] = {}
    for name in ("actions", "decisions", "transitions", "identities", "customers"):
        rows: dict[str, list[Any]] = defaultdict(list)
        for line in files[name].splitlines():
            row = json.loads(line)
            rows[row["customer_id"]].append(row)
        by_customer[name] = dict(rows)
    return by_customer


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes_whatever_the_hash_seed(
    events: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    assert run(events, tmp_path / "two", hash_seed="2") == undisturbed
    assert undisturbed["actions"]
    assert undisturbed["dead_letters"].count(b"malformed") == 5


@pytest.mark.slow
@pytest.mark.parametrize(("cores", "partitions"), [("1", "4"), ("2", "1"), ("3", "16")])
def test_cores_and_partitions_change_no_byte(
    events: Path, tmp_path: Path, cores: str, partitions: str, undisturbed: dict[str, bytes]
) -> None:
    found = run(events, tmp_path / "many", "--cores", cores, "--partitions", partitions)
    assert found == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("partitions", ["4", "16"])
def test_partitions_of_a_state_change_no_customers_sequence(
    events: Path, tmp_path: Path, partitions: str, undisturbed: dict[str, bytes]
) -> None:
    many = run(
        events, tmp_path / "many", "--state", str(tmp_path / "state"), "--partitions", partitions
    )
    assert sequences(many) == sequences(undisturbed)
    assert many["customers"] == undisturbed["customers"]


@pytest.mark.slow
def test_a_durable_run_killed_again_and_again_leaves_the_bytes_of_an_undisturbed_one(
    events: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    out, state = tmp_path / "out", tmp_path / "state"
    kills = run_killed(
        command(events, out, "--state", str(state)), out, seed=3, most=KILLS, late_s=0.05
    )
    assert kills > KILLS // 2
    assert read(out) == undisturbed


@pytest.mark.slow
def test_a_second_run_goes_on_with_the_state_of_the_first(tmp_path: Path) -> None:
    def write(name: str, seconds: int, type_: str) -> Path:
        event = {
            "type": type_,
            "time": START_MS + seconds * 1000,
            "channel": "web",
            "identifiers": {"user": "ada"},
            "attributes": {"cart": "c", "total": 3},
        }
        path = tmp_path / name
        path.write_text(json.dumps(event) + "\n")
        return path

    state = str(tmp_path / "state")
    monday = [str(write("monday.jsonl", 0, "cart")), "--out", str(tmp_path / "one")]
    tuesday = [str(write("tuesday.jsonl", 60, "other")), "--out", str(tmp_path / "two")]
    for more in (monday, tuesday):
        done = subprocess.run(
            [sys.executable, "-m", "cjo_stream", "run", str(TOPOLOGY), *more, "--state", state],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
    first = json.loads((tmp_path / "one" / "summary.json").read_text())
    second = json.loads((tmp_path / "two" / "summary.json").read_text())
    assert (first["events"], first["actions"]) == (1, 0)
    assert (second["events"], second["actions"]) == (1, 2)


@pytest.mark.slow
def test_a_folder_that_holds_something_is_left_alone(events: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    done = subprocess.run(command(events, out), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


@pytest.mark.slow
@pytest.mark.parametrize("kept", [True, False])
def test_a_disk_that_takes_no_more_is_told_and_with_room_the_same_command_ends_it(
    events: Path, tmp_path: Path, kept: bool, undisturbed: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    asked = command(events, out, *(["--state", str(tmp_path / "state")] if kept else []))
    full = subprocess.run(
        ["bash", "-c", 'ulimit -f 200; exec "$@"', "run", *asked], capture_output=True, text=True
    )
    assert full.returncode == 1
    assert "make room" in full.stderr
    assert "Traceback" not in full.stderr
    again = subprocess.run(asked if kept else [*asked, "--force"], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert read(out) == undisturbed
