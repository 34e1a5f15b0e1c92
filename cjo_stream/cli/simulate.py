"""`cjo-stream simulate`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.option import (
    Json,
    Topology,
    operator_settings,
    read_duration,
    read_moment,
    topology_folder,
)
from cjo_stream.cli.terminal import count, note, numbered, say, say_json
from cjo_stream.core.word import CommandFormat
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.core.program.program import Program
    from cjo_stream.kafka.local.conversation import Said
    from cjo_stream.kafka.topic.name import Names
    from cjo_stream.settings import Settings
    from cjo_stream.simulate import Simulated, World

FILES_DURATION: Final = "7d"
KAFKA_DURATION: Final = "1h"
REPORT_EVERY_S: Final = 5.0
STEP_S: Final = 0.5
"""Of the wait for the next record."""
OUTCOMES: Final = "outcomes"
"""Answers are counted under this name: they have no channel."""


def simulate(
    context: typer.Context,
    topology: Topology,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write files into this folder.")
    ] = None,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Send events to the channels' topics, in real time.")
    ] = False,
    answer: Annotated[
        bool,
        typer.Option("--answer", help="With --kafka: people answer the commands that they get."),
    ] = False,
    haste: Annotated[
        float,
        typer.Option(
            min=1, help="With --answer: how many times faster than real people they answer."
        ),
    ] = 1.0,
    rate: Annotated[
        float | None,
        typer.Option(
            help="Events for each second of simulated time. Default: as many as the people cause."
        ),
    ] = None,
    people: Annotated[int, typer.Option(min=1, help="Simulated people.")] = 1_000,
    duration: Annotated[
        str | None,
        typer.Option(
            metavar="7d",
            help=f"Simulated time. Default: {FILES_DURATION}; with --kafka {KAFKA_DURATION}.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Start of the simulated time, for files. Default: DURATION ago."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulated people.")] = 1,
    by_channel: Annotated[
        bool,
        typer.Option(
            "--by-channel", help="One file for each channel, as its topic would hold it."
        ),
    ] = False,
    truth: Annotated[
        bool,
        typer.Option(
            "--truth", help="Also write truth.jsonl: which identifiers belong to which person."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Simulate people who share devices, delete cookies, and whose events arrive late or twice."""
    if out is None and (truth or not kafka):
        raise UsageError("name a folder for the files with --out DIR, or send events with --kafka")
    if kafka and ((out is not None and not truth) or by_channel):
        what = "--by-channel" if by_channel else "--out"
        raise UsageError(f"{what} is for files; with --kafka only --truth writes one, to --out")
    if kafka and start:
        raise UsageError("--start is for files: with --kafka, traffic begins now")

    if answer and not kafka:
        raise UsageError("--answer is for --kafka: without it, people get no commands to answer")
    if haste != 1 and not answer:
        raise UsageError("--haste is for --answer")

    from cjo_stream import definition
    from cjo_stream import simulate as traffic

    duration = duration or (KAFKA_DURATION if kafka else FILES_DURATION)
    duration_ms = read_duration(duration, "--duration")
    now_ms = time.time_ns() // 1_000_000
    begin = now_ms if kafka else now_ms - duration_ms
    program = definition.load(topology_folder(topology)).program
    start_ms = read_moment(start, "--start") if start else begin
    world = traffic.open_world(
        program.topology,
        people=people,
        seed=seed,
        start_ms=start_ms,
        duration_ms=duration_ms,
        rate=rate,
        haste=haste,
    )
    if answer and world.hidden is None:
        raise UsageError(f"the people of {program.topology} answer nothing: leave --answer out")
    records = world.events()
    if truth and out is not None:
        traffic.write_truth(traffic.truth(program.topology, people=people, seed=seed), out)
    commands = None
    if answer:
        counts, commands = _converse(
            operator_settings(context), program, world, start_ms + duration_ms, quiet=json
        )
    elif kafka:
        present = _until(records, start_ms + duration_ms)
        counts = _send(operator_settings(context), program, present, quiet=json)
    else:
        assert out is not None
        write = traffic.write_channels if by_channel else traffic.write_native
        counts = write(records, out)
    if json:
        sent = {"records": counts.total(), "channels": dict(sorted(counts.items()))}
        say_json(sent if commands is None else {**sent, "commands": commands})
        return
    if not counts:
        say(f"0 records: nobody did anything within {duration}; raise --people or --duration")
        return
    channels = ", ".join(f"{channel} {count(n)}" for channel, n in sorted(counts.items()))
    say(f"{numbered(counts.total(), 'record')} {'sent' if kafka else f'in {out}'}: {channels}")
    if commands is not None:
        say(f"{numbered(commands, 'command')} received")


def _until(records: Iterable[Simulated], end_ms: int) -> Iterator[Simulated]:
    """Yield the records that arrive by `end_ms`: some arrive days after they happened."""
    for record in records:
        if record.arrives_ms > end_ms:
            return
        yield record


def _send(
    settings: Settings, program: Program, records: Iterable[Simulated], *, quiet: bool
) -> Counter[str]:
    from cjo_stream.kafka.client.admin import Admin
    from cjo_stream.kafka.client.feed import Feed
    from cjo_stream.kafka.topic.name import Names
    from cjo_stream.simulate import at_arrival, in_steps

    names = Names(settings.topic_prefix)
    topics = _sources(program, names)
    Admin(settings).require(topics.values())
    counts: Counter[str] = Counter()
    report = _Report(is_quiet=quiet)
    with Feed(settings) as feed:

        def on_step(left_s: float) -> None:
            feed.poll()
            report(feed.acknowledged, feed.waiting, left_s)

        for record in at_arrival(records, time.time, in_steps(time.sleep, STEP_S, on_step)):
            feed.put(topics[record.channel], record.value, record.key)
            counts[record.channel] += 1
            report(feed.acknowledged, feed.waiting)
    return counts


class _Report:
    """Says now and then how much was sent, and what is waited for."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._due_s = time.monotonic() + REPORT_EVERY_S

    def __call__(self, acknowledged: int, waiting: int = 0, left_s: float = 0.0) -> None:
        if not self._is_quiet and time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + REPORT_EVERY_S
            note(progress(acknowledged, waiting, left_s))


def progress(acknowledged: int, waiting: int, left_s: float) -> str:
    """Return how many records were sent, and what is waited for.

    >>> progress(1_200, 3, 0.4)
    '1,200 records sent; the broker has not acknowledged 3'
    >>> progress(0, 0, 335.2)
    '0 records sent; the next one is due in 335 s'
    """
    said = f"{numbered(acknowledged, 'record')} sent"
    if waiting:
        said += f"; the broker has not acknowledged {count(waiting)}"
    if left_s >= 1:
        said += f"; the next one is due in {left_s:,.0f} s"
    return said


def _converse(
    settings: Settings, program: Program, world: World, end_ms: int, *, quiet: bool
) -> tuple[Counter[str], int]:
    from cjo_stream.kafka.local.conversation import converse
    from cjo_stream.kafka.topic.name import Names

    names = Names(settings.topic_prefix)
    targets = (names.target(channel) for channel in program.channels.values())
    people = _People(world, {**_sources(program, names), OUTCOMES: names.outcome})
    return converse(settings, people, filter(None, targets), end_ms, _Report(is_quiet=quiet))


def _sources(program: Program, names: Names) -> dict[str, str]:
    """Return the topic that each channel's records come from.

    Raises UsageError where the records of a topic are no plain JSON.
    """
    for channel in program.channels.values():
        if (channel.input and channel.input.registry) or channel.format is not CommandFormat.JSON:
            raise UsageError(
                f"channel {channel.name}: simulated traffic is plain JSON on Kafka; remove "
                "`registry` and the `format` of `out`, or write to files with --out"
            )
    return {c.name: names.source(c.input) for c in program.channels.values() if c.input}


class _People:
    """A world's people, in the form that `converse` takes; `topics` by channel."""

    def __init__(self, world: World, topics: dict[str, str]) -> None:
        import msgspec

        from cjo_stream.simulate import Received

        self._world = world
        self._topics = topics
        self._decode = msgspec.json.Decoder(Received).decode

    def before(self, time_ms: int) -> Iterator[Said]:
        from cjo_stream.kafka.local.conversation import Said

        for sent in self._world.before(time_ms):
            channel = OUTCOMES if sent.is_outcome else sent.channel
            yield Said(self._topics[channel], channel, sent.key, sent.value)

    def hear(self, command: bytes) -> None:
        self._world.hear(self._decode(command))
