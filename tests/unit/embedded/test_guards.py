"""Guarded canaries, embedded: verdicts by 1 and 5 partitions, over restarts and kill -9."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cjo_stream.core.record import Side
from cjo_stream.definition import DefinitionSet, compile_content, heed, load, succeed
from cjo_stream.embedded.log import MemoryLog
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.engine.frame import Effect
from cjo_stream.engine.port import RawRecord
from cjo_stream.ingest import decoder
from cjo_stream.installation.answer import Decided
from cjo_stream.store.memory import MemoryStore
from tests.differential.engine import Collected
from tests.unit.embedded.killing import KILLS, run_killed
from tests.world.canary import GUARDS, HOUR_MS, START_MS, events, topology, write
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

KEY = b"a key of tests"
DAY_MS = 24 * HOUR_MS
CUSTOMERS = 1_200


def played(
    folder: Path, texts: Sequence[str], lines: Sequence[str], partitions: int = 1
) -> tuple[list[dict[str, Any]], dict[str, list[Any]], Runtime]:
    """Put sets in force one after the other, before the events; return what came of it.

    Governance records in order, and the other records by customer.
    """
    output = Collected()
    stores = [MemoryStore() for _ in range(partitions)]
    runtime = Runtime(log=MemoryLog(), stores=stores, compile_=compile_content, output=output)
    for number, text in enumerate(texts, 1):
        apply(runtime, load(write(folder / f"{number}", text)), number)
    feed(runtime, load(folder / f"{len(texts)}"), lines)
    return (*told(output.effects), runtime)


def apply(runtime: Runtime, definitions: DefinitionSet, number: int) -> None:
    before = runtime.governing
    before = heed(before, runtime.verdicts) if before is not None else None
    runtime.apply(number, succeed(definitions, before, runtime.live))
    runtime.advance(START_MS)


def feed(runtime: Runtime, definitions: DefinitionSet, lines: Sequence[str]) -> None:
    decode = decoder(definitions.program, KEY)
    first = runtime.last_offset("lane") + 1
    for number, line in enumerate(lines, first):
        raw = RawRecord("web", "raw", 0, number, START_MS, line.encode(), channel="web")
        event = decode(raw)
        assert not isinstance(event, Exception), event
        assert runtime.offer("lane", number, event) is None
    runtime.advance(runtime.high + DAY_MS)


def told(effects: Sequence[Effect]) -> tuple[list[dict[str, Any]], dict[str, list[Any]]]:
    governance: list[dict[str, Any]] = []
    others: dict[str, list[Any]] = {}
    for effect in effects:
        if effect.kind == "governance":
            governance.append(msgspec.json.decode(effect.value))
        elif effect.kind != "profile":
            others.setdefault(effect.key, []).append((effect.kind, effect.value))
    return governance, others


def verdicts(governance: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in governance if row["kind"] == "verdict"]


def versions(others: dict[str, list[Any]], after: int = 0) -> set[int]:
    """Return the versions that customers entered after a time."""
    rows = [
        msgspec.json.decode(value)
        for records in others.values()
        for kind, value in records
        if kind == "transition"
    ]
    return {row["version"] for row in rows if row["reason"] == "entered" and row["time"] > after}


def test_a_worse_canary_is_taken_back(tmp_path: Path) -> None:
    texts = [topology(), topology(2, GUARDS, least=7)]
    governance, others, runtime = played(tmp_path, texts, [*events(CUSTOMERS)])
    (verdict,) = verdicts(governance)
    inside, outside = verdict["inside"], verdict["outside"]
    assert (verdict["journey"], verdict["version"], verdict["set"]) == ("welcome", 2, 2)
    assert (verdict["metric"], verdict["verdict"]) == ("goal_rate", "back")
    assert verdict["interval"][0] < verdict["interval"][1] < 0
    assert inside["value"] < 0.9 * outside["value"]
    assert inside["customers"] >= 100
    assert inside["customers"] + outside["customers"] < CUSTOMERS
    assert verdict["time"] % 60_000 == 0
    assert versions(others) == {1, 2}
    assert versions(others, after=verdict["time"]) == {1}
    (row,) = runtime.tasks[0]._enforcement.canaries()
    assert (row.share, row.verdict) == (0.0, "back")


@pytest.mark.slow
@pytest.mark.parametrize("migrate", ["drain", "exit", "follow"])
def test_the_number_of_partitions_changes_nothing(tmp_path: Path, migrate: str) -> None:
    one, five = (
        played(
            tmp_path / str(partitions),
            [topology(), topology(2, GUARDS, least=7, more=f"migrate: {migrate}")],
            [*events(CUSTOMERS)],
            partitions,
        )
        for partitions in (1, 5)
    )
    assert len(verdicts(one[0])) == 1
    assert one[0] == five[0]
    assert one[1] == five[1]


@pytest.mark.slow
@pytest.mark.parametrize(("then", "after"), [("promote", {2}), ("hold", {1, 2}), ("back", {1})])
@pytest.mark.parametrize("partitions", [1, 3])
def test_what_no_guard_stops_ends_as_written(
    tmp_path: Path, then: str, after: set[int], partitions: int
) -> None:
    canary = GUARDS.replace("promote", then).replace("7d", "5h")
    texts = [topology(), topology(2, canary)]
    governance, others, _ = played(tmp_path, texts, [*events(CUSTOMERS)], partitions)
    (verdict,) = verdicts(governance)
    assert verdict["verdict"] == then
    assert verdict["time"] == START_MS + 5 * HOUR_MS
    assert versions(others, after=verdict["time"]) == after


def test_a_promoted_version_takes_over_who_sleeps_as_an_apply_would(tmp_path: Path) -> None:
    canary = GUARDS.replace("7d", "5h")
    texts = [topology(), topology(2, canary, more="migrate: exit")]
    governance, others, runtime = played(tmp_path, texts, [*events(CUSTOMERS)])
    (verdict,) = verdicts(governance)
    assert [row["kind"] for row in governance][-3:] == ["verdict", "sweeping", "swept"]
    migrated = [
        row
        for records in others.values()
        for kind, value in records
        if kind == "transition" and (row := msgspec.json.decode(value))["outcome"] == "migrated"
    ]
    assert {row["time"] for row in migrated} == {verdict["time"]}
    assert {row["version"] for row in migrated} == {1}
    # The next version's canary is compared with the promoted one.
    apply(runtime, load(write(tmp_path / "3", topology(3, "10%"))), 3)
    program = runtime.tasks[0].program
    assert program is not None
    entered = {v: one.entrants for (_, v), one in program.versions.items()}
    assert entered == {1: (1.0, 1.0), 2: (0.1, 1.0), 3: (0.0, 0.1)}


def test_a_verdict_holds_in_later_sets_until_a_new_version(tmp_path: Path) -> None:
    texts = [topology(), topology(2, GUARDS, least=7)]
    governance, _, runtime = played(tmp_path, texts, [*events(CUSTOMERS)])
    assert len(verdicts(governance)) == 1

    def share(number: int, text: str) -> tuple[float, bool]:
        apply(runtime, load(write(tmp_path / str(number), text)), number)
        program = runtime.tasks[0].program
        assert program is not None
        now = program.journeys["welcome"]
        return now.canary, now.guards is not None

    about = topology(2, GUARDS, least=7, more="about: the same version")
    assert share(3, about) == (0.0, False)
    assert share(4, topology(2, "20%", least=7)) == (0.2, False)
    assert share(5, about) == (0.0, False)
    assert share(6, topology(3, GUARDS, least=7)) == (0.5, True)
    assert share(7, topology(2, GUARDS, least=7)) == (0.0, False)


@pytest.mark.slow
def test_a_plan_knows_what_was_decided(tmp_path: Path, cli: Cli) -> None:
    first, rest = tmp_path / "first.jsonl", tmp_path / "rest.jsonl"
    lines = [*events(500)]
    first.write_text(lines[0] + "\n")
    rest.write_text("\n".join(lines[1:]) + "\n")
    state = ("--state", tmp_path / "state")
    one = write(tmp_path / "one", topology())
    two = write(tmp_path / "two", topology(2, GUARDS, least=8, more="migrate: exit"))
    more = GUARDS.replace("50%", "80%")
    next_ = write(tmp_path / "more", topology(2, more, least=8, more="migrate: exit"))
    for folder, file in ((one, first), (two, rest)):
        assert cli("run", folder, file, *state, "--out", tmp_path / f"out-{folder.name}").code == 0
    for candidate in (two, next_):  # a verdict holds for the version, whatever share is written
        planned = json.loads(cli("plan", candidate, *state, "--json").out)
        assert planned["instances"]
        assert {row["fate"] for row in planned["instances"]} == {"stay"}
    assert cli("apply", next_, *state, "--yes", "--json").code == 0
    shown = json.loads(cli("status", *state, "--json").out)["canaries"]
    assert [(row["share"], row["verdict"]) for row in shown] == [(0.0, "back")]


@pytest.mark.slow
@pytest.mark.parametrize("canary", [None, "20%"])
def test_status_shows_no_canary_that_the_set_in_force_has_not(
    tmp_path: Path, cli: Cli, canary: str | None
) -> None:
    guards = GUARDS.replace("7d", "5h")
    ran(tmp_path, cli, topology(2, guards))
    state = ("--state", tmp_path / "state")
    for text, shown in (
        (topology(2, canary), []),
        (topology(2, guards, more="about: guards again"), [(1.0, "promote")]),
        (topology(3, canary), []),
    ):
        assert cli("apply", write(tmp_path / "next", text), *state, "--yes", "--json").code == 0
        rows = json.loads(cli("status", *state, "--json").out)["canaries"]
        assert [(row["share"], row["verdict"]) for row in rows] == shown
        assert ("canary:" in cli("status", *state).out) == bool(shown)


def ran(tmp_path: Path, cli: Cli, second: str) -> str:
    """Run the first version, then the second over the rest of the events; return what it said."""
    first, *rest = events(500)
    said = ""
    for name, text, lines in (("one", topology(), [first]), ("two", second, rest)):
        file = tmp_path / f"{name}.jsonl"
        file.write_text("\n".join(lines) + "\n")
        folder = write(tmp_path / name, text)
        said = cli("run", folder, file, "--state", tmp_path / "state", "--out", folder / "out").out
    return said


def test_a_run_says_what_guards_decided(tmp_path: Path, cli: Cli) -> None:
    said = ran(tmp_path, cli, topology(2, GUARDS, least=8))
    assert json.loads((tmp_path / "one/out/summary.json").read_text())["verdicts"] == []
    (shown,) = json.loads((tmp_path / "two/out/summary.json").read_text())["verdicts"]
    records = (tmp_path / "two/out/governance.jsonl").read_text().splitlines()
    (verdict,) = verdicts([*map(json.loads, records)])
    fields = {name: verdict[name] for name in verdict.keys() - {"schema", "kind", "topology"}}
    assert shown == {**fields, "worse_than": 0.1}
    inside, outside, (low, high) = verdict["inside"], verdict["outside"], verdict["interval"]
    decided_at = dt.datetime.fromtimestamp(verdict["time"] / 1000, dt.UTC)
    assert (
        "canary: welcome 2: taken back by its guard on goal_rate, "
        f"{decided_at:%Y-%m-%d %H:%M} UTC; nobody enters it any more\n"
        f"  goal_rate: {inside['value']:.4g} of {inside['customers']}; "
        f"outside {outside['value']:.4g} of {outside['customers']}; "
        f"the difference is between {low:.4g} and {high:.4g} (worse_than 10%)\n"
    ) in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("then", "words", "now", "shown"),
    [
        ("promote", "promoted", "everybody enters it", "100% of customers, promoted at the end"),
        ("hold", "held", "its share stays", "50% of customers, held at the end of its time\n"),
        ("back", "taken back", "nobody enters it any more", "0% of customers, taken back\n"),
    ],
)
def test_a_run_does_not_say_that_a_guard_decided_where_none_did(
    tmp_path: Path, cli: Cli, then: str, words: str, now: str, shown: str
) -> None:
    guards = GUARDS.replace("promote", then).replace("7d", "5h")
    said = ran(tmp_path, cli, topology(2, guards))
    assert f"welcome 2: {words} at the end of its time, 2026-03-01 06:00 UTC; {now}\n" in said
    assert f"canary: welcome 2: {shown}" in cli("status", "--state", tmp_path / "state").out


def test_a_guard_that_is_better_did_not_trip() -> None:
    for metric, inside, interval, has_tripped in (
        ("goal_rate", 0.1, [-0.3, -0.1], True),
        ("goal_rate", 0.29, [-0.02, -0.001], False),  # worse, and not by a tenth
        ("goal_rate", 0.6, [0.1, 0.5], False),
        ("exit_rate", 0.6, [0.1, 0.5], True),
        ("exit_rate", 0.1, [-0.3, -0.1], False),
        ("exit_rate", 0.6, None, False),
    ):
        one = Decided(
            "welcome", 2, 2, "back", 0, metric, Side(100, inside), Side(100, 0.3), interval, 0.1
        )
        assert one.has_tripped == has_tripped, (metric, inside)


def test_a_first_version_ignores_its_guards(tmp_path: Path) -> None:
    governance, others, _ = played(
        tmp_path, [topology(1, GUARDS.replace("7d", "1h"))], [*events(100)]
    )
    assert [row["kind"] for row in governance] == ["applied"]
    assert versions(others) == {1}


@pytest.mark.slow
def test_a_killed_run_decides_the_same(tmp_path: Path) -> None:
    first, rest = tmp_path / "first.jsonl", tmp_path / "rest.jsonl"
    lines = [*events(500)]
    first.write_text(lines[0] + "\n")
    rest.write_text("\n".join(lines[1:]) + "\n")
    folders = [
        write(tmp_path / "one", topology()),
        write(tmp_path / "two", topology(2, GUARDS, least=8, more="migrate: exit")),
    ]
    results = []
    for name, most in (("calm", 0), ("killed", KILLS)):
        state, out = tmp_path / f"{name}.state", tmp_path / name
        for folder, file in zip(folders, (first, rest), strict=True):
            to = out / folder.name
            command = [sys.executable, "-m", "cjo_stream", "run", str(folder), str(file)]
            command += ["--state", str(state), "--out", str(to), "--drain", "1d"]
            kills = most if file is rest else 0
            run_killed(command, to, seed=3, most=kills, late_s=0.05)
        files = ("governance.jsonl", "transitions.jsonl", "customers.jsonl")
        results.append([(out / "two" / one).read_bytes() for one in files])
    assert results[0] == results[1]
    records = [json.loads(line) for line in results[0][0].splitlines()]
    (verdict,) = verdicts(records)
    status = [
        sys.executable,
        "-m",
        "cjo_stream",
        "status",
        "--state",
        str(tmp_path / "calm.state"),
    ]
    told = subprocess.run(status, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "canary: welcome 2: 0% of customers, taken back\n" in told
    inside, outside = verdict["inside"], verdict["outside"]
    assert (
        f"  goal_rate: {inside['value']:.4g} of {inside['customers']}; "
        f"outside {outside['value']:.4g} of {outside['customers']}\n" in told
    )


@pytest.mark.slow
@pytest.mark.parametrize("share_before", [0.3, 0.95], ids=["undecided", "taken back"])
def test_a_customer_base_inside_a_guarded_canary_moves_with_what_was_counted(
    tmp_path: Path, cli: Cli, share_before: float
) -> None:
    """Who is inside, what guards have seen, the verdict and its time: all as if nothing was."""
    first, *rest = events(500)
    half = int(len(rest) * share_before)
    files = {"one": [first], "two": rest[:half], "three": rest[half:]}
    for name, lines in files.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    stayed, moved = (("--state", tmp_path / name) for name in ("stayed", "moved"))
    one = write(tmp_path / "v1", topology())
    two = write(tmp_path / "v2", topology(2, GUARDS, least=8))

    def run(folder: Path, name: str, state: Sequence[object], *more: object) -> Path:
        out = tmp_path / f"{state[1]}-{name}"
        words = (folder, tmp_path / f"{name}.jsonl", *state, "--out", out, *more)
        done = cli("run", *words)
        assert done.code == 0, done.err
        return out

    def canaries(state: Sequence[object]) -> Any:
        return json.loads(cli("status", *state, "--json").out)["canaries"]

    run(one, "one", stayed, "--partitions", 3)
    run(two, "two", stayed)
    assert cli("base", "export", tmp_path / "export", *stayed).code == 0
    assert cli("base", "import", tmp_path / "export", *moved, "--partitions", 5).code == 0
    (shown,) = canaries(moved)
    assert canaries(stayed) == [shown]
    assert shown["verdict"] == ("back" if share_before > 0.5 else None)
    outs = [run(two, "three", state, "--drain", "3d") for state in (stayed, moved)]
    assert canaries(stayed) == canaries(moved)
    for name in ("governance", "transitions", "actions"):
        lines = [sorted((out / f"{name}.jsonl").read_text().splitlines()) for out in outs]
        assert lines[0] == lines[1], name
    records, entered = (
        [json.loads(line) for line in (outs[1] / f"{name}.jsonl").read_text().splitlines()]
        for name in ("governance", "transitions")
    )
    assert len(verdicts(records)) == (share_before < 0.5)
    inside = {row["version"] for row in entered if row["reason"] == "entered"}
    assert inside == ({1, 2} if share_before < 0.5 else {1})
