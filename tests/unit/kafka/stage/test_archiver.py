"""Each accepted event is in the archive once, whatever died at whatever line."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.word import ArchiveForm
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError, RetryError
from cjo_stream.ingest.archive.content import unpack
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.archive.name import HOUR_MS, Lane
from cjo_stream.ingest.archive.row import read_row
from cjo_stream.kafka.position.position import Position
from cjo_stream.kafka.stage import archiver
from cjo_stream.kafka.stage.archiver import Archiver, Writer
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics
from tests.world.archiving import (
    Died,
    FrailFolder,
    Member,
    archived,
    lanes_of,
    live_through,
)

TOPICS = ("cjo.event.web.v1", "app.tracking")
_NUMBERS = itertools.count()
START_MS = 1_772_373_000_000


def decode(record: RawRecord) -> Event | list[Event] | InputError:
    """Refuse some records, pass over some, take some as two events, the others as one."""
    user = Identifier("user", f"u{record.offset % 5}", f"{record.offset % 5:032x}")
    events = [
        Event("ping", 1, {"n": number}, f"{record.offset}/{number}", "web", [user], False,
              record.time, record.topic, record.partition, record.offset)
        for number in range(2)
    ]  # fmt: skip
    match record.offset % 11:
        case 3 | 4:
            return InputError("malformed", "not JSON")
        case 5:
            return []
        case 6:
            return events
    return events[0]


def records(draw: random.Random, lanes: int = 2, most: int = 60) -> list[RawRecord]:
    """Return records of some lanes, as hours go by, not all in the order of the clock."""
    found = []
    for number in range(lanes):
        at = START_MS
        for offset in range(draw.randint(1, most)):
            at += draw.choice((1_000, 60_000, HOUR_MS // 3, -30 * 60_000, 3 * HOUR_MS))
            topic = TOPICS[number % len(TOPICS)]
            found.append(RawRecord(topic, f"id-{topic[:3]}", number, offset, at, b"{}"))
    return found


def accepted(logs: list[RawRecord]) -> list[tuple[str, int, int, int]]:
    found = []
    for one in logs:
        decoded = decode(one)
        events = [] if isinstance(decoded, InputError) else decoded
        for index, _ in enumerate(events if isinstance(events, list) else [events]):
            found.append((one.topic, one.partition, one.offset, index))
    return sorted(found)


def kept(folder: Folder) -> list[tuple[str, int, int, int]]:
    rows = [read_row(line) for _, lines in archived(folder) for line in lines]
    return sorted((row.topic, row.partition, row.offset, row.index) for row in rows)


def place() -> str:
    return f"memory://archive-{next(_NUMBERS)}"


@pytest.mark.parametrize("seed", range(150))
def test_each_accepted_event_has_one_row_whoever_dies_in_the_midst_of_what(seed: int) -> None:
    draw = random.Random(seed)
    came = records(draw)
    logs, committed = lanes_of(came), dict[Lane, Position]()
    folder = FrailFolder(place())
    zombies: list[Member] = []
    for _ in range(draw.randint(1, 5)):
        member = Member(logs, committed, decode, folder)
        for lane in logs:
            member.take_up(lane)
        folder.dies_in = draw.choice((None, 1, 2, 3, 5, 8))
        folder.has_effect = draw.random() < 0.5
        try:
            # Zombies write files of chunks, and read on; they cannot commit any more.
            for _ in range(draw.randint(1, 12)):
                live_through([member], draw, draw.randint(1, 5))
                for zombie in zombies:
                    zombie.write()
                    for lane in logs:
                        zombie.step(lane, draw.randint(0, 4))
                        if draw.random() < 0.3:
                            zombie.close_chunk(lane)
        except Died:
            pass
        if draw.random() < 0.5:
            zombies.append(member)
    folder.dies_in = None
    last = Member(logs, committed, decode, folder)
    for lane in logs:
        last.take_up(lane)
    last.finish()
    for zombie in zombies:
        zombie.write()
    assert kept(folder) == accepted(came)
    assert committed == {lane: Position(len(of), committed[lane].metadata) for lane, of in
                         logs.items()}  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_lanes_go_from_one_member_to_another_and_back(seed: int) -> None:
    draw = random.Random(seed)
    came = records(draw, lanes=3)
    logs, committed = lanes_of(came), dict[Lane, Position]()
    folder = Folder(place())
    members = [Member(logs, committed, decode, folder) for _ in range(3)]
    for lane in logs:
        members[0].take_up(lane)
    for _ in range(20):
        live_through(members, draw, 4)
        giver = draw.choice([one for one in members if one.lanes])
        lane = draw.choice(giver.lanes)
        if draw.random() < 0.5:
            giver.commit()  # else the lane is lost, and the next begins where it was committed
        giver.let_go(lane)
        draw.choice(members).take_up(lane)
    for one in members:
        one.finish()
    assert kept(folder) == accepted(came)


def test_a_file_has_the_events_of_its_hour_under_the_name_of_its_first(tmp_path: Path) -> None:
    at = [START_MS, START_MS + 1, START_MS + 9 * HOUR_MS, START_MS + 9 * HOUR_MS - 5]
    came = [RawRecord(TOPICS[0], "k7-Q", 1, n, time, b"{}") for n, time in enumerate(at)]
    (lane,) = logs = lanes_of(came)
    member = Member(logs, {}, decode, Folder(str(tmp_path / "archive")))
    member.take_up(lane)
    member.finish()
    paths = [path for path, _ in archived(Folder(str(tmp_path / "archive")))]
    name = "cjo.event.web.v1~k7-Q~1~0000000000000000000"
    assert paths == [
        f"day=2026-03-01/hour=13/{name}0.jsonl.gz",
        f"day=2026-03-01/hour=22/{name}2.jsonl.gz",
    ]
    assert not list((tmp_path / "archive").rglob(".*"))


def test_what_was_committed_without_an_archive_is_not_archived_twice() -> None:
    came = [RawRecord(TOPICS[0], "id", 0, n, START_MS + n, b"{}") for n in range(9)]
    (lane,) = logs = lanes_of(came)
    committed: dict[Lane, Position] = {}
    folder = Folder(place())
    first = Member(logs, committed, decode, folder)
    first.take_up(lane)
    first.step(lane, 8)
    first.archiver.flush()
    first.write()
    # It dies before it commits. Intake then runs for a while without an archive.
    without = Member(logs, committed, decode, Folder(place()))
    without.take_up(lane)
    without.step(lane, 2)
    without.archiver.flush()
    without.write()
    without.commit()
    again = Member(logs, committed, decode, folder, ArchiveForm.PARQUET)
    again.take_up(lane)
    again.finish()
    assert kept(folder) == accepted(came)
    endings = [path.rpartition(".")[2] for path, _ in archived(folder)]
    assert endings == ["gz", "parquet"]


def test_while_the_archive_is_away_events_wait_and_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiver, "SOONEST_S", 0.01)
    (tmp_path / "archive").write_text("a file in the folder's place")
    came = [RawRecord(TOPICS[0], "id", 0, n, START_MS, b"{}") for n in range(3)]
    metrics = Metrics()
    writer = Writer(Folder(str(tmp_path / "archive")), ArchiveForm.JSONL, metrics)
    writer.start()
    taking = Archiver(writer, interval_s=0.0, held_bytes_max=300)
    lane = Lane(TOPICS[0], "id", 0)
    start = Position(0, "where it begins")
    taking.before(lane, START_MS, lambda: start)
    taking.add([(one, decode(one)) for one in came])
    assert taking.is_full
    taking.turn()
    while taking.problem is None:
        pass
    assert "FileExistsError" in taking.problem
    end = Position(3, "where it goes on")
    assert taking.position(lane, lambda: end) == start
    assert not taking.flush(within_s=9.0), "it does not wait for an archive that is away"
    (tmp_path / "archive").unlink()
    while taking.problem is not None or taking.position(lane, lambda: end) != end:
        pass
    taking.turn()
    assert not taking.is_full
    told = metrics.render().decode()
    assert "cjo_archive_files_total 1.0" in told
    assert "cjo_archive_events_total 3.0" in told
    assert "cjo_archive_failures_total 0" not in told
    assert "cjo_archive_age_seconds NaN" not in told
    assert "cjo_archive_waiting_seconds 0.0" in told
    taking.close()
    writer.join(9)


def test_a_lane_that_was_left_is_its_next_owners(tmp_path: Path) -> None:
    came = [RawRecord(TOPICS[0], "id", 0, n, START_MS, b"{}") for n in range(3)]
    (lane,) = logs = lanes_of(came)
    folder = Folder(str(tmp_path))
    member = Member(logs, {}, decode, folder)
    member.take_up(lane)
    member.step(lane, 9)
    member.close_chunk(lane)
    member.let_go(lane)
    member.write()
    assert kept(folder) == []
    assert not member.archiver.is_full


def test_an_error_of_the_thread_ends_the_loop_too(tmp_path: Path) -> None:
    class Broken(Folder):
        def paths(self, below: str = "") -> list[str]:
            raise ZeroDivisionError

    writer = Writer(Broken(str(tmp_path)), ArchiveForm.JSONL, Metrics())
    writer.start()
    taking = Archiver(writer, interval_s=0.0, held_bytes_max=9)
    taking.before(Lane(TOPICS[0], "id", 0), START_MS, lambda: Position(0, ""))
    record = RawRecord(TOPICS[0], "id", 0, 0, START_MS, b"{}")
    taking.add([(record, decode(record))])
    taking.turn()
    writer.join(9)
    with pytest.raises(ZeroDivisionError):
        taking.turn()


def test_without_an_archive_there_is_no_archiver(tmp_path: Path) -> None:
    assert archiver.of(Settings(), Metrics()) is None
    for form in ArchiveForm:
        told = Settings(archive=str(tmp_path), archive_format=form)
        made = archiver.of(told, Metrics())
        assert made is not None
        made.close()


def test_a_foreign_file_in_the_place_of_ours_is_told() -> None:
    with pytest.raises(RetryError, match=r"day=1/ours is named .* move it out"):
        unpack(b"\x1f\x8b", "day=1/ours")
    with pytest.raises(RetryError, match=r"day=1/ours is named .* move it out"):
        unpack(b"no file of ours", "day=1/ours")
