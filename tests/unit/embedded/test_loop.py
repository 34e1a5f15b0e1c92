"""The closed loop: what is sent is answered; the same bytes however often it is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.unit.embedded.killing import KILLS, run_killed

FILES = ("actions", "decisions", "transitions", "identities", "dead_letters", "customers")


def command(out: Path) -> list[str]:
    options = ["--people", "80", "--days", "5", "--seed", "5", "--out", str(out)]
    return [sys.executable, "-m", "cjo_stream", "demo", "--json", *options]


def run(out: Path, hash_seed: str) -> dict[str, Any]:
    done = subprocess.run(
        command(out),
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def read(out: Path) -> dict[str, bytes]:
    return {name: (out / f"{name}.jsonl").read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "out"
    run(out, "1")
    return out


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed(
    undisturbed: Path, tmp_path: Path
) -> None:
    run(tmp_path / "two", "2")
    assert read(tmp_path / "two") == read(undisturbed)


def test_what_was_sent_is_answered_in_the_course_of_the_same_run(undisturbed: Path) -> None:
    customers = (undisturbed / "customers.jsonl").read_text().splitlines()
    answered = Counter(json.loads(line)["traits"]["answers"] for line in customers)
    assert sum(answers * people for answers, people in answered.items()) > 5
    letters = (undisturbed / "dead_letters.jsonl").read_text().splitlines()
    reasons = {json.loads(line)["detail"] for line in letters}
    assert not [reason for reason in reasons if "outcome" in reason]


@pytest.mark.slow
def test_killed_again_and_again_it_leaves_the_bytes_of_an_undisturbed_one(
    undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    kills = run_killed(command(out), out, seed=9, most=KILLS, late_s=0.1)
    assert kills > KILLS // 2
    assert read(out) == read(undisturbed)
