"""Archives the accepted events, each once, even if a process dies at any line.

1. A *chunk* has the events of one lane, from the beginning of a step of intake on. It is closed
   after some time, at some size, at the end of its hour, before a barrier, or when a lane leaves.
2. A thread makes one file of a closed chunk, whole, under a name that follows from the chunk's
   first event; a file that is there already is never written again.
3. Intake commits a lane only up to the beginning of its first chunk without a file, and only at
   a place between two files. So nothing is lost: after a crash, a rebalance or a stop, the next
   process reads the chunk again.
4. It then meets the file, if it was made, under the name of its own first event, goes on behind
   the last event that the file has, and begins the next one there. So nothing is doubled, not even
   by a process that was thought dead: all processes make the same chain of files.
5. A chunk never begins or ends within a step, because only between steps there is a position.

Records of aborted transactions are not read, so they are not archived. While the archive is away,
the thread tries again, ever more slowly, and intake goes on routing, until HELD_BYTES_MAX wait;
then it reads no more until they are written (`IntakeProcess.not_ready` says so).
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from confluent_kafka import Message

from cjo_stream.core.word import ArchiveForm
from cjo_stream.engine.port import DecodedRecord
from cjo_stream.errors import RetryError
from cjo_stream.ingest.archive.content import pack, unpack
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.archive.name import Lane, folder_of, hour_of, path_of, read_name
from cjo_stream.ingest.archive.row import rows_of
from cjo_stream.ingest.parquet import import_pyarrow
from cjo_stream.kafka.position.position import Position
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics

CHUNK_BYTES_MAX: Final = 8 << 20
"""Of rows before they are packed."""
HELD_BYTES_MAX: Final = 64 << 20
SOONEST_S: Final = 0.5
LATEST_S: Final = 30.0
AT_THE_END_S: Final = 8.0
AT_A_REVOKE_S: Final = 4.0
AT_A_BARRIER_S: Final = 2.0
"""How long intake waits for files: less than a standstill, or a supervisor's patience."""
_LOOK_S: Final = 0.02

_LOG = logging.getLogger(__package__)


class Row(NamedTuple):
    """A row of a chunk."""

    offset: int
    received_ms: int
    line: bytes


class Chunk:
    """Events of one lane that become one file, or less where a part of them is in one already."""

    __slots__ = (
        "began_s", "bytes", "hour", "is_dropped", "is_written", "lane", "rows", "start", "to"
    )  # fmt: skip

    def __init__(self, lane: Lane, hour: int, start: Position, began_s: float) -> None:
        self.lane = lane
        self.hour = hour
        self.start = start
        """Where a process begins that reads all of it again."""
        self.began_s = began_s
        self.rows: list[Row] = []
        self.bytes = 0
        self.is_written = False
        self.to = -1
        """The last offset in the file of its last event, once it is written."""
        self.is_dropped = False

    def add(self, record: DecodedRecord) -> None:
        """Add the events of a record."""
        for line in rows_of(record):
            self.rows.append(Row(record[0].offset, record[0].time, line))
            self.bytes += len(line)


class _Held:
    """The chunks of a lane without a file, in order; the last may be open."""

    __slots__ = ("at", "chunks", "open", "safe", "to")

    def __init__(self, position: Position) -> None:
        self.at = position
        """Where the next step begins."""
        self.safe = position
        """The last position between two files; a process that begins there meets their names."""
        self.to = -1
        """The last offset that is known to be in a file."""
        self.chunks: deque[Chunk] = deque()
        self.open: Chunk | None = None


class Archiver:
    """The chunks of all lanes. All methods are the loop's; the writer has a thread of its own."""

    def __init__(self, writer: Writer, interval_s: float, held_bytes_max: int) -> None:
        self._writer = writer
        self._interval_s = interval_s
        self._held_bytes_max = held_bytes_max
        self._lanes: dict[Lane, _Held] = {}
        self._bytes = 0

    # --- a step of intake ----------------------------------------------------------------------

    def parts(self, messages: Sequence[Message]) -> Iterator[list[Message]]:
        """Cut messages where the hour of a partition changes: no step has two hours of it."""
        part: list[Message] = []
        hours: dict[tuple[str | None, int | None], int] = {}
        for message in messages:
            if message.error() is None:
                place, hour = (
                    (message.topic(), message.partition()),
                    hour_of(message.timestamp()[1]),
                )
                if hour > hours.get(place, hour):
                    yield part
                    part, hours = [], {}
                hours.setdefault(place, hour)
            part.append(message)
        if part:
            yield part

    def before(self, lane: Lane, received_ms: int, position: Callable[[], Position]) -> None:
        """Prepare for a lane's next step, whose first record was received then.

        `position` gives where that record is read again.
        """
        held = self._lanes.get(lane)
        if held is None:
            self._lanes[lane] = _Held(position())
            return
        if held.open is not None and hour_of(received_ms) > held.open.hour:
            self._close(held)
        if held.open is None:
            held.at = position()

    def add(self, accepted: Iterable[DecodedRecord]) -> None:
        """Take the accepted records of a step that was sent."""
        for one in accepted:
            record, _ = one
            lane = Lane(record.topic, record.topic_id, record.partition)
            held = self._lanes[lane]
            if held.open is None:
                chunk = Chunk(lane, hour_of(record.time), held.at, time.monotonic())
                held.open = chunk
                held.chunks.append(chunk)
            before = held.open.bytes
            held.open.add(one)
            self._bytes += held.open.bytes - before

    # --- between steps -------------------------------------------------------------------------

    def turn(self) -> None:
        """Close the chunks that are due; raises the error of the thread, if it has ended."""
        self._writer.check()
        now_s = time.monotonic()
        oldest_s = now_s
        for held in self._lanes.values():
            self._settle(held)
            chunk = held.open
            if chunk is not None and (
                chunk.bytes >= CHUNK_BYTES_MAX or now_s - chunk.began_s >= self._interval_s
            ):
                self._close(held)
            if held.chunks:
                oldest_s = min(oldest_s, held.chunks[0].began_s)
        self._writer.measure(now_s - oldest_s)

    def position(self, lane: Lane, now: Callable[[], Position]) -> Position:
        """Return where a lane may be committed; `now` gives where it is read on.

        Another process may have made a file that ends within a chunk, or behind the records
        read here. Then the position stays before that file until it is passed.
        """
        held = self._lanes.get(lane)
        if held is None:
            return now()
        self._settle(held)
        at = held.chunks[0].start if held.chunks else now()
        if at.offset > held.to:
            held.safe = at
        return held.safe

    @property
    def holds(self) -> int:
        """How many bytes of rows have no file yet."""
        return self._bytes

    @property
    def is_full(self) -> bool:
        """Whether no more may be read."""
        return self._bytes >= self._held_bytes_max

    @property
    def problem(self) -> str | None:
        """Why files cannot be made just now; None if they can."""
        return self._writer.problem

    def flush(
        self,
        lanes: Iterable[Lane] | None = None,
        within_s: float = 0.0,
        on_look: Callable[[], None] = lambda: None,
    ) -> bool:
        """Close the chunks of these lanes, or all; return whether all of them have their files.

        Waits for that, but not for an archive that is away.
        """
        chosen = [
            held
            for lane in (list(self._lanes) if lanes is None else lanes)
            if (held := self._lanes.get(lane)) is not None
        ]
        for held in chosen:
            self._close(held)
        until_s = time.monotonic() + within_s
        while True:
            for held in chosen:
                self._settle(held)
            waits = any(held.chunks for held in chosen)
            if not waits or self.problem is not None or time.monotonic() >= until_s:
                return not waits
            on_look()
            time.sleep(_LOOK_S)

    def release(self, lane: Lane) -> None:
        """Forget a lane; its next process archives the events without a file."""
        held = self._lanes.pop(lane, None)
        if held is not None:
            for chunk in held.chunks:
                chunk.is_dropped = True
                self._bytes -= chunk.bytes

    def close(self) -> None:
        """Forget all lanes and end the thread; events without a file are read again."""
        for lane in list(self._lanes):
            self.release(lane)
        self._writer.stop()

    def _close(self, held: _Held) -> None:
        if held.open is not None:
            self._writer.closed.put(held.open)
            held.open = None

    def _settle(self, held: _Held) -> None:
        while held.chunks and held.chunks[0].is_written:
            chunk = held.chunks.popleft()
            held.to = chunk.to
            self._bytes -= chunk.bytes


def of(settings: Settings, metrics: Metrics) -> Archiver | None:
    """Return the archiver of these settings, None without an archive; raises UsageError."""
    if settings.archive is None:
        return None
    if settings.archive_format == ArchiveForm.PARQUET:
        import_pyarrow()
    writer = Writer(Folder(settings.archive), settings.archive_format, metrics)
    writer.start()
    return Archiver(writer, settings.archive_interval_s, HELD_BYTES_MAX)


class Writer(threading.Thread):
    """Makes files of closed chunks, one after the other."""

    def __init__(self, folder: Folder, form: ArchiveForm, metrics: Metrics) -> None:
        super().__init__(name="archive", daemon=True)
        self.closed: queue.SimpleQueue[Chunk | None] = queue.SimpleQueue()
        """Chunks to make files of; None ends the thread."""
        self.problem: str | None = None
        self._wrote_s: float | None = None
        """When the latest file was made, by the monotonic clock."""
        self._folder = folder
        self._form = form
        self._metrics = metrics
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._archived: dict[Lane, int] = {}
        """The offset of the last event of each lane that is known to have its file."""

    def check(self) -> None:
        """Raise the error that has ended the thread, if one has."""
        if self._error is not None:
            raise self._error

    def measure(self, waiting_s: float) -> None:
        """Set the gauges; `waiting_s` is how long the oldest event has waited."""
        self._metrics.set("cjo_archive_waiting_seconds", (), waiting_s)
        if self._wrote_s is not None:
            age_s = time.monotonic() - self._wrote_s
            self._metrics.set("cjo_archive_age_seconds", (), age_s)

    def stop(self) -> None:
        """Let the thread end."""
        self._stopping.set()
        self.closed.put(None)

    def run(self) -> None:
        """Make files until `stop`."""
        try:
            while (chunk := self.closed.get()) is not None and not self._stopping.is_set():
                self._write_until_it_is(chunk)
        except BaseException as error:  # the loop raises it
            self._error = error

    def _write_until_it_is(self, chunk: Chunk) -> None:
        pause_s = SOONEST_S
        while not (chunk.is_dropped or self._stopping.is_set()):
            try:
                self.write(chunk)
            except RetryError as error:
                self._metrics.add({("cjo_archive_failures_total",): 1})
                _LOG.warning("events wait for the archive: %s (again in %g s)", error, pause_s)
                self.problem = str(error)
                self._stopping.wait(pause_s)
                pause_s = min(2 * pause_s, LATEST_S)
            else:
                self.problem = None
                return

    def write(self, chunk: Chunk) -> None:
        """Make the file of a chunk's events that are in none; raises RetryError."""
        chunk.to = self._written(chunk)
        chunk.is_written = True

    def _written(self, chunk: Chunk) -> int:
        """Return the last offset in the file of the chunk's last event, once that is made."""
        lane, rows = chunk.lane, chunk.rows
        if lane not in self._archived:
            self._archived[lane] = self._end_before(chunk)
        while rows := [row for row in rows if row.offset > self._archived[lane]]:
            first, to = rows[0], rows[-1].offset
            path = path_of(lane, hour_of(first.received_ms), first.offset, self._form)
            if self._folder.create(path, pack([row.line for row in rows], to, self._form)):
                self._wrote_s = time.monotonic()
                self._metrics.add(
                    {("cjo_archive_files_total",): 1, ("cjo_archive_events_total",): len(rows)}
                )
            else:
                to = max(first.offset, unpack(self._folder.read(path), path)[1])
            self._archived[lane] = to
        return self._archived[lane]

    def _end_before(self, chunk: Chunk) -> int:
        """Return the last offset of the file that begins with a chunk's first event, or before it.

        It matters where the position was committed without an archive since that file, or with
        one of another form; as a rule the chunk begins a file, or behind one.
        """
        first = chunk.rows[0]
        named = []
        for path in self._folder.paths(folder_of(hour_of(first.received_ms))):
            found = read_name(path)
            if found is not None and found.lane == chunk.lane and found.first <= first.offset:
                named.append((found.first, path))
        if not named:
            return -1
        _, path = max(named)
        return unpack(self._folder.read(path), path)[1]
