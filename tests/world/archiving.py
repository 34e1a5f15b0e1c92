"""Lanes of raw records, the engine's intake over them, and an archive; the test says when it dies.

Here the loop of intake is by hand: a step, files of closed chunks, a commit. Everything is
the product's but the broker, which is a list of records and a dict of committed positions.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cjo_stream import ingest
from cjo_stream.core.program.program import Program
from cjo_stream.core.word import ArchiveForm
from cjo_stream.engine.intake import Intake, new_metadata
from cjo_stream.engine.port import Decode, Log, RawRecord
from cjo_stream.ingest.archive.content import unpack
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.archive.name import Lane, read_name
from cjo_stream.kafka.position.position import Position
from cjo_stream.kafka.stage.archiver import HELD_BYTES_MAX, Archiver, Chunk, Writer
from cjo_stream.telemetry import Metrics
from tests.world.command_line import ROOT

SET = 1
KEY = b"a key of the tests"
START_MS = 1_788_000_000_000
NEVER_S = 1e9


class Died(BaseException):
    """The process is gone; nothing of it goes on."""


class FrailFolder(Folder):
    """A folder during whose n-th call from now the process dies, before or after its effect."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.dies_in: int | None = None
        self.has_effect = True

    def create(self, path: str, content: bytes) -> bool:
        return self._called(lambda: Folder.create(self, path, content))

    def read(self, path: str) -> bytes:
        return self._called(lambda: Folder.read(self, path))

    def paths(self, below: str = "") -> list[str]:
        return self._called(lambda: Folder.paths(self, below))

    def _called(self, call: Callable[[], Any]) -> Any:
        if self.dies_in is None:
            return call()
        self.dies_in -= 1
        if self.dies_in > 0:
            return call()
        self.dies_in = None
        if self.has_effect:
            call()
        raise Died


class Delivered:
    """A record as a consumer gives it to `Archiver.parts`."""

    def __init__(self, record: RawRecord) -> None:
        self.record = record

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return self.record.topic

    def partition(self) -> int:
        return self.record.partition

    def timestamp(self) -> tuple[int, int]:
        return 2, self.record.time


class Member:
    """One process of intake, with the lanes that it was given."""

    def __init__(
        self,
        logs: dict[Lane, list[RawRecord]],
        committed: dict[Lane, Position],
        decode: Decode,
        folder: Folder,
        form: ArchiveForm = ArchiveForm.JSONL,
    ) -> None:
        self._logs = logs
        self._committed = committed
        self._intake = Intake(decode, 3, SET, is_archived=True)
        self.writer = Writer(folder, form, Metrics())
        self.archiver = Archiver(self.writer, NEVER_S, HELD_BYTES_MAX)
        self._at: dict[Lane, Position] = {}
        self._writing: Chunk | None = None

    def take_up(self, lane: Lane) -> None:
        log = Log(lane.topic_id, lane.partition)
        start = self._committed.get(lane, Position(0, new_metadata(log, SET)))
        self._intake.resume(log, start.offset, start.metadata)
        self._at[lane] = start

    def let_go(self, lane: Lane) -> None:
        self._intake.release(Log(lane.topic_id, lane.partition))
        self.archiver.release(lane)
        del self._at[lane]

    @property
    def lanes(self) -> list[Lane]:
        return sorted(self._at)

    def step(self, lane: Lane, most: int) -> bool:
        """Take up to `most` records of a lane; return whether there were any."""
        begin = self._at[lane].offset
        records = self._logs[lane][begin : begin + most]
        messages: list[Any] = [Delivered(record) for record in records]
        for part in self.archiver.parts(messages):
            taken = [message.record for message in part]
            self.archiver.before(lane, taken[0].time, lambda: self._at[lane])
            step = self._intake.process(taken)
            self.archiver.add(step.accepted)
            ((end, metadata),) = step.positions.values()
            self._at[lane] = Position(end, metadata)
        return bool(records)

    def write(self) -> None:
        """Make the files of what is closed, as the thread does: none before the one before it."""
        while self._writing is not None or not self.writer.closed.empty():
            self._writing = self._writing or self.writer.closed.get()
            assert self._writing is not None
            if not self._writing.is_dropped:
                self.writer.write(self._writing)
            self._writing = None

    def close_chunk(self, lane: Lane) -> None:
        self.archiver.flush([lane])

    def commit(self) -> None:
        for lane, at in self._at.items():
            self._committed[lane] = self.archiver.position(lane, _always(at))

    def finish(self) -> None:
        """Read everything, and leave nothing that has no file."""
        for lane in self.lanes:
            while self.step(lane, 1_000):
                pass
        self.archiver.flush()
        self.write()
        self.commit()


def _always(at: Position) -> Callable[[], Position]:
    return lambda: at


def live_through(members: list[Member], draw: random.Random, steps: int) -> None:
    """Let members do what they may do in any order; raises Died from a frail folder."""
    for _ in range(steps):
        member = draw.choice(members)
        lane = draw.choice(member.lanes) if member.lanes else None
        match draw.randrange(6):
            case 0 | 1 if lane is not None:
                member.step(lane, draw.randint(1, 9))
            case 2 if lane is not None:
                member.close_chunk(lane)
            case 3:
                member.write()
            case 4:
                member.commit()
            case _:
                pass


def archived(folder: Folder) -> Iterator[tuple[str, list[bytes]]]:
    """Yield each file's path and rows."""
    for path in filter(read_name, folder.paths()):
        yield path, unpack(folder.read(path), path)[0]


def lanes_of(records: Sequence[RawRecord]) -> dict[Lane, list[RawRecord]]:
    """Return the records of each lane."""
    logs: dict[Lane, list[RawRecord]] = {}
    for one in records:
        logs.setdefault(Lane(one.topic, one.topic_id, one.partition), []).append(one)
    return logs


def raw_of(topology: str, program: Program) -> list[RawRecord]:
    """Return a bundled topology's events as two partitions of each channel's topic had them."""
    found: list[RawRecord] = []
    ends: dict[tuple[str, int], int] = {}
    now = START_MS
    for line in (ROOT / "topologies" / topology / "events.jsonl").read_bytes().splitlines():
        named = re.search(rb'"channel": ?"([a-z_]+)"', line)
        channel = named[1].decode() if named and named[1].decode() in program.channels else None
        topic, partition = f"{channel or 'all'}.outcome.v1", len(line) % 2
        offset = ends[topic, partition] = ends.get((topic, partition), -1) + 1
        now += 400_000
        at = (topic, f"id-{channel}", partition, offset, now)
        found.append(RawRecord(*at, line, channel=channel))
    return found


def archive_of(records: list[RawRecord], program: Program, url: str, form: ArchiveForm) -> None:
    """Let an intake archive records, in many files."""
    logs = lanes_of(records)
    member = Member(logs, {}, ingest.decoder(program, KEY), Folder(url), form)
    for lane in logs:
        member.take_up(lane)
        while member.step(lane, 97):
            member.close_chunk(lane)
    member.finish()
