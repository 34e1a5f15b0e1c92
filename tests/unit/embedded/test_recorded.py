"""Runs over recorded files with a state: each row counts once, whatever becomes of its file.

The topology opens one instance for each order, by its number, so that the transitions of all runs
show which orders were taken, and how often.
"""

from __future__ import annotations

import gzip
import io
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.definition import DefinitionSet, load
from cjo_stream.embedded.definition import status
from cjo_stream.embedded.recorded import Recorded, run_files
from cjo_stream.embedded.run import Summary, run
from cjo_stream.engine.port import Decode, DecodedRecord, RawRecord
from cjo_stream.errors import UsageError
from cjo_stream.ingest import decoder
from cjo_stream.ingest.files import open_files, read
from cjo_stream.ingest.taken import Standing

KEY = b"key"
NOW_MS = 1_893_456_000_000
START_MS = 1_772_323_200_000
TOPOLOGY = """
topology: orders
channels: {web: {in: {}}, till: {in: {format: mapped, map: {
  type: "'ordered'", time: int(row.time), identifiers: {user: row.user},
  attributes: {n: int(row.n)}}}}}
identity: {identifiers: [{type: user}]}
---
journey: order
version: 1
owner: o
entry: {on: ordered, key: event.n, reentry: always}
initial: one
states: {one: {always: [{when: true, to: done}]}, done: {end: done}}
"""


class KilledError(BaseException):
    """The process is gone."""


def orders(*numbers: int, end: str = "\n") -> str:
    """Return the lines of orders, a minute apart, of which some belong to one user."""
    lines = [
        json.dumps(
            {
                "type": "ordered",
                "channel": "web",
                "time": START_MS + n * 60_000,
                "identifiers": {"user": f"u{n % 5}"},
                "attributes": {"n": n},
            }
        )
        for n in numbers
    ]
    return "".join(f"{line}\n" for line in lines[:-1]) + (lines[-1] + end if lines else "")


class World:
    """A state in a folder, runs on it, and what they took."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        (folder / "topology").mkdir()
        (folder / "topology" / "topology.yaml").write_text(TOPOLOGY)
        self.definitions: DefinitionSet = load(folder / "topology")
        self.outs = 0

    def file(self, name: str, text: str) -> Path:
        """Write a file anew."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        if name.endswith(".gz"):
            path.write_bytes(gzip.compress(text.encode()))
        else:
            path.write_text(text)
        return path

    def run(
        self, *paths: Path | str, kill_at: int | None = None, stdin: str = "", **options: Any
    ) -> Summary:
        """Run files; killed, if at all, when so many records were decoded."""
        how = {name: options.pop(name) for name in ("sort", "again", "channel") if name in options}
        decode: Decode = decoder(options.get("definitions", self.definitions).program, KEY)
        recorded = Recorded(
            files=open_files([str(one) for one in paths], io.BytesIO(stdin.encode())),
            decode=killing(decode, kill_at),
            now=NOW_MS,
            **{"channel": None, **how},
        )
        definitions = options.pop("definitions", self.definitions)
        out = self.folder / f"out-{self.outs}"
        summary = run_files(definitions, recorded, out, state=self.state, **options)
        self.outs += 1
        return summary

    def taken(self) -> Counter[int]:
        """Return how often each order was taken."""
        return Counter(
            json.loads(line)["key"]
            for path in sorted(self.folder.glob("out-*/transitions.jsonl"))
            for line in path.read_bytes().splitlines()
            if json.loads(line)["reason"] == "entered"
        )


def killing(decode: Decode, kill_at: int | None) -> Decode:
    left = [kill_at]

    def decoded(record: RawRecord) -> Any:
        if left[0] is not None:
            if left[0] == 0:
                raise KilledError
            left[0] -= 1
        return decode(record)

    return decoded


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def once(*numbers: int) -> Counter[int]:
    return Counter(numbers)


# --- what is taken


def test_of_a_file_that_grew_only_what_is_new_is_taken(world: World) -> None:
    assert world.run(world.file("a.jsonl", orders(*range(5)))).events == 5
    grown = world.file("day2/a.jsonl", orders(*range(8)))
    summary = world.run(grown)
    assert (summary.events, summary.files[0].standing) == (3, Standing.GROWN)
    assert (summary.files[0].rows, summary.files[0].name) == (3, "a.jsonl")
    again = world.run(grown)
    assert (again.events, again.files[0].standing) == (0, Standing.SAME)
    assert world.taken() == once(*range(8))


def test_a_folder_with_a_file_more_and_a_file_renamed_or_packed(world: World) -> None:
    world.file("in/b.jsonl", orders(0, 2, 4))
    assert world.run(world.folder / "in").events == 3
    world.file("in/a.jsonl", orders(1, 3, 5))
    (world.folder / "in" / "b.jsonl").rename(world.folder / "in" / "c.jsonl")
    assert world.run(world.folder / "in").events == 3
    (world.folder / "in" / "c.jsonl").unlink()
    world.file("in/c.jsonl.gz", orders(0, 2, 4, 6))
    assert world.run(world.folder / "in").events == 1
    assert world.taken() == once(*range(7))


def test_a_late_row_is_taken_once_under_sort(world: World) -> None:
    world.run(world.file("a.jsonl", orders(5, 9)), sort=True)
    summary = world.run(world.file("a.jsonl", orders(5, 9, 1)), sort=True)
    assert summary.events == 1
    assert world.taken() == once(1, 5, 9)


def test_an_empty_file_that_grows_is_new(world: World) -> None:
    assert world.run(world.file("a.jsonl", "")).files[0].rows == 0
    assert world.run(world.file("a.jsonl", orders(1))).files[0].standing is Standing.NEW
    header = "channel,time,user,n\n"
    world.run(world.file("a.csv", header), world.file("b.csv", header))
    row = f"till,{START_MS},u1,2\n"
    assert world.run(world.file("a.csv", header + row), world.file("b.csv", header)).events == 1
    assert world.taken() == once(1, 2)


def test_a_table_goes_on_behind_its_last_row(world: World) -> None:
    header = "channel,time,user,n,note\n"
    rows = [f'till,{START_MS + n},u{n},{n},"two\nlines"\n' for n in range(6)]
    world.run(world.file("a.csv", header + "".join(rows[:2])))
    world.run(world.file("a.csv", header + "".join(rows)))
    assert world.taken() == once(*range(6))
    letters = (world.folder / "out-1" / "dead_letters.jsonl").read_bytes()
    assert not letters


def test_a_parquet_file_that_was_written_again_with_more_rows_has_grown(world: World) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [json.loads(line) for line in orders(*range(6)).splitlines()]
    path = world.folder / "a.parquet"
    for end in (3, 3, 6):
        parquet.write_table(pyarrow.Table.from_pylist(rows[:end]), path)
        world.run(path)
    assert world.taken() == once(*range(6))


def test_standard_input_is_known_again_by_its_content(world: World) -> None:
    world.run("-", stdin=orders(0, 1))
    assert world.run("-", stdin=orders(0, 1)).events == 0
    assert world.run("-", stdin=orders(0, 1, 2)).events == 1
    assert world.run("-", stdin=orders(7)).events == 1, "other content at no path is new"
    assert world.run(world.file("a.jsonl", orders(0, 1, 2, 3))).events == 1
    assert world.taken() == once(0, 1, 2, 3, 7)


def test_a_line_that_is_still_being_written_is_read_again_once_it_is_whole(world: World) -> None:
    whole = orders(0, 1, 2)
    cut = len(orders(0)) + 30
    first = world.run(world.file("a.jsonl", whole[:cut]))
    assert (first.files[0].rows, first.files[0].refused) == (2, 1)
    assert world.run(world.folder / "a.jsonl").files[0].rows == 0, "nothing new"
    assert world.run(world.file("a.jsonl", whole)).dead_letters == 0
    assert world.taken() == once(0, 1, 2)


def test_a_last_line_without_its_end_is_taken_once(world: World) -> None:
    world.run(world.file("a.jsonl", orders(0, 1, end="")))
    world.run(world.file("a.jsonl", orders(0, 1, 2)))
    assert world.taken() == once(0, 1, 2)


def test_a_new_file_that_begins_as_a_known_one_is_taken_with_a_warning(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.run(world.file("a.jsonl", orders(0, 1, 2)))
    world.run(world.file("b.jsonl", orders(7, 8)))
    assert not caplog.text
    assert world.run(world.file("day2/a.jsonl", orders(0, 1, 3))).events == 3
    assert "day2/a.jsonl begins as" in caplog.text
    assert world.taken()[0] == 2


def test_a_log_that_was_rotated_goes_on_under_both_names(world: World) -> None:
    log = world.file("log.jsonl", orders(0, 1))
    world.run(log)
    world.file("log-1.jsonl", orders(0, 1, 2))
    world.run(world.file("log.jsonl", orders(3, 4)), world.folder / "log-1.jsonl")
    world.file("log.jsonl", orders(3, 4, 5))
    world.run(log, world.folder / "log-1.jsonl")
    assert world.taken() == once(*range(6))


def test_two_files_of_the_same_name_have_events_of_different_names(world: World) -> None:
    for day in ("one", "two"):
        world.run(world.file(f"{day}/a.jsonl", orders(int(day == "two"))))
    ids = [
        json.loads(line)["event_id"]
        for path in sorted(world.folder.glob("out-*/identities.jsonl"))
        for line in path.read_bytes().splitlines()
    ]
    assert ids == ["a.jsonl/0/1", "a.jsonl/1/1"]


# --- what is refused


@pytest.mark.parametrize("change", ["mended", "shorter", "cut row"])
def test_a_file_whose_taken_part_changed_is_refused_and_taken_again_on_demand(
    world: World, change: str
) -> None:
    header = "channel,time,user,n\n"
    rows = [f"till,{START_MS},u,{n}\n" for n in (7, 8)]
    world.run(world.file("b.jsonl", orders(0)), world.file("a.csv", header + "".join(rows)[:-1]))
    changed = {
        "mended": header + rows[0].replace("u", "v") + rows[1],
        "shorter": header + rows[1],
        "cut row": header + "".join(rows)[:-1] + "1\n",
    }[change]
    world.file("a.csv", changed)
    world.file("b.jsonl", orders(0, 1))
    files = (world.folder / "a.csv", world.folder / "b.jsonl")
    with pytest.raises(UsageError, match=r"a\.csv has changed since 2 rows .* --again"):
        world.run(*files)
    assert not (world.folder / "out-1").exists()
    summary = world.run(*files, again=True)
    assert [one.standing for one in summary.files] == [Standing.CHANGED, Standing.GROWN]
    assert summary.events == changed.count("\n")
    assert world.run(*files).events == 0


def test_a_known_file_with_refused_rows_says_how_they_can_be_read(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = orders(1).replace('"time"', '"at"')
    world.run(world.file("a.jsonl", orders(0) + wrong))
    world.run(world.file("b.jsonl", wrong))
    world.run(world.file("c.jsonl", orders(2) + wrong[:30]))
    assert not caplog.records
    summary = world.run(*(world.folder / f"{name}.jsonl" for name in "abc"), again=False)
    assert summary.events == 0
    said = [record.getMessage() for record in caplog.records]
    assert [one.rpartition("now, ")[2] for one in said] == [
        "write them into a file of their own",
        "add --again",
    ]
    assert "1 of its 2 rows were refused" in said[0]
    assert world.run(world.file("mended.jsonl", orders(1))).events == 1
    assert world.taken() == once(0, 1, 2)


def test_a_file_that_was_refused_whole_is_read_anew_once_it_or_the_topology_is_mended(
    world: World,
) -> None:
    wrong = orders(0, 1).replace('"time"', '"at"')
    summary = world.run(world.file("a.jsonl", wrong))
    assert "`time`" in (summary.files[0].cause or "")
    assert world.run(world.folder / "a.jsonl").files[0].cause is None, "nothing new"
    assert world.run(world.folder / "a.jsonl", again=True).dead_letters == 2
    assert world.run(world.file("a.jsonl", orders(0, 1))).events == 2
    assert world.taken() == once(0, 1)


def test_what_was_taken_is_shown(world: World) -> None:
    path = world.file("a.jsonl", orders(0, 1) + "{}\n")
    world.run(path, "-", stdin=orders(2))
    one, other = status(world.state).files
    assert (one.path, one.rows, one.refused, one.line) == (str(path), 3, 1, 3)
    assert one.bytes == path.stat().st_size
    assert (other.path, other.rows) == (None, 1)
    moved = path.rename(world.folder / "moved.jsonl")
    world.run(moved)
    assert status(world.state).files[0].path == str(moved)


# --- kill -9


@pytest.mark.parametrize("sort", [False, True])
@pytest.mark.parametrize("kill_at", [0, 3, 11])
def test_a_killed_run_goes_on_in_its_order_also_if_its_files_grew(
    world: World, sort: bool, kill_at: int
) -> None:
    first = [world.file("a.jsonl", orders(0, 9, 2)), world.file("b.jsonl.gz", orders(3, 1, 6))]
    with pytest.raises(KilledError):
        world.run(*first, sort=sort, kill_at=kill_at % 6)
    world.file("a.jsonl", orders(0, 9, 2, 4))
    more = world.file("c.jsonl", orders(5))
    if kill_at > 6:
        with pytest.raises(KilledError):
            world.run(*first, more, sort=sort, kill_at=kill_at % 6 + 1)
    summary = world.run(*first, more, sort=sort)
    assert [one.rows for one in summary.files] == [4, 3, 1]
    assert world.taken() == once(*range(7), 9)


@pytest.mark.parametrize("kill_at", range(6))
@pytest.mark.parametrize(("form", "parted_by"), [("[{}]", ","), ("{}", "")])
def test_a_killed_run_over_a_list_or_objects_behind_each_other_goes_on(
    world: World, form: str, parted_by: str, kill_at: int
) -> None:
    """Also where several records stand on one line."""

    def written(last: int) -> str:
        return form.format(parted_by.join(orders(*range(last), end="").split("\n")))

    path = world.file("a.json", written(6))
    with pytest.raises(KilledError):
        world.run(path, kill_at=kill_at)
    world.run(path)
    assert world.taken() == once(*range(6))
    world.file("a.json", written(9))
    world.run(path)
    assert world.taken() == once(*range(9))


def test_a_run_killed_after_its_last_event_still_says_what_it_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KilledError

    path = world.file("a.jsonl", "{}\n")
    with monkeypatch.context() as patch:
        patch.setattr("cjo_stream.embedded.recorded.finish", killed)
        with pytest.raises(KilledError):
            world.run(path)
    (file,) = world.run(path).files
    assert (file.rows, file.refused, file.standing) == (1, 1, Standing.NEW)
    assert file.cause


def test_what_a_killed_run_was_to_take_again_it_takes_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KilledError

    path = world.file("a.jsonl", "{}\n" * 3)
    world.run(path)
    with pytest.raises(KilledError):
        world.run(path, again=True, kill_at=1)
    with monkeypatch.context() as patch:
        patch.setattr("cjo_stream.embedded.recorded.finish", killed)
        with pytest.raises(KilledError):
            world.run(path, again=True)
    assert world.run(path, again=True).dead_letters == 3


def test_standard_input_of_a_killed_run_is_given_again(world: World) -> None:
    with pytest.raises(KilledError):
        world.run("-", stdin=orders(0, 1, 2), kill_at=2)
    assert world.run("-", stdin=orders(0, 1, 2)).events == 3
    assert world.taken() == once(0, 1, 2)


def test_a_killed_run_goes_on_by_the_same_options_only(world: World) -> None:
    files = [world.file("a.jsonl", orders(0, 1)), world.file("b.jsonl", orders(2))]
    with pytest.raises(KilledError):
        world.run(*files, kill_at=2)
    for other in ({"sort": True}, {"channel": "web"}):
        with pytest.raises(UsageError, match="another --channel or --sort before"):
            world.run(*files, **other)
    topology = world.folder / "topology" / "topology.yaml"
    topology.write_text(TOPOLOGY + "about: later\n")
    with pytest.raises(UsageError, match="with the topology as it was"):
        world.run(*files, definitions=load(world.folder / "topology"))
    assert world.run(*files).events == 3


def test_a_killed_run_whose_file_is_gone_says_so_and_may_give_it_up(world: World) -> None:
    path = world.file("a.jsonl", orders(0, 1, 2))
    with pytest.raises(KilledError):
        world.run(path, kill_at=2)
    whole = path.read_bytes()
    path.write_text(orders(7, 8))
    with pytest.raises(UsageError, match="give the same command"):
        world.run(path)
    path.write_bytes(whole)
    assert world.run(path).events == 3
    with pytest.raises(KilledError):
        world.run(world.file("b.jsonl", orders(3, 4)), kill_at=1)
    (world.folder / "b.jsonl").unlink()
    assert world.run(world.file("c.jsonl", orders(5)), force=True).events >= 1
    assert [one.is_given_up for one in status(world.state).files] == [False, True, False]
    assert world.run(world.file("b.jsonl", orders(3, 4, 6))).events == 1
    assert max(world.taken().values()) == 1


def test_a_state_that_knows_none_of_its_files_says_so(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def source(definitions: DefinitionSet) -> tuple[str, Iterator[DecodedRecord]]:
        path = str(world.file("a.jsonl", orders(0)))
        return "lane", read([path], decoder(definitions.program, KEY), channel=None, now=NOW_MS)

    run(world.definitions, source, world.folder / "first", state=world.state)
    world.run(world.file("b.jsonl", orders(1)))
    assert "knows none of their files" in caplog.text
    caplog.clear()
    world.run(world.file("b.jsonl", orders(1, 2)))
    assert not caplog.text


def test_a_killed_run_goes_on_with_the_files_that_it_began(world: World) -> None:
    path = world.file("a.jsonl", orders(*range(6)))
    with pytest.raises(KilledError):
        world.run(path, kill_at=3)
    with pytest.raises(UsageError, match="without --profiles"):
        world.run(path, profiles=True)
    world.run(path)
    assert world.taken() == once(*range(6))
    assert not [*world.folder.glob("out-*/profiles.jsonl")]


# --- any history


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_whatever_becomes_of_files_each_row_is_taken_once(tmp_path: Path, seed: int) -> None:
    """Files grow, at any byte, are renamed, packed and copied; runs are killed and sorted."""
    draw = random.Random(seed)
    world = World(tmp_path)
    contents: dict[str, str] = {}
    seen: dict[str, int] = {}
    numbers = iter(range(10_000))
    for _ in range(8):
        for name in [*contents, f"f{len(contents)}.jsonl"]:
            if draw.random() < 0.6:
                fresh = sorted((next(numbers) for _ in range(draw.randrange(5))), reverse=True)
                contents[name] = contents.get(name, "") + orders(*fresh)
        paths = []
        for name, content in contents.items():
            if draw.random() < 0.2 and seen.get(name, 0) < len(content):
                end = draw.randint(seen.get(name, 0), len(content))
            else:
                end = len(content)
            seen[name] = end
            path = world.file(f"{draw.choice('xyz')}-{name}", content[:end])
            if draw.random() < 0.3:
                path = world.file(f"{path.name}.gz", content[:end])
            paths.append(path)
        if not paths:
            continue
        options = {"sort": draw.random() < 0.5, "partitions": 1 + seed % 2}
        for _ in range(draw.randrange(3)):
            try:
                world.run(*paths, kill_at=draw.randrange(12), **options)
                break
            except KilledError:
                pass
        world.run(*paths, **options)
    for name, content in contents.items():
        world.file(f"last-{name}", content)
    world.run(*(world.folder / f"last-{name}" for name in contents))
    wanted = Counter(
        json.loads(line)["attributes"]["n"]
        for content in contents.values()
        for line in content.splitlines()
    )
    assert world.taken() == wanted
