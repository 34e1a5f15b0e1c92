"""What comes into a layer: each record once, however often, and nothing of who was erased."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cjo_stream.core.catalogue import DECISION, TRANSITION
from cjo_stream.errors import RetryError, UsageError
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.filling import clearing, gathering
from cjo_stream.insight.filling import sink as sinking
from cjo_stream.insight.filling.compaction import PARTS_MAX
from cjo_stream.insight.filling.sink import Sink, Sunk
from cjo_stream.insight.layer.manifest import latest, path_of
from cjo_stream.insight.layer.reading import connect
from cjo_stream.insight.layer.table import SOURCES
from tests.world.command_line import EVENTS, ROOT, SHOP, Cli, cli

__all__ = ["cli"]

EXPECTED = ROOT / "topologies" / "shop" / "expected"
HOUR_MS = 3_600_000
START_MS = 1_772_445_600_000


def sink(layer: Path | str, run: Path) -> Sunk:
    one = Sink(str(layer))
    one.take_run(run)
    return one.publish()


def asked(layer: Path | str, query: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = connect(str(layer))[0].execute(query).fetchall()
    return found


def lines_of(name: str) -> list[str]:
    return (EXPECTED / name).read_text().splitlines(keepends=True)


def test_a_record_comes_in_once(tmp_path: Path) -> None:
    run, layer = tmp_path / "run", tmp_path / "layer"
    run.mkdir()
    lines = lines_of("transitions.jsonl")
    taken = 0
    for end in (100, 101, len(lines)):
        (run / "transitions.jsonl").write_text("".join(lines[:end]))
        assert sink(layer, run).rows == {"transition": end - taken}
        assert sink(layer, run).rows == {}
        taken = end
        assert asked(layer, "SELECT count(*) FROM transition") == [(end,)]
    places = asked(layer, "SELECT transition_id FROM transition ORDER BY lane, position")
    assert [one for (one,) in places] == [json.loads(line)["transition_id"] for line in lines]


def test_a_record_that_is_half_written_comes_in_once_it_is_whole(tmp_path: Path) -> None:
    run, layer = tmp_path / "run", tmp_path / "layer"
    run.mkdir()
    text = "".join(lines_of("transitions.jsonl")[:3])
    for end, new in ((len(text) - 40, 2), (len(text) - 1, 0), (len(text), 1)):
        (run / "transitions.jsonl").write_text(text[:end])
        assert sink(layer, run).rows.get("transition", 0) == new
    assert asked(layer, "SELECT count(*) FROM transition") == [(3,)]


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["parts", "manifest"])
def test_a_sink_that_was_killed_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    layer = tmp_path / "layer"
    monkeypatch.setattr(gathering, "WAITING_MAX", 300)
    monkeypatch.setattr(gathering, "WAITING_BYTES_MAX", 0)
    killed = Sink(str(layer))
    if lost == "parts":
        writes = iter(range(7))
        write = gathering.write
        monkeypatch.setattr(gathering, "write", lambda *of: (next(writes), write(*of))[1])
        with pytest.raises(StopIteration):
            killed.take_run(EXPECTED)
        monkeypatch.setattr(gathering, "write", write)
    else:
        killed.take_run(EXPECTED)
        monkeypatch.setattr(sinking, "publish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            killed.publish()
        monkeypatch.undo()
    assert latest(Folder(str(layer))).generation == 0
    left = set(layer.rglob("*.parquet"))
    assert left
    sink(layer, EXPECTED)
    assert left.isdisjoint(layer.rglob("*.parquet"))
    for name, view in (("transitions", "transition"), ("decisions", "decision")):
        number = len(lines_of(f"{name}.jsonl"))
        assert asked(layer, f"SELECT count(*) FROM {view}") == [(number,)]


@pytest.mark.slow
@pytest.mark.parametrize("bytes_max", [0, 2**40])
@pytest.mark.parametrize("rows_max", [1, 300, 2**40])
def test_rows_are_those_of_the_records_however_they_are_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_max: int, bytes_max: int
) -> None:
    monkeypatch.setattr(sinking, "ROWS_MAX", rows_max)
    monkeypatch.setattr(gathering, "WAITING_MAX", rows_max)
    monkeypatch.setattr(gathering, "WAITING_BYTES_MAX", bytes_max)
    run = tmp_path / "run"
    run.mkdir()
    number = 20 if rows_max == 1 else 326
    (run / "decisions.jsonl").write_text("".join(lines_of("decisions.jsonl")[:number]))
    sink(tmp_path / "layer", run)
    records = [json.loads(line) for line in lines_of("decisions.jsonl")[:number]]
    names = ("action", "channel", "gate", "rule", "P", "C", "V", "L", "priority")
    wanted = [
        (one["decision_id"], one["customer_id"], one["time"],
         *((one["journey"] or {}).get(name) for name in ("name", "instance_id")),
         *(candidate[name] for name in names))
        for one in records for candidate in one["candidates"]
    ]  # fmt: skip
    query = f"SELECT decision_id, customer_id, time, journey, instance_id, {', '.join(names)} "
    found = asked(tmp_path / "layer", query + "FROM part.candidate")
    assert sorted(found, key=repr) == sorted(wanted, key=repr)
    for part in latest(Folder(str(tmp_path / "layer"))).parts:
        if part.day:
            query = f"SELECT DISTINCT time // 86400000 FROM '{tmp_path / 'layer' / part.path}'"
            assert len(asked(tmp_path / "layer", query)) == 1


def test_of_two_sinks_at_once_one_is_refused(tmp_path: Path) -> None:
    one, other = Sink(str(tmp_path)), Sink(str(tmp_path))
    one.take_run(EXPECTED)
    other.take_run(EXPECTED)
    one.publish()
    with pytest.raises(RetryError, match="another sink wrote to"):
        other.publish()
    assert sink(tmp_path, EXPECTED).rows == {}  # given again, it finds that all is there
    assert asked(tmp_path, "SELECT count(*) FROM action") == [(len(lines_of("actions.jsonl")),)]


@pytest.mark.slow
def test_parts_and_files_stay_few_over_a_thousand_manifests() -> None:
    layer = "memory://a-thousand-manifests"
    [source] = [one for one in SOURCES if one.kind is TRANSITION]
    record = lines_of("transitions.jsonl")[0].encode()
    into = Sink(layer)
    for number in range(1, 1_001):
        into.add(source, "lane", number, record)
        into.positions["transition"] = {"lane": number}
        into.publish()
    folder = Folder(layer)
    manifest = latest(folder)
    assert manifest.generation == 1_000
    parts = [one for one in manifest.parts if one.table == "transition"]
    assert sum(one.rows for one in parts) == 1_000
    assert len(parts) < PARTS_MAX * 4  # 1,000 lies between the third and fourth power of 8
    assert asked(layer, "SELECT count(DISTINCT position) FROM transition") == [(1_000,)]
    named = {*(one.path for one in manifest.parts), path_of(1_000), *manifest.gone}
    assert set(folder.paths()) == named


def test_a_file_stays_for_its_readers_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, layer = tmp_path / "run", tmp_path / "layer"
    run.mkdir()
    lines = lines_of("transitions.jsonl")
    into = Sink(str(layer))
    for end in range(1, 10):
        (run / "transitions.jsonl").write_text("".join(lines[:end]))
        into.take_run(run)
        into.publish()
    manifest = latest(Folder(str(layer)))
    assert path_of(1) in manifest.gone
    assert set(manifest.gone) < set(files_of(layer))
    monkeypatch.setattr(clearing, "KEPT_MS", 0)
    (run / "transitions.jsonl").write_text("".join(lines))
    Sink(str(layer)).publish()
    assert set(manifest.gone) < set(files_of(layer))  # nothing new: the manifest is the same
    sink(layer, run)
    manifest = latest(Folder(str(layer)))
    assert set(files_of(layer)) == {*(one.path for one in manifest.parts), path_of(10)}


def files_of(layer: Path) -> list[str]:
    return [str(one.relative_to(layer)) for one in layer.rglob("*") if one.is_file()]


def test_a_reader_goes_on_while_a_sink_publishes(tmp_path: Path) -> None:
    run, layer = tmp_path / "run", tmp_path / "layer"
    run.mkdir()
    lines = lines_of("transitions.jsonl")
    (run / "transitions.jsonl").write_text("".join(lines[:50]))
    sink(layer, run)
    connection, _ = connect(str(layer))
    (run / "transitions.jsonl").write_text("".join(lines))
    sink(layer, run)
    assert connection.execute("SELECT count(*) FROM transition").fetchall() == [(50,)]


def test_a_layer_may_lie_behind_a_url() -> None:
    url = "memory://insight-of-the-tests"
    sink(url, EXPECTED)
    assert asked(url, "SELECT count(*) FROM action") == [(len(lines_of("actions.jsonl")),)]


def test_each_file_says_which_places_it_holds(tmp_path: Path) -> None:
    from pyarrow import parquet

    sink(tmp_path, EXPECTED)
    lanes: list[tuple[int, int]] = []
    for part in latest(Folder(str(tmp_path))).parts:
        metadata = parquet.read_schema(tmp_path / part.path).metadata
        assert json.loads(metadata[b"cjo.lanes"]) == {
            lane: list(places) for lane, places in part.lanes.items()
        }
        if part.table == "transition":
            lanes += part.lanes.values()
    assert max(last for _, last in lanes) == (EXPECTED / "transitions.jsonl").stat().st_size


def test_a_file_names_the_lanes_of_its_own_day_alone(tmp_path: Path) -> None:
    [source] = [one for one in SOURCES if one.kind is TRANSITION]
    one, record = Sink(str(tmp_path)), json.loads(lines_of("transitions.jsonl")[0])
    for lane, days in (("a", (0, 1)), ("b", (1,)), ("c", (2,))):
        for day in days:
            told = {**record, "time": START_MS + day * 24 * HOUR_MS}
            one.add(source, lane, day + 5, json.dumps(told).encode())
    one.publish()
    parts = [one for one in latest(Folder(str(tmp_path))).parts if one.day]
    wanted: list[dict[str, tuple[int, int]]] = [
        {"a": (5, 5)}, {"a": (6, 6), "b": (6, 6)}, {"c": (7, 7)},
    ]  # fmt: skip
    assert [part.lanes for part in sorted(parts, key=lambda one: one.day)] == wanted


def test_nothing_is_taken_of_a_decision_with_a_candidate_that_is_none(tmp_path: Path) -> None:
    [source] = [one for one in SOURCES if one.kind is DECISION]
    one, record = Sink(str(tmp_path)), json.loads(lines_of("decisions.jsonl")[0])
    foreign = {**record, "candidates": [*record["candidates"], {"action": 7}]}
    with pytest.raises(msgspec.MsgspecError):
        one.add(source, "a", 1, json.dumps(foreign).encode())
    assert not one.has_rows
    one.add(source, "a", 2, json.dumps(record).encode())
    number = len(record["candidates"])
    assert one.publish().rows == {"decision": 1, "candidate": number}


def test_merged_customers_are_one_and_parted_ones_two(cli: Cli, tmp_path: Path) -> None:
    """a and b are joined by a cookie, act as one, and are parted again."""
    topology = tmp_path / "topology"
    topology.mkdir()
    (topology / "all.yaml").write_text(TOPOLOGY)
    state, out, layer = (tmp_path / name for name in ("state", "out", "layer"))

    def run(number: int, *events: tuple[str, int, dict[str, str]]) -> None:
        file = tmp_path / f"{number}.jsonl"
        file.write_text("".join(map(written, events)))
        done = cli("run", topology, file, "--state", state, "--out", out / f"{number}")
        assert done.code == 0, done.err

    a, b = {"email": "a@example.com"}, {"email": "b@example.com"}
    run(1, ("opened", 0, a), ("opened", 1, b))
    run(2, ("seen", 2, {**a, "cookie": "k1"}), ("seen", 3, {**b, "cookie": "k1"}))
    run(3, ("opened", 4, b))
    sink(layer, state)
    query = "SELECT customer_id, count(*) FROM stay GROUP BY 1 ORDER BY 2"
    assert [number for _, number in asked(layer, query)] == [3]
    done = cli("customer", "unlink", "cookie:k1", "--state", state, "--yes")
    assert done.code == 0, done.err
    sink(layer, state)
    assert [number for _, number in asked(layer, query)] == [1, 2]
    run(4, ("closed", 5, b))
    sink(layer, state)
    # Its records from before the merge, and those of instances that moved, are the parted one's.
    events = tmp_path / "all.jsonl"
    events.write_text("".join((tmp_path / f"{n}.jsonl").read_text() for n in (1, 2, 3, 4)))
    into = Sink(str(layer))
    into.take_events([str(events)], None, None, b"", START_MS)
    into.publish()
    [(of_a,)] = asked(layer, "SELECT DISTINCT customer_id FROM event WHERE type = 'opened' "
                             f"AND time = {START_MS}")  # fmt: skip
    [(of_b,)] = asked(layer, "SELECT DISTINCT customer_id FROM event WHERE type = 'closed'")
    assert {of_a: 1, of_b: 2} == dict(asked(layer, query))


def test_an_erased_customer_leaves_every_file(cli: Cli, tmp_path: Path) -> None:
    state, out, layer = (tmp_path / name for name in ("state", "out", "layer"))
    assert cli("run", SHOP, EVENTS, "--state", state, "--out", out).code == 0
    into = Sink(str(layer))
    into.take_run(state)
    into.take_events([str(EVENTS)], None, None, b"", 2**62)
    into.publish()
    rows = [json.loads(line) for line in (out / "customers.jsonl").read_text().splitlines()]
    person = next(one for one in rows if one["identifiers"].get("email"))
    email, id_ = person["identifiers"]["email"][0], person["customer_id"]
    number = "SELECT count(*) FROM transition"
    [(before,)] = asked(layer, number)
    [(of_theirs,)] = asked(layer, f"{number} WHERE customer_id = '{id_}'")
    assert of_theirs > 0
    assert holding(layer, [id_, email])
    assert cli("customer", "erase", f"email:{email}", "--state", state, "--yes").code == 0
    assert sink(layer, state).erased == 1
    assert asked(layer, number) == [(before - of_theirs,)]
    # The record of the erasure itself names the customer by the id.
    assert {path.parts[0] for path in holding(layer, [id_])} == {"identity"}
    assert holding(layer, [email]) == set()
    assert sink(layer, state).rows == {}


def test_the_events_of_who_was_parted_stay_when_the_other_is_erased(
    cli: Cli, tmp_path: Path
) -> None:
    topology = tmp_path / "topology"
    topology.mkdir()
    (topology / "all.yaml").write_text(TOPOLOGY)
    state, out, layer, file = (tmp_path / name for name in ("state", "out", "layer", "e.jsonl"))
    a, k = {"email": "a@example.com"}, {"cookie": "k"}
    events = (("opened", 0, a), ("seen", 1, {**a, **k}), ("seen", 2, k))
    file.write_text("".join(map(written, events)))
    assert cli("run", topology, file, "--state", state, "--out", out).code == 0
    for order in ("unlink", "erase"):
        named = {"unlink": "cookie:k", "erase": "email:a@example.com"}[order]
        assert cli("customer", order, named, "--state", state, "--yes").code == 0
        done = cli("insight", "sink", state, "--events", file, "--layer", layer)
        assert done.code == 0, done.err
    times = asked(layer, "SELECT time FROM event")
    assert times == [(START_MS + 2 * HOUR_MS,)]


def test_files_beside_those_of_a_layer_are_left_alone(cli: Cli, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(EXPECTED, run)
    before = {path: path.read_bytes() for path in run.iterdir()}
    (run / f"{0:020d}-notes.txt").write_text("ours")
    done = cli("insight", "sink", run, "--layer", run)
    assert done.code == 0, done.err
    assert {path: path.read_bytes() for path in before} == before
    assert (run / f"{0:020d}-notes.txt").read_text() == "ours"
    assert cli("insight", "dwell", "--layer", run).code == 0


def test_a_sink_that_was_killed_before_it_cleared_up_is_made_good(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what was erased would lie there until something new comes."""
    state, out, layer = (tmp_path / name for name in ("state", "out", "layer"))
    assert cli("run", SHOP, EVENTS, "--state", state, "--out", out).code == 0
    sink(layer, state)
    rows = [json.loads(line) for line in (out / "customers.jsonl").read_text().splitlines()]
    person = next(one for one in rows if one["identifiers"].get("email"))
    email = person["identifiers"]["email"][0]
    assert cli("customer", "erase", f"email:{email}", "--state", state, "--yes").code == 0
    with monkeypatch.context() as killed:
        killed.setattr(Folder, "remove", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sink(layer, state)
    assert holding(layer, [email])
    assert sink(layer, state).rows == {}
    assert holding(layer, [email]) == set()


def test_a_run_without_records_makes_an_empty_layer(cli: Cli, tmp_path: Path) -> None:
    run, layer = tmp_path / "run", tmp_path / "layer"
    run.mkdir()
    assert "nothing new" in cli("insight", "sink", run, "--layer", layer).out
    done = cli("insight", "outcomes", "--layer", layer, "--format", "csv")
    assert (done.code, done.err) == (0, "as of nothing yet\n")
    assert done.out == "journey,version,what,outcome,holdout,count,customers\n"


@pytest.mark.parametrize("place", range(6))
def test_an_event_is_of_the_first_identifier_that_anybody_has(tmp_path: Path, place: int) -> None:
    known = next(
        (f"{one['type']}", one["value"], record["customer_id"])
        for record in map(json.loads, lines_of("identities.jsonl"))
        for one in record["identifiers"]
        if record["kind"] == "created"
    )
    layer = tmp_path / "layer"
    sink(layer, EXPECTED)
    names = [f"nobody{number}" for number in range(5)]
    names.insert(place, known[1])
    event = {"type": "seen", "time": 1, "identifiers": {known[0]: names}}
    (tmp_path / "events.jsonl").write_text(json.dumps(event) + "\n")
    into = Sink(str(layer))
    into.take_events([str(tmp_path / "events.jsonl")], None, None, b"", START_MS)
    into.publish()
    [(id_, present)] = asked(
        layer,
        "SELECT e.customer_id, h.present FROM event AS e, part.holder AS h "
        f"WHERE e.type = 'seen' AND h.identifier = '{known[0]}:{known[1]}'",
    )
    assert id_ == present


def holding(layer: Path, texts: Sequence[str]) -> set[Path]:
    """Return the Parquet files in which one of some texts is a value."""
    from pyarrow import parquet

    found = set()
    for path in layer.rglob("*.parquet"):
        rows = str(parquet.ParquetFile(path).read().to_pydict())
        if any(text in rows for text in texts):
            found.add(path.relative_to(layer))
    return found


def test_events_that_cannot_be_read_or_are_repeated_are_counted_and_named(
    cli: Cli, tmp_path: Path
) -> None:
    events, layer = tmp_path / "events.jsonl", tmp_path / "layer"
    run = tmp_path / "run"
    run.mkdir()
    good = {"type": "a", "time": 5, "identifiers": {"user": 12.0}, "id": "e1"}
    events.write_text("\n".join(map(json.dumps, (good, {"type": "b"}, good))) + "\n")
    done = cli("insight", "sink", run, "--events", events, "--layer", layer)
    assert done.code == 0
    assert "event: 1 new row" in done.out
    assert "1 event repeated: not taken again" in done.out
    assert "1 row of events refused: not taken; the first is events.jsonl, line 2: " in done.err
    assert asked(layer, "SELECT customer_id, type FROM event") == [("user:12", "a")]
    events.write_text(events.read_text() + json.dumps({**good, "id": "e2"}) + "\n")
    assert (
        "event: 1 new row" in cli("insight", "sink", run, "--events", events, "--layer", layer).out
    )
    events.write_text("{}\n" + events.read_text())
    done = cli("insight", "sink", run, "--events", events, "--layer", layer)
    assert done.code == 2
    assert "is not as it was when its events were taken" in done.err


@pytest.mark.parametrize("content", ["{}", '{"form": 99}', "no JSON"])
def test_a_manifest_that_this_release_cannot_read_is_refused(tmp_path: Path, content: str) -> None:
    if content == "{}":
        with pytest.raises(UsageError, match="holds no layer"):
            connect(str(tmp_path))
        return
    folder = tmp_path / "manifest"
    folder.mkdir()
    (folder / f"{1:020d}.json").write_text(content)
    with pytest.raises(UsageError, match="make it anew with"):
        connect(str(tmp_path))


def written(event: tuple[str, int, dict[str, str]]) -> str:
    type_, hour, identifiers = event
    time = START_MS + hour * HOUR_MS
    value = {"type": type_, "time": time, "channel": "web", "identifiers": identifiers}
    return json.dumps(value) + "\n"


TOPOLOGY = """\
topology: t
channels: {web: {in: {}}}
identity:
  identifiers: [{type: email, limit: 2}, {type: cookie}]
---
journey: j
version: 1
entry: {on: opened, reentry: always}
initial: open
states:
  open: {on: {closed: done}}
  done: {end: done}
"""
