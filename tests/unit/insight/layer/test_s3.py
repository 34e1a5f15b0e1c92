"""A layer in a bucket: the same promises, over S3's protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.errors import RetryError, UsageError
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.filling import sink as sinking
from cjo_stream.insight.filling.compaction import PARTS_MAX
from cjo_stream.insight.filling.sink import Sink, Sunk
from cjo_stream.insight.layer.manifest import latest, path_of
from cjo_stream.insight.layer.reading import connect
from tests.world.bucket import bucket
from tests.world.command_line import EVENTS, ROOT, SHOP, Cli, cli

__all__ = ["bucket", "cli"]

EXPECTED = ROOT / "topologies" / "shop" / "expected"
RECORDS = 60
COUNT = "SELECT count(*) FROM"


def sink(layer: str, run: Path) -> Sunk:
    one = Sink(layer)
    one.take_run(run)
    return one.publish()


def asked(layer: str, query: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = connect(layer)[0].execute(query).fetchall()
    return found


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a folder with the first records of each kind."""
    (tmp_path / "run").mkdir()
    for path in EXPECTED.glob("*s.jsonl"):
        lines = path.read_text().splitlines(keepends=True)[:RECORDS]
        (tmp_path / "run" / path.name).write_text("".join(lines))
    return tmp_path / "run"


@pytest.mark.slow
def test_commands_say_the_same_of_a_bucket_as_of_a_folder(
    cli: Cli, tmp_path: Path, bucket: str, run: Path
) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text("".join(EVENTS.read_text().splitlines(keepends=True)[:RECORDS]))
    layers = (tmp_path / "layer", f"{bucket}/layer")
    said = []
    for layer in layers:
        done = cli("insight", "sink", run, "--events", events, "--layer", layer)
        assert done.code == 0, done.err
        assert "nothing new" in cli("insight", "sink", run, "--layer", layer).out
        people = cli("insight", "outcomes", "--layer", layer, "--format", "csv")
        exported = cli("insight", "export", "event", "--layer", layer)
        assert people.code == exported.code == 0, people.err + exported.err
        said.append((people.out, sorted(exported.out.splitlines())))
    assert said[0] == said[1]


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["parts", "manifest"])
def test_a_sink_that_was_killed_is_made_good(
    bucket: str, run: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    folder = Folder(bucket)
    with monkeypatch.context() as killed:
        if lost == "parts":
            puts, put = iter(range(7)), Folder.put
            killed.setattr(Folder, "put", lambda *of: (next(puts), put(*of))[1])
        else:
            killed.setattr(sinking, "publish", lambda *_: 1 / 0)
        with pytest.raises((ZeroDivisionError, StopIteration)):
            sink(bucket, run)
    left = set(folder.paths())
    assert left
    assert latest(folder).generation == 0
    sink(bucket, run)
    assert left.isdisjoint(folder.paths())
    assert asked(bucket, f"{COUNT} transition") == [(RECORDS,)]
    assert asked(bucket, f"{COUNT} decision") == [(RECORDS,)]


@pytest.mark.slow
def test_of_two_sinks_at_once_one_is_refused(bucket: str, run: Path) -> None:
    one, other = Sink(bucket), Sink(bucket)
    one.take_run(run)
    other.take_run(run)
    one.publish()
    with pytest.raises(RetryError, match="another sink wrote to"):
        other.publish()
    assert sink(bucket, run).rows == {}
    assert asked(bucket, f"{COUNT} action") == [(RECORDS,)]


def test_a_manifest_whose_answer_was_lost_counts(
    bucket: str, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client asks again by itself, and finds that the object is there: its own."""
    create = Folder.create
    monkeypatch.setattr(Folder, "create", lambda *of: create(*of) and create(*of))
    assert sink(bucket, run).rows["action"] == RECORDS
    assert sink(bucket, run).rows == {}


def test_a_store_that_replaces_what_is_there_is_refused(
    bucket: str, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs = Folder(bucket).remote
    pipe = fs.pipe_file
    monkeypatch.setattr(fs, "pipe_file", lambda path, value, **_: pipe(path, value))
    with pytest.raises(UsageError, match="two sinks could undo each other"):
        sink(bucket, run)
    assert latest(Folder(bucket)).generation == 0


@pytest.mark.slow
def test_parts_and_objects_stay_few(bucket: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    lines = (EXPECTED / "transitions.jsonl").read_text().splitlines(keepends=True)[:40]
    into = Sink(bucket)
    for end in range(1, 41):
        (run / "transitions.jsonl").write_text("".join(lines[:end]))
        into.take_run(run)
        into.publish()
    manifest = latest(Folder(bucket))
    assert manifest.generation == 40
    parts = [one for one in manifest.parts if one.table == "transition"]
    days = {one.day for one in parts}
    assert sum(one.rows for one in parts) == 40
    assert len(parts) <= PARTS_MAX * 2 * len(days)
    named = {*(one.path for one in manifest.parts), path_of(40), *manifest.gone}
    assert set(Folder(bucket).paths()) == named
    found = asked(bucket, "SELECT transition_id FROM transition ORDER BY position")
    assert [one for (one,) in found] == [json.loads(line)["transition_id"] for line in lines]


def test_an_erased_customer_leaves_the_bucket(cli: Cli, tmp_path: Path, bucket: str) -> None:
    state, out = tmp_path / "state", tmp_path / "out"
    events = tmp_path / "events.jsonl"
    events.write_text("".join(EVENTS.read_text().splitlines(keepends=True)[:RECORDS]))
    assert cli("run", SHOP, events, "--state", state, "--out", out).code == 0
    into = Sink(bucket)
    into.take_run(state)
    into.take_events([str(events)], None, None, b"", 2**62)
    into.publish()
    rows = [json.loads(line) for line in (out / "customers.jsonl").read_text().splitlines()]
    email = next(one for one in rows if one["identifiers"].get("email"))["identifiers"]["email"][0]
    assert holding(bucket, email, tmp_path)
    assert cli("customer", "erase", f"email:{email}", "--state", state, "--yes").code == 0
    assert sink(bucket, state).erased == 1
    assert not holding(bucket, email, tmp_path)


def holding(layer: str, text: str, folder: Path) -> list[str]:
    """Return the objects in which a text is a value."""
    from pyarrow import parquet

    found, local = [], folder / "object.parquet"
    of = Folder(layer)
    for path in (one for one in of.paths() if one.endswith(".parquet")):
        local.write_bytes(of.read(path))
        if text in str(parquet.ParquetFile(local).read().to_pydict()):
            found.append(path)
    return found
