"""An installation at a glance: what its processes showed, now and a moment before."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from cjo_stream.telemetry.scrape import Scrape

QUANTILES: Final = (0.5, 0.95, 0.99)
WORKER: Final = "task"
"""The stage of a worker, as metrics name it."""

Scrapes = Mapping[str, Scrape]
"""What processes showed, by their names."""


class Process(NamedTuple):
    """A process that answers. `cores`: how many it keeps busy. `unready`: why it does no work."""

    name: str
    stage: str
    unready: str
    up_s: float
    cores: float
    memory_bytes: float
    lag: float


class Led(NamedTuple):
    """A partition of the internal log, its lag, and who has it: one worker, but in a change."""

    number: int
    workers: tuple[str, ...]
    lag: float


class Channel(NamedTuple):
    """An action channel: commands a second, those that a hold keeps, how long nobody reads it.

    `unread_s`: NaN where no process knows.
    """

    name: str
    commands_per_s: float
    held: float
    unread_s: float


class Overview(NamedTuple):
    """Rates are per second between the two looks; latencies in seconds, of what came between.

    `results` of events by `result`, `refusals` of records by `reason`: those that are above 0.
    `to_action`: the quantiles of `QUANTILES`; NaN where no command went out.
    """

    processes: tuple[Process, ...]
    partitions: tuple[Led, ...]
    channels: tuple[Channel, ...]
    results: Mapping[str, float]
    refusals: Mapping[str, float]
    to_action_s: tuple[float, ...]

    def led(self) -> dict[str, list[Led]]:
        """Return the partitions of each worker that has any, by its name."""
        found: dict[str, list[Led]] = {}
        for one in self.partitions:
            for name in one.workers:
                found.setdefault(name, []).append(one)
        return dict(sorted(found.items()))


def overview(before: Scrapes, now: Scrapes, unix_s: float) -> Overview:
    """Compare two looks at the same processes; `unix_s` is the time of the second.

    A process that has begun anew in between, or that did not answer before, has no rates yet.
    """
    pairs = [(before.get(name, one), one) for name, one in now.items()]
    pairs = [(one if _is_new(old, one) else old, one) for old, one in pairs]
    return Overview(
        tuple(
            _process(name, old, one, unix_s)
            for (name, one), (old, _) in zip(now.items(), pairs, strict=True)
        ),
        _partitions(now),
        _channels(pairs),
        _rates(pairs, "cjo_events_total", "result"),
        _rates(pairs, "cjo_dead_letters_total", "reason"),
        _quantiles(pairs, "cjo_event_to_action_seconds"),
    )


def _is_new(old: Scrape, now: Scrape) -> bool:
    started = "cjo_process_start_time_seconds"
    return old.total(started) != now.total(started)


def _process(name: str, old: Scrape, now: Scrape, unix_s: float) -> Process:
    stages = sorted(sample.labels["stage"] for sample in now.of("cjo_stage_info"))
    return Process(
        name,
        ", ".join("worker" if stage == WORKER else stage for stage in stages),
        now.unready,
        max(0.0, unix_s - now.total("cjo_process_start_time_seconds")),
        _rate(old, now, "cjo_process_cpu_seconds_total"),
        now.total("cjo_process_resident_memory_bytes"),
        now.total("cjo_lag_records"),
    )


def _partitions(now: Scrapes) -> tuple[Led, ...]:
    workers: dict[int, list[str]] = {}
    lags: dict[int, float] = {}
    for name, one in now.items():
        for sample in one.of("cjo_lag_records", stage=WORKER):
            number = int(sample.labels["partition"])
            workers.setdefault(number, []).append(name)
            lags[number] = max(lags.get(number, 0.0), sample.value)
    return tuple(Led(number, tuple(workers[number]), lags[number]) for number in sorted(workers))


def _channels(pairs: Iterable[tuple[Scrape, Scrape]]) -> tuple[Channel, ...]:
    pairs = list(pairs)
    sums = ("cjo_actions_total", "cjo_held_commands", "cjo_channel_unread_seconds")
    names = {
        sample.labels["channel"] for _, one in pairs for name in sums for sample in one.of(name)
    }
    return tuple(
        Channel(
            channel,
            sum(_rate(old, one, "cjo_actions_total", channel=channel) for old, one in pairs),
            sum(one.total("cjo_held_commands", channel=channel) for _, one in pairs),
            max(
                (
                    sample.value
                    for _, one in pairs
                    for sample in one.of("cjo_channel_unread_seconds", channel=channel)
                    if not math.isnan(sample.value)
                ),
                default=math.nan,
            ),
        )
        for channel in sorted(names)
    )


def _rates(pairs: Iterable[tuple[Scrape, Scrape]], name: str, label: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for old, one in pairs:
        for value in {sample.labels[label] for sample in one.of(name)}:
            found[value] = found.get(value, 0.0) + _rate(old, one, name, **{label: value})
    return {value: rate for value, rate in sorted(found.items()) if rate > 0}


def _rate(old: Scrape, now: Scrape, name: str, **labels: str) -> float:
    seconds = now.at_s - old.at_s
    return (
        (now.total(name, **labels) - old.total(name, **labels)) / seconds if seconds > 0 else 0.0
    )


def _quantiles(pairs: Iterable[tuple[Scrape, Scrape]], name: str) -> tuple[float, ...]:
    """Return `QUANTILES` of what came between the looks, as Prometheus' histogram_quantile does.

    Within a bucket values are taken to lie evenly; beyond the last bound it is that bound.
    """
    counts: dict[float, float] = {}
    for old, one in pairs:
        for sign, side in ((1, one), (-1, old)):
            for sample in side.of(f"{name}_bucket"):
                bound = float(sample.labels["le"])
                counts[bound] = counts.get(bound, 0.0) + sign * sample.value
    bounds = sorted(counts)
    if not bounds or counts[bounds[-1]] <= 0:
        return (math.nan,) * len(QUANTILES)
    return tuple(_quantile(q * counts[bounds[-1]], bounds, counts) for q in QUANTILES)


def _quantile(rank: float, bounds: list[float], counts: Mapping[float, float]) -> float:
    low = below = 0.0
    for bound in bounds:
        if counts[bound] >= rank and counts[bound] > below:
            if math.isinf(bound):
                return low
            return low + (bound - low) * (rank - below) / (counts[bound] - below)
        low, below = bound, counts[bound]
    return low
