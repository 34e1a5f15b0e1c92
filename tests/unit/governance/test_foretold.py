"""What a plan foretells for the instances of the bundled topologies is what an `apply` does."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.world.command_line import ROOT, Cli, cli

__all__ = ["cli"]

CANDIDATES = 3 if "CJO_LONG" in os.environ else 2
"""Of each topology."""
_LIVES = (
    "status: retired",
    "status: paused",
    "migrate: follow",
    "migrate: exit",
    "migrate: drain",
    "migrate: follow\ncanary: 40%",
    "migrate: exit\ncanary: 40%",
)
_VERSION = re.compile(r"^version: (\d+)", re.MULTILINE)
_TIMER = re.compile(r"\b(\d+)([hdm]): ")
_Key = tuple[str, int, str]
_End = tuple[str, int, str, str | None, str]


def edited(text: str, rng: random.Random) -> str:
    """Return a file in which about every second journey has another life, or a new version."""
    return "---".join(_journey(document, rng) for document in re.split(r"(?m)^---$", text))


def _journey(document: str, rng: random.Random) -> str:
    version = _VERSION.search(document)
    if version is None or "journey: " not in document or rng.random() < 0.5:
        return document
    life = rng.choice(_LIVES)
    if life.startswith("status"):
        without = re.sub(r"(?m)^status: .*\n", "", document)
        return without.replace(version[0], f"{version[0]}\n{life}", 1)
    timer = _TIMER.search(document)
    if timer is not None:
        other = f"{int(timer[1]) * 7 + 1}{timer[2]}: "
        document = document.replace(timer[0], other, 1)
    return document.replace(version[0], f"version: {int(version[1]) + 1}\n{life}", 1)


def foretold(plan: dict[str, Any]) -> tuple[Counter[_Key], Counter[_End]]:
    """Return how many instances a plan says will be where, and how many end how."""
    new = {one["name"]: one["after"] for one in plan["changes"] if one["part"] == [["version"]]}
    live, ended = Counter[_Key](), Counter[_End]()
    for row in plan["instances"]:
        journey, version, state = row["journey"], row["version"], row["state"]
        if row["fate"] == "move":
            version = new[journey]
        if row["outcome"] is None:
            live[journey, version, row["to"]] += row["live"]
        else:
            ended[journey, version, state, row["to"], row["outcome"]] += row["live"]
    return live, ended


def happened(state: Path) -> Counter[_End]:
    """Return how many instances ended how by the `apply` alone."""
    lines = (state.parent / f"{state.name}.operator" / "transitions.jsonl").read_text()
    rows = map(json.loads, lines.splitlines())
    return Counter(
        (one["journey"], one["version"], one["from"], one["to"], one["outcome"])
        for one in rows
        if one["reason"] in ("ended", "exited")
    )


@pytest.mark.parametrize("name", ["shop", "telco", "lending", "federation"])
def test_instances_are_then_where_the_plan_said(cli: Cli, tmp_path: Path, name: str) -> None:
    topology, events = ROOT / "topologies" / name, tmp_path / "events.jsonl"
    lines = (topology / "events.jsonl").read_bytes().splitlines(keepends=True)
    events.write_bytes(b"".join(lines[: len(lines) * 6 // 10]))
    base = tmp_path / "base"
    assert cli("run", topology, events, "--state", base, "--out", tmp_path / "out").code == 0
    changed = 0
    for seed in range(CANDIDATES):
        rng = random.Random(f"{name} {seed}")
        candidate = tmp_path / f"candidate-{seed}"
        shutil.copytree(topology, candidate)
        for file in sorted(candidate.rglob("*.yaml")):
            file.write_text(edited(file.read_text(), rng))
        state = tmp_path / f"state-{seed}"
        shutil.copytree(base, state)
        plan = json.loads(cli("plan", candidate, "--state", state, "--json").out)
        live, ended = foretold(plan)
        done = cli("apply", candidate, "--state", state, "--yes")
        assert done.code == 0, done.err
        assert happened(state) == ended
        now, _ = foretold(json.loads(cli("plan", candidate, "--state", state, "--json").out))
        assert now == live
        changed += ended.total() + sum(row["fate"] == "move" for row in plan["instances"])
    assert changed
