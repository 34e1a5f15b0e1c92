"""A network that is late: a proxy between one client and a broker of one node, on loopback.

It speaks Kafka's framing and nothing more: a frame's length, then API key, version and correlation
id. By a seed it does to some requests what networks do to any:

    late          the connection breaks, and the request arrives later, on its own
    twice         it arrives, the connection breaks before the answer, and it arrives again later
    lost          the connection breaks, and the request never arrives
    unanswered    it arrives, and the connection breaks before the answer
    slow          it waits, and what comes behind it on the same connection

A copy comes only of what the client had to repeat: within a connection, TCP delivers once. What is
late arrives just before the n-th request that follows of those that matter, and that one
waits until the broker has answered it: so it falls into every gap between two requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import random
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Collection, Iterator
from types import TracebackType
from typing import Self

import msgspec
from confluent_kafka.admin import AdminClient

LATE_AFTER_MAX = 9
"""Requests: a whole transaction and some of the next."""
LATE_WITHIN_S = 3.0
"""What waits for requests that do not come arrives all the same."""
SLOW_MAX_S = 0.4
ANSWER_WITHIN_S = 5.0
LOST_MAX = 1_000
NODE_WITHIN_S = 30.0
LOADING = 14
"""Kafka's code; from v1 on it stands behind the correlation id and the throttle time."""


class Api(enum.IntEnum):
    """The keys of the requests that matter here."""

    PRODUCE = 0
    FETCH = 1
    METADATA = 3
    OFFSET_COMMIT = 8
    FIND_COORDINATOR = 10
    SYNC_GROUP = 14
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS = 24
    ADD_OFFSETS = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28
    DESCRIBE_CLUSTER = 60


TRANSACTION = (
    Api.PRODUCE,
    Api.ADD_PARTITIONS,
    Api.ADD_OFFSETS,
    Api.TXN_OFFSET_COMMIT,
    Api.END_TXN,
)
_ADDRESSES = (Api.METADATA, Api.FIND_COORDINATOR, Api.DESCRIBE_CLUSTER)


class Fault(enum.Enum):
    """What the network does to one request."""

    LATE = "late"
    TWICE = "twice"
    LOST = "lost"
    UNANSWERED = "unanswered"
    SLOW = "slow"


class _Late(msgspec.Struct, eq=False):
    """A request on its way; it arrives before the `after`-th that follows."""

    api: int
    frame: bytes
    after: int


class Proxy(threading.Thread):
    """As a context manager it listens at `address`, and is gone at the end."""

    def __init__(
        self,
        bootstrap: str,
        seed: int = 1,
        share: float = 0.0,
        apis: Collection[Api] = TRANSACTION,
    ) -> None:
        """`share` of the requests of `apis` meet a fault."""
        super().__init__(daemon=True, name="proxy")
        admin = AdminClient({"bootstrap.servers": bootstrap})
        until_s = time.monotonic() + NODE_WITHIN_S
        while not (nodes := admin.list_topics(timeout=10).brokers):
            # A broker that was slow for a moment is in its cluster again soon.
            assert time.monotonic() < until_s, "the cluster has no broker"
            time.sleep(0.1)
        (node,) = nodes.values()
        self._node = (node.host, node.port)
        self._draw = random.Random(seed)
        self._apis = frozenset(apis)
        self.share = share
        self.plan: deque[tuple[Api, Fault, int]] = deque()
        """What the next request of an API meets, whatever `share` says, and how late it is."""
        self.loading = 0
        """So many members that join are told that the coordinator is just being loaded."""
        self.seen: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        """EndTxn that came late, by the broker's error; 0 where it took it."""
        self._late: list[_Late] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stopped = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""

    def __enter__(self) -> Self:
        self.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self.join(10)

    def run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    @contextlib.contextmanager
    def losing(self, api: Api) -> Iterator[None]:
        """Let no request of `api`, one of `apis`, arrive meanwhile."""
        self.plan.extend([(api, Fault.LOST, 0)] * LOST_MAX)
        yield
        assert len(self.plan) < LOST_MAX, f"no {api.name} was to be lost"
        self.plan.clear()

    # --- connections

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, self._node[0], 0)
        host, port = server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        self._ours = _address(self._node[0], port)
        self._theirs = _address(*self._node)
        self._ready.set()
        await self._stopped.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._between(reader, writer)
        writer.transport.abort()
        self._tasks.discard(task)

    async def _between(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(*self._node)
        asked: dict[int, tuple[int, bool]] = {}
        pumps = [
            asyncio.create_task(self._requests(reader, to_writer, asked)),
            asyncio.create_task(self._answers(to_reader, writer, asked)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            # What the broker was sent arrives; what is on its way back does not.
            to_writer.close()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        asked: dict[int, tuple[int, bool]],
    ) -> None:
        """Hand on what the client asks, until the connection breaks."""
        while True:
            frame = await _read(reader)
            api, _, number = struct.unpack_from(">hhi", frame)
            fault, after = None, 0
            if api in self._apis or api == Api.INIT_PRODUCER_ID:
                await self._overtake()
            if api in self._apis:
                fault, after = self._fault(Api(api))
            if fault in (Fault.LATE, Fault.TWICE):
                self._keep(_Late(api, frame, after))
            if fault in (Fault.LATE, Fault.LOST):
                return
            if fault is Fault.SLOW:
                await asyncio.sleep(self._draw.uniform(0, SLOW_MAX_S))
            asked[number] = (api, fault in (Fault.TWICE, Fault.UNANSWERED))
            await _write(writer, frame)

    async def _answers(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        asked: dict[int, tuple[int, bool]],
    ) -> None:
        """Hand back what the broker answers, until the connection breaks."""
        while True:
            frame = await _read(reader)
            (number,) = struct.unpack_from(">i", frame)
            api, breaks = asked.pop(number, (-1, False))
            if breaks:
                return
            if api == Api.SYNC_GROUP and self.loading:
                self.loading -= 1
                frame = frame[:8] + struct.pack(">h", LOADING) + frame[10:]
            if api in _ADDRESSES:
                frame = frame.replace(self._theirs, self._ours)
            await _write(writer, frame)

    # --- faults

    def _fault(self, api: Api) -> tuple[Fault | None, int]:
        self.seen[api.name] += 1
        if self.plan and self.plan[0][0] == api:
            _, fault, after = self.plan.popleft()
        elif self._draw.random() < self.share:
            fault = self._draw.choice(list(Fault))
            after = self._draw.randint(1, LATE_AFTER_MAX)
        else:
            return None, 0
        self.faults[f"{api.name} {fault.value}"] += 1
        return fault, after

    def _keep(self, late: _Late) -> None:
        self._late.append(late)
        task = asyncio.create_task(self._arrive_at_last(late))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _arrive_at_last(self, late: _Late) -> None:
        await asyncio.sleep(LATE_WITHIN_S)
        await self._arrive(late)

    async def _overtake(self) -> None:
        """A request that matters is about to go out; what is late may arrive before it."""
        for late in self._late:
            late.after -= 1
        for late in [late for late in self._late if late.after <= 0]:
            await self._arrive(late)

    async def _arrive(self, late: _Late) -> None:
        """Let a late request arrive, on a connection of its own; returns when it is answered."""
        if late not in self._late:
            return
        self._late.remove(late)
        reader, writer = await asyncio.open_connection(*self._node)
        try:
            await _write(writer, late.frame)
            answer = await asyncio.wait_for(_read(reader), ANSWER_WITHIN_S)
        finally:
            writer.close()
        if late.api == Api.END_TXN:
            (version,) = struct.unpack_from(">h", late.frame, 2)
            # Correlation id, from v3 on an empty list of tags, throttle time; then the error.
            (code,) = struct.unpack_from(">h", answer, 9 if version >= 3 else 8)
            self.refused[str(code)] += 1


def _address(host: str, port: int) -> bytes:
    return host.encode() + struct.pack(">i", port)


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError from error


async def _write(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(struct.pack(">i", len(frame)) + frame)
    await writer.drain()
