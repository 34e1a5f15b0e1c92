"""The sink as a process on Kafka: what the topics have, published every few seconds.

    consume  ──▶  rows  ──▶  every few seconds, if there is anything new: parts, then a manifest
                             with the places up to which the topics were read

The manifest is the only memory. A process that is killed at any line leaves the last one, and the
next process reads on from its places; what came between is read again, and is in no manifest. Of
two sinks on one layer, the one that loses the race for a manifest ends.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from typing import Final

import msgspec

from cjo_stream.errors import LockedError, RefusalError, RetryError
from cjo_stream.insight.filling.sink import Sink, Sunk, seldom_collected
from cjo_stream.insight.filling.source import event_of_topic
from cjo_stream.insight.layer.table import SOURCES
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.process import stage
from cjo_stream.kafka.process.stage import Stopping, Vitals
from cjo_stream.kafka.stage.follow import Follower, Given
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics

STAGE: Final = "insight"
KAFKA: Final = "kafka"
"""The place of the sets in the definition topic."""
STEP_RECORDS_MAX: Final = 5_000
STEP_S: Final = 0.1
APPLY_WAIT_S: Final = 1.0
LOOK_S: Final = 1.0
"""How often it is asked whether another definition set is in force."""
SAY_S: Final = 10.0
"""How often `take` says what it waits for."""
NEVER_S: Final = float("inf")
MARKERS_S: Final = 60.0
"""When only markers of transactions came, the places are published so seldom."""

_LOG = logging.getLogger(__package__)
_SOURCES: Final = {source.kind.name: source for source in SOURCES}


def run(settings: Settings, layer: str, interval_s: float) -> int:
    """Fill a layer until SIGTERM or SIGINT; return the exit code.

    Raises RefusalError where records cannot be read, or another sink fills the layer; RetryError
    and StopError where the process has to begin anew.
    """
    settings.require_tenant_key()
    make = functools.partial(SinkProcess, layer=layer, interval_s=interval_s)
    with seldom_collected():
        return stage.work(settings, STAGE, make)


def take(settings: Settings, layer: str) -> Sunk:
    """Take what the topics have at present, and return what it is. Errors are those of `run`."""
    settings.require_tenant_key()
    process = SinkProcess(settings, Metrics(), Stopping(), layer, NEVER_S)
    with contextlib.ExitStack() as at_the_end:
        at_the_end.callback(process.abandon)
        at_the_end.enter_context(seldom_collected())
        process.open()
        ends = process.ends()
        said_s = time.monotonic()
        while not process.has_read(ends):
            process.turn()
            if time.monotonic() >= said_s + SAY_S:
                said_s = time.monotonic()
                _LOG.warning("not at the end yet: %s", process.not_ready() or "records are read")
        return process.publish()


class SinkProcess:
    """One sink: `open`, then `turn` again and again, then `close`."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        stopping: Stopping,
        layer: str,
        interval_s: float,
    ) -> None:
        self._metrics = metrics
        self._stopping = stopping
        self._layer, self._tenant_key = layer, settings.tenant_key_bytes()
        self._interval_s = interval_s
        self._admin = Admin(settings)
        self._follower = Follower(settings, self._admin, [one.kind for one in SOURCES])
        self.vitals = Vitals(
            STAGE,
            self._admin,
            self._follower.standings,
            lambda: dict(self._follower.topic_ids),
            metrics,
            stopping,
            self._follower.is_held,
        )
        self._sink: Sink | None = None
        self._published_s = time.monotonic()
        self._look_s = self._published_s + LOOK_S
        self._waiting_since_s: float | None = None
        """Since when the oldest record waits that is in no manifest."""

    def not_ready(self) -> str | None:
        """Return what the process still waits for; None when it reads."""
        if self._sink is None:
            return "no definition set is applied: cjo-stream apply TOPOLOGY"
        return self._follower.why_held()

    def open(self) -> None:
        """Wait for the first `apply`, then go on from the places in the layer's manifest."""
        while not self._follower.wait(APPLY_WAIT_S):
            self.vitals.beat()
            if self._stopping.asked:
                return
        self._sink = Sink(self._layer, self.vitals.beat, tenant_key=self._tenant_key)
        self._read_on(self._sink)

    def turn(self) -> None:
        """Take some records; when it is time, publish."""
        self.vitals.turned()
        if self._sink is None:
            return
        for given in self._follower.read(STEP_RECORDS_MAX, STEP_S):
            self._take(self._sink, given)
        for kind, lane, at in self._follower.positions():
            self._sink.positions.setdefault(kind, {})[lane] = at
        now_s = time.monotonic()
        if self._sink.has_rows and self._waiting_since_s is None:
            self._waiting_since_s = now_s
        passed_s = now_s - self._published_s
        since_s = now_s if self._waiting_since_s is None else self._waiting_since_s
        self._metrics.set("cjo_insight_manifest_age_seconds", (), passed_s)
        self._metrics.set("cjo_insight_waiting_seconds", (), now_s - since_s)
        if passed_s >= self._interval_s and (
            self._sink.has_rows or (self._sink.has_moved and passed_s >= MARKERS_S)
        ):
            self.publish()
        if now_s >= self._look_s:
            self._look_s = now_s + LOOK_S
            if self._follower.has_changed():
                self._read_on(self._sink)

    def publish(self) -> Sunk:
        """Make a manifest of what was taken; raises RefusalError if another sink was first."""
        assert self._sink is not None, "open comes first"
        began_s = time.perf_counter()
        try:
            sunk = self._sink.publish()
        except LockedError:
            raise RefusalError(
                f"another sink fills {self._layer}, and this one ends: let one process fill a "
                "layer, or give this one a layer of its own"
            ) from None
        self._metrics.add(
            {("cjo_insight_rows_total", table): rows for table, rows in sunk.rows.items()}
        )
        self._metrics.observe("cjo_commit_seconds", (STAGE,), time.perf_counter() - began_s)
        self._published_s, self._waiting_since_s = time.monotonic(), None
        return sunk

    def close(self) -> None:
        """Publish what was taken, and close cleanly."""
        try:
            if self._sink is not None:
                self.publish()
        except (RetryError, RefusalError) as error:
            _LOG.warning("at the end: %s", error)
        self.abandon()

    def abandon(self) -> None:
        """Disconnect from the broker; what is in no manifest is read again."""
        self._sink = None
        self._follower.close()

    # --- until where ---------------------------------------------------------------------------

    def standings(self) -> dict[Place, int]:
        """Return the next offset of each partition."""
        return self._follower.standings()

    def ends(self) -> dict[Place, int]:
        """Return the present ends of all that is read."""
        return self._admin.ends(self.standings(), committed=True)

    def has_read(self, ends: dict[Place, int]) -> bool:
        """Return whether everything before these ends was taken."""
        standings = self.standings()
        return all(standings.get(place, end) >= end for place, end in ends.items())

    # --- inside --------------------------------------------------------------------------------

    def _read_on(self, sink: Sink) -> None:
        gaps = self._follower.open(sink.positions)
        sink.note_sets(KAFKA, (one.switched for one in self._follower.sets()))
        for topic in {gap.topic for gap in gaps if gap.is_anew}:
            _LOG.warning("%s was made anew: it is read from its beginning", topic)
            sink.anew[topic] = sink.anew.get(topic, 0) + 1
        for topic, lost, _ in gaps:
            if lost:
                _LOG.warning("%s: %d offsets were gone before they were read", topic, lost)
                sink.lost[topic] = sink.lost.get(topic, 0) + lost
                self._metrics.add({("cjo_insight_lost_total",): lost})

    def _take(self, sink: Sink, given: Given) -> None:
        if given.event is not None:
            sink.add_event(event_of_topic(*given.event, given.lane, self._follower.dedupe_ms))
            return
        if given.value is None:
            return  # a profile is taken back: its customer was absorbed or erased, as changes say
        source = _SOURCES[given.kind]
        try:
            sink.add(source, given.lane, given.next, given.value)
        except msgspec.MsgspecError as why:
            # The next sink would pass over the same record.
            if not sink.foreign.get(given.topic):
                _LOG.warning(
                    "%s holds before offset %d what is no record of ours (%s): it is passed over. "
                    "Find and stop its writer", given.topic, given.next, why,
                )  # fmt: skip
            sink.foreign[given.topic] = sink.foreign.get(given.topic, 0) + 1
