"""`insight automation`: pieces of work by hand, against a plain count."""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.world.command_line import Cli, cli

__all__ = ["cli"]

DAY_MS = 86_400_000
START_MS = 1_767_571_200_000
DRAW = random.Random(3)
EVENTS = sorted(
    (
        START_MS + DRAW.randrange(40 * DAY_MS),
        f"p{DRAW.randrange(12)}@example.com",
        *DRAW.choice([("web", "asked"), ("desk", "opened"), ("desk", "closed")]),
    )
    for _ in range(400)
)
Key = tuple[str, str]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("automation")


def sink(cli: Cli, at: Path) -> Path:
    lines = [
        json.dumps(
            {"type": type_, "time": time, "channel": channel, "identifiers": {"email": who}}
        )
        for time, who, channel, type_ in EVENTS
    ]
    (at / "run").mkdir()
    (at / "events.jsonl").write_text("\n".join(lines))
    layer = at / "layer"
    done = cli("insight", "sink", at / "run", "--events", at / "events.jsonl", "--layer", layer)
    assert done.code == 0, done.err
    return layer


def pieces(apart_ms: int) -> dict[Key, list[int]]:
    """Return the times of the pieces of work, by what was before and their steps."""
    found: dict[Key, list[int]] = {}
    for who in sorted({one[1] for one in EVENTS}):
        own = [one for one in EVENTS if one[1] == who]
        desk = [one for one in own if one[2] == "desk"]
        edges = [n for n, (a, b) in enumerate(pairwise(desk), 1) if b[0] - a[0] > apart_ms]
        for begin, end in pairwise([0, *edges, len(desk)]):
            piece = desk[begin:end]
            before = [one for one in own if one[2] == "web" and one[0] <= piece[0][0]]
            near = before and piece[0][0] - before[-1][0] <= apart_ms
            key = ("asked" if near else "", " > ".join(one[3] for one in piece))
            found.setdefault(key, []).append(piece[-1][0] - piece[0][0])
    return found


@pytest.mark.parametrize("apart", [1, 3])
def test_pieces_of_work_are_as_a_plain_count_has_them(cli: Cli, kept: Path, apart: int) -> None:
    layer = kept / "layer" if (kept / "layer").exists() else sink(cli, kept)
    of = kept / "list.csv"
    ask = ("insight", "automation", "--by-hand", "desk", "--layer", layer, "--apart", f"{apart}d")
    done = cli(*ask, "--format", "csv", "--list", of)
    assert done.code == 0, done.err
    rows = list(csv.DictReader(done.out.splitlines()))
    wanted = pieces(apart * DAY_MS)
    assert {(row["after"], row["steps"]): int(row["total_ms"]) for row in rows} == {
        key: sum(times) for key, times in wanted.items()
    }
    totals = [(int(row["total_ms"]), int(row["count"])) for row in rows]
    assert totals == sorted(totals, reverse=True)
    with of.open() as file:
        listed = Counter((row["after"], row["steps"]) for row in csv.DictReader(file))
    assert listed == {key: len(times) for key, times in wanted.items()}
    assert listed == {(row["after"], row["steps"]): int(row["count"]) for row in rows}


def test_an_unknown_channel_is_refused_until_it_is_named(cli: Cli, kept: Path) -> None:
    layer = kept / "layer" if (kept / "layer").exists() else sink(cli, kept)
    refused = cli("insight", "automation", "--by-hand", "desc", "--layer", layer)
    assert refused.code == 2
    assert "did you mean desk?" in refused.err
    assert cli("insight", "automation", "--by-hand", "desk", "--layer", layer).code == 0
