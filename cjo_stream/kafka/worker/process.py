"""One worker process, from its checks to its end."""

from __future__ import annotations

import asyncio
import functools
import logging
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import uvloop

from cjo_stream.definition import compile_content
from cjo_stream.engine.cache import ActorMemory
from cjo_stream.engine.frame import tick_frame
from cjo_stream.engine.port import Log
from cjo_stream.engine.task import Task
from cjo_stream.errors import CjoError, RefusalError, RetryError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import group_id
from cjo_stream.kafka.client.noise import muffle
from cjo_stream.kafka.client.producer import FrameProducer
from cjo_stream.kafka.definition.tenant import check_key
from cjo_stream.kafka.position import loss
from cjo_stream.kafka.position.clock import accepted
from cjo_stream.kafka.position.folder import read_folders
from cjo_stream.kafka.process import slot, stage, watchdog
from cjo_stream.kafka.process.ending import exit_code
from cjo_stream.kafka.process.watchdog import Watchdog, end_process
from cjo_stream.kafka.topic.check import require_log, verify
from cjo_stream.kafka.topic.name import Names
from cjo_stream.kafka.worker import faust, report
from cjo_stream.kafka.worker.assignment import Assignment
from cjo_stream.kafka.worker.faust import WorkerApp, build_app
from cjo_stream.kafka.worker.partition import Partition
from cjo_stream.kafka.worker.register import Register, folder_name
from cjo_stream.kafka.worker.report import WorkerReport
from cjo_stream.kafka.worker.state import LogRange, StateFolder, checkpoints_of
from cjo_stream.kafka.worker.steps import Services
from cjo_stream.settings import Settings
from cjo_stream.store.rocks import BLOCK_CACHE_BYTES, RocksStore
from cjo_stream.telemetry import Health, Metrics, tracing_of

STAGE: Final = "worker"
BEAT_S: Final = 1.0
TICK_IDLE_S: Final = 1.0
SPARE_EVERY_S: Final = 10.0
STOP_WITHIN_S: Final = 15.0
CONFIGS: Final = ("cleanup.policy", "max.message.bytes", "message.timestamp.type")
"""Of the private logs: if these are wrong, a log loses records, refuses frames, or changes times.
"""

_LOG = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Work until SIGTERM or SIGINT; return the exit code.

    Raises UsageError and RefusalError for wrong settings and topics, LockedError if another
    process has the slot; a broker that is away is waited for. A later failure ends the process at
    once.
    """
    settings.require_tenant_key()
    muffle(faust.__name__)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    metrics, health = stage.measuring(report.STAGE), Health()
    with (
        slot.held(slot.folder(settings, STAGE)),
        stage.served(settings, metrics, health),
    ):
        worker = stage.once_answered(settings, health, lambda: _Worker(settings, metrics, health))
        assert worker is not None, "before `serve`, only a signal stops it, which ends the process"
        return asyncio.run(worker.serve())


class _Worker:
    """The parts of a worker, put together."""

    def __init__(self, settings: Settings, metrics: Metrics, health: Health) -> None:
        self._settings = settings
        self._health = health
        self._properties = settings.kafka_properties()
        names = Names(settings.topic_prefix)
        internal, effect = names.internal, names.effect
        self._admin = Admin(settings)
        self._topic = require_log(self._admin, settings, internal, effect)[internal]
        _check_configs(settings, internal, effect)
        check_key(settings)
        self._memory = ActorMemory((settings.memory_mb << 20) - BLOCK_CACHE_BYTES)
        self._accepted = accepted(settings, self._topic.id)
        self._admin.require([names.cursor])
        folders = read_folders(settings)
        # If the broker forbids the group, this raises; Faust's app would only end, repeatedly.
        self._admin.committed(group_id(settings, STAGE), [(internal, 0)])
        # Last, because it starts a thread: the questions above may still raise.
        self._producer = FrameProducer(self._properties)
        tracing = tracing_of(settings, report.STAGE, group_id(settings, STAGE), metrics)
        self._report = WorkerReport(metrics, internal, tracing)
        self._services = Services(
            internal_topic=internal,
            effect_topic=effect,
            send=self._producer.send,
            build=self._build,
            log_range=self._log_range,
            look=functools.partial(loss.look, settings, self._admin),
            report=self._report,
            fail=lambda error: self._assignment.fail(error),
            taken=lambda size: self._assignment.taken(size),
            checkpoint_interval_s=(
                settings.checkpoint_interval_s if settings.checkpoint_url else None
            ),
            hold=lambda number: self._register.hold(number),
        )
        self._tasks = slot.folder(settings, STAGE) / "tasks"
        self._register = Register(
            self._tasks,
            settings.slot,
            functools.partial(self._producer.send_keyed, names.cursor),
            folders,
        )
        self._assignment = Assignment(self._partition)
        self._ends: dict[int, int] = {}

    async def serve(self) -> int:
        """Work until a signal comes."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        app = self._build_app()
        watchdog = Watchdog(
            self._assignment.standings,
            self._ask_ends,
            {
                "Faust's app": lambda: not app.should_stop,
                "the producer": lambda: self._producer.alive,
            },
        )
        self._health.live, self._health.ready = watchdog.problem, self._ready(watchdog)
        parts = {
            asyncio.create_task(app.start(), name="Faust's start"),
            asyncio.create_task(self._beat(watchdog), name="the heartbeat"),
            asyncio.create_task(self._tick(), name="the clock"),
            asyncio.create_task(self._keep_folders(), name="the register of folders"),
        }
        watchdog.start()
        await _until(stop, parts)
        _LOG.info("stopping")
        watchdog.stop()
        stage.end_once_away(self._settings)
        try:
            await asyncio.wait_for(app.stop(), STOP_WITHIN_S)
        except TimeoutError:
            end_process(f"it did not stop in order within {STOP_WITHIN_S:.0f} s")
        for part in parts:
            part.cancel()
        self._producer.close()
        self._report.close()
        return 0

    # --- its parts -----------------------------------------------------------------------------

    def _build_app(self) -> WorkerApp:
        settings = self._settings
        return build_app(
            self._assignment,
            group=group_id(settings, STAGE),
            instance_id=f"worker-{settings.slot}",
            internal_topic=self._topic.name,
            partitions=self._topic.partitions,
            properties=self._properties,
            session_timeout_ms=settings.session_timeout_ms,
            folder=slot.folder(settings, STAGE) / "faust",
        )

    def _ready(self, watchdog: Watchdog) -> Callable[[], str | None]:
        def ready() -> str | None:
            if not self._assignment.ready:
                return watchdog.away() or "partitions are being assigned or opened"
            return watchdog.not_ready()

        return ready

    def _partition(self, number: int) -> Partition:
        return Partition(number, self._state_folder(number), self._services)

    def _state_folder(self, number: int) -> StateFolder:
        checkpoints = checkpoints_of(self._settings, self._topic, number)
        return StateFolder(self._tasks / folder_name(number), number, checkpoints)

    def _build(self, number: int, store: RocksStore) -> Task:
        lane = Log(self._topic.id, number)
        return Task(
            number,
            self._topic.partitions,
            lane,
            store,
            compile_content,
            memory=self._memory,
            accepted=self._accepted.get(number, ()),
        )

    # --- once a second -------------------------------------------------------------------------

    async def _beat(self, watchdog: Watchdog) -> None:
        while True:
            watchdog.turned()
            self._report.standing(self._assignment, self._ends)
            self._report.cached(self._memory.held_bytes)
            await asyncio.sleep(BEAT_S)

    async def _tick(self) -> None:
        """Write an empty record into each idle partition: its clock is the log's."""
        while True:
            idle = [p for p in self._assignment.partitions if p.idle_s >= TICK_IDLE_S]
            frame = tick_frame()
            await self._producer.send([(self._topic.name, p.number, frame) for p in idle])
            await asyncio.sleep(TICK_IDLE_S / 2)

    async def _keep_folders(self) -> None:
        """Record the folders; delete those of partitions whose new owner is beyond them."""
        due_s = 0.0
        while True:
            held = {p.number for p in self._assignment.partitions}
            await self._register.update(held)
            spare = self._register.numbers() - held
            if spare and time.monotonic() >= due_s:
                due_s = time.monotonic() + SPARE_EVERY_S
                await self._remove_spare(spare)
            await asyncio.sleep(BEAT_S)

    async def _remove_spare(self, numbers: set[int]) -> None:
        group, topic = group_id(self._settings, STAGE), self._topic.name
        try:
            places = [(topic, number) for number in numbers]
            committed = await asyncio.to_thread(self._admin.committed, group, places)
        except RetryError as error:
            _LOG.warning("folders of other workers' partitions stay for now: %s", error)
            return

        def remove(number: int) -> bool:
            # Committed records are in the store of the partition's owner.
            place = (topic, number)
            reached = committed[place].offset - 1 if place in committed else -1
            return self._state_folder(number).remove_behind(reached, self._log_range(number))

        try:
            await self._assignment.remove(numbers, remove)
        except RetryError as error:
            _LOG.warning("folders of other workers' partitions stay for now: %s", error)

    def _ask_ends(self) -> Mapping[int, int]:
        """Return the log's ends, for the watchdog, in whose thread it runs."""
        places = [(self._topic.name, number) for number in self._assignment.standings()]
        if not places:
            self._admin.ping()
        ends = self._admin.ends(places)
        self._ends = {number: end for (_, number), end in ends.items()}
        return self._ends

    def _log_range(self, number: int) -> LogRange:
        """Runs in a thread."""
        place = (self._topic.name, number)
        first, end = self._admin.firsts([place]), self._admin.ends([place])
        return LogRange(first[place], end[place])


async def _until(stop: asyncio.Event, parts: set[asyncio.Task[None]]) -> None:
    """Return when `stop` is set; a part that fails before ends the process."""
    stopping = asyncio.create_task(stop.wait(), name="stop")
    waited: set[asyncio.Task[Any]] = {stopping, *parts}
    while not stopping.done():
        done, waited = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        for part in done:
            error = part.exception()
            if error is not None:
                _LOG.error("%s failed", part.get_name(), exc_info=error)
                code = exit_code(error) if isinstance(error, CjoError) else watchdog.EXIT_CODE
                end_process(f"{part.get_name()} failed: {error}", code)


def _check_configs(settings: Settings, *names: str) -> None:
    """Raise RefusalError if a private log's configuration would lose or change records."""
    try:
        differences = verify(settings, None, names)
    except RefusalError as error:
        # A broker may forbid its clients to see the configuration of topics.
        _LOG.warning("the topics' configurations are not known: %s", error)
        return
    for found in differences:
        if found.what in CONFIGS:
            raise RefusalError(
                f"{found.topic} has {found.what}={found.found}, and must have {found.wanted}: "
                f"{found.mend}"
            )
