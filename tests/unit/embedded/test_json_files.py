"""JSON files through a whole run: each layout gives the same, and a state knows what it took."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.world.command_line import Cli, cli

__all__ = ["cli"]

TOPOLOGY = """\
topology: shop
channels:
  web: {in: {}, out: {address: email}}
identity: {identifiers: [{type: email}]}
profile: {traits: {orders: {count: order}}}
---
journey: greet
version: 1
entry: {on: order}
initial: done
states: {done: {enter: [{act: hello}], end: done}}
---
action: hello
issue: a
group: b
treatments: {web: {template: t}}
---
policy: all
consent: {}
"""
BROKEN = '{\n  "type": "order"\n  "time": 1\n}'


def events(first: int, last: int) -> list[dict[str, Any]]:
    return [
        {
            "type": "order",
            "channel": "web",
            "time": f"2026-03-01T10:{n:02}:00Z",
            "identifiers": {"email": "ada@x.example"},
            "attributes": {"n": n, "lines": [{"sku": "a"}, {"sku": "b"}]},
        }
        for n in range(first, last)
    ]


def as_list(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, indent=2) + "\n"


LAYOUTS: dict[str, Callable[[list[dict[str, Any]]], str]] = {
    "lines": lambda rows: "".join(json.dumps(row) + "\n" for row in rows),
    "behind": lambda rows: "".join(json.dumps(row) for row in rows),
    "pretty": lambda rows: "\n".join(json.dumps(row, indent=2) for row in rows),
    "list": lambda rows: json.dumps(rows),
    "pretty_list": as_list,
    "list_of_lines": lambda rows: "[" + ",\n".join(json.dumps(row) for row in rows) + "]\n",
}


@pytest.fixture
def run(tmp_path: Path, cli: Cli) -> Callable[..., dict[str, Any]]:
    (tmp_path / "topology").mkdir()
    (tmp_path / "topology" / "topology.yaml").write_text(TOPOLOGY)
    count = iter(range(99))

    def call(name: str, *arguments: object) -> dict[str, Any]:
        out = tmp_path / f"out{next(count)}"
        done = cli(
            "run", tmp_path / "topology", tmp_path / name, "--out", out, *arguments,
            "--now", "2026-12-01T00:00:00Z",
        )  # fmt: skip
        assert done.code == 0, done.err
        summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
        orders = [row["traits"]["orders"] for row in lines(out / "customers.jsonl")]
        return {**summary, "orders": sum(orders), "letters": lines(out / "dead_letters.jsonl")}

    return call


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_events(
    layout: str, tmp_path: Path, run: Callable[..., dict[str, Any]]
) -> None:
    text = LAYOUTS[layout](events(0, 5))
    (tmp_path / "e.json").write_text(text)
    with gzip.open(tmp_path / "e.json.gz", "wb") as packed:
        packed.write(text.encode("utf-8-sig"))
    (tmp_path / "e.jsonl").write_text(text)
    for name in ("e.json", "e.json.gz", "e.jsonl"):
        summary = run(name)
        assert (summary["events"], summary["orders"], summary["dead_letters"]) == (5, 5, 0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read_by_all_commands_under_the_name_of_lines(
    layout: str, tmp_path: Path, run: Callable[..., dict[str, Any]], cli: Cli
) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text(LAYOUTS[layout](events(0, 5)))
    assert run("e.jsonl")["events"] == 5
    assert "e.jsonl: 5 rows, 5 events" in cli("doctor", tmp_path / "topology", path).out
    compared = cli("validate", tmp_path / "topology", "--events", path)
    assert "the sample has 5 events of 1 type" in compared.out
    assert cli("init", tmp_path / "drafted", "--from", path).code == 0
    assert "from e.jsonl: 5 rows" in (tmp_path / "drafted" / "topology.yaml").read_text()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["e.json", "e.jsonl"])
def test_an_event_that_is_cut_off_behind_an_object_in_it_is_taken_once_it_is_whole(
    layout: str, name: str, tmp_path: Path, run: Callable[..., dict[str, Any]]
) -> None:
    whole = LAYOUTS[layout](events(0, 3))
    (tmp_path / name).write_text(whole[: whole.rindex('"b"') + 4])
    summary = run(name, "--state", tmp_path / "state")
    assert (summary["orders"], summary["dead_letters"]) == (2, 1)
    (tmp_path / name).write_text(whole)
    assert run(name, "--state", tmp_path / "state")["orders"] == 3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_that_grew_gives_only_what_is_new(
    layout: str, tmp_path: Path, run: Callable[..., dict[str, Any]]
) -> None:
    path = tmp_path / "e.json"
    for last in (3, 3, 4, 7):
        path.write_text(LAYOUTS[layout](events(0, last)))
        summary = run("e.json", "--state", tmp_path / "state")
        assert summary["orders"] == last
        assert summary["dead_letters"] == 0
    # As it was before, it has nothing new.
    (tmp_path / "old.json").write_text(LAYOUTS[layout](events(0, 3)))
    assert run("old.json", "--state", tmp_path / "state")["orders"] == 7


def test_a_list_with_another_beginning_is_refused(
    tmp_path: Path, run: Callable[..., dict[str, Any]], cli: Cli
) -> None:
    (tmp_path / "e.json").write_text(as_list(events(0, 3)))
    run("e.json", "--state", tmp_path / "state")
    (tmp_path / "e.json").write_text(as_list(events(1, 4)))
    done = cli(
        "run", tmp_path / "topology", tmp_path / "e.json", "--out", tmp_path / "no",
        "--state", tmp_path / "state",
    )  # fmt: skip
    assert done.code == 2
    assert "has changed since 3 rows of it" in done.err


def test_a_record_that_is_being_written_is_taken_once_it_is_whole(
    tmp_path: Path, run: Callable[..., dict[str, Any]]
) -> None:
    whole = LAYOUTS["pretty_list"](events(0, 4))
    for cut in (0.4, 0.55, 0.8, 1.0):
        (tmp_path / "e.json").write_text(whole[: int(len(whole) * cut)])
        summary = run("e.json", "--state", tmp_path / "state")
    assert summary["orders"] == 4


def test_a_broken_record_is_one_dead_letter_and_takes_no_other_with_it(
    tmp_path: Path, run: Callable[..., dict[str, Any]]
) -> None:
    rows = [json.dumps(row, indent=2) for row in events(0, 3)]
    for content in (
        "\n".join([rows[0], BROKEN, rows[1], rows[2]]),
        "[" + ",\n".join([rows[0], BROKEN, rows[1], rows[2]]) + "]",
    ):
        (tmp_path / "e.json").write_text(content)
        summary = run("e.json")
        assert (summary["events"], summary["dead_letters"]) == (3, 1)
        (letter,) = summary["letters"]
        assert letter["reason"] == "malformed"
        assert letter["offset"] == content[: content.index(BROKEN)].count("\n") + 1


def test_a_list_without_its_end_is_told(
    tmp_path: Path, run: Callable[..., dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "e.json").write_text(as_list(events(0, 3))[:-3])
    assert run("e.json")["orders"] == 3
    assert "e.json: its list has no end (`]`)" in caplog.text


def test_exports_of_a_growing_list_in_one_run_count_each_event_once(
    tmp_path: Path, run: Callable[..., dict[str, Any]]
) -> None:
    """As they would in runs one after the other."""
    (tmp_path / "days").mkdir()
    for day, last in enumerate((2, 3, 3, 6)):
        (tmp_path / "days" / f"{day}.json").write_text(as_list(events(0, last)))
    (tmp_path / "days" / "other.json").write_text(json.dumps(events(7, 9)))
    assert run("days", "--state", tmp_path / "state")["orders"] == 8
    assert run("days", "--state", tmp_path / "state")["orders"] == 8
