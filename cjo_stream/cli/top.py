"""`cjo-stream top`: an installation at a glance."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.option import settings_of
from cjo_stream.cli.terminal import Part, Screen, count, moment, ranges, say_parts
from cjo_stream.errors import CjoError, RetryError, UsageError

if TYPE_CHECKING:
    from cjo_stream.installation.answer import Refused
    from cjo_stream.kafka.operator.records import TopicRecords
    from cjo_stream.settings import Settings
    from cjo_stream.telemetry.overview import Overview, Scrapes
    from cjo_stream.telemetry.scrape import Way

PORTS_TRIED: Final = 32
"""From CJO_METRICS_PORT on: `up` gives its processes these ports, one after the other."""
LETTERS_SHOWN: Final = 5
_MIB: Final = 2**20

Address = tuple[str, int]


def top(
    context: typer.Context,
    at: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            metavar="HOST:PORT",
            help="Where a process serves its metrics. May be repeated. Default: the processes of "
            "`up` on this machine, by CJO_METRICS_PORT.",
        ),
    ] = None,
    every: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0.5, max=60.0, help="How often to look; rates are since then."
        ),
    ] = 2.0,
    once: Annotated[
        bool, typer.Option("--once", help="Print one look, and end; so also where no terminal is.")
    ] = False,
) -> int:
    """Show an installation on one screen, live: lag, rates, latency, who leads what, last errors.

    What processes show at their metrics ports, and the latest dead letters of the broker. Ctrl-C
    ends it.
    """
    from cjo_stream.kafka.operator.records import TopicRecords
    from cjo_stream.kafka.outlook.asking import Asking
    from cjo_stream.telemetry import log

    settings = settings_of(context)
    log.set_up("CRITICAL", "text")  # what is wrong stands on the screen
    wanted = [_address(text) for text in at] if at else _own(settings)
    look = _Look(wanted, _way(settings), named=bool(at))
    look.again()
    if not look.answered:
        raise UsageError(
            "no process answers at "
            + (", ".join(at) if at else f"{wanted[0][0]}, ports {wanted[0][1]} to {wanted[-1][1]}")
            + ": name each that runs by --at HOST:PORT; a process serves its metrics where "
            "CJO_METRICS_HOST and CJO_METRICS_PORT say"
        )
    letters = _Letters(TopicRecords(settings))
    if once or not sys.stdout.isatty():
        time.sleep(every)
        letters.ask()
        say_parts(_parts(look.again(), look.silent, letters.known, every))
        return 0
    # Beside the screen: a broker that is away keeps neither it waiting nor its end.
    Asking("the latest dead letters", letters.ask, lambda: None, every).start()
    with Screen() as screen:
        while True:
            time.sleep(every)
            screen.show(_parts(look.again(), look.silent, letters.known, every))


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise UsageError(f"--at {text}: give HOST:PORT, such as 127.0.0.1:9100")
    return host.strip("[]"), int(port)


def _own(settings: Settings) -> list[Address]:
    """Return where `up` may serve the metrics of its processes."""
    first = settings.metrics_port
    if not first:
        raise UsageError(
            "where do the processes serve their metrics? Set CJO_METRICS_PORT as they have it, or "
            "name each by --at HOST:PORT"
        )
    host = settings.metrics_host
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound
    return [(host, port) for port in range(first, min(first + PORTS_TRIED, 65_536))]


class _Look:
    """Asks all processes at once, again and again."""

    def __init__(self, wanted: list[Address], way: Way, *, named: bool) -> None:
        self._wanted = wanted
        self._way = way
        self._before: Scrapes = {}
        self._pool = ThreadPoolExecutor(len(wanted))
        self._known: set[str] = {_name(one) for one in wanted} if named else set()
        self.answered: Scrapes = {}
        self.silent: Mapping[str, str] = {}

    def again(self) -> Overview:
        """Ask, and compare with the look before."""
        from cjo_stream.telemetry.overview import overview
        from cjo_stream.telemetry.scrape import Scrape

        answers = list(self._pool.map(partial(_ask, self._way), self._wanted))
        self._before = {**self._before, **self.answered}
        self.answered = {
            name: one
            for name, one in zip(map(_name, self._wanted), answers, strict=True)
            if isinstance(one, Scrape)
        }
        self._known |= set(self.answered)
        self.silent = {
            name: str(one)
            for name, one in zip(map(_name, self._wanted), answers, strict=True)
            if name in self._known and not isinstance(one, Scrape)
        }
        return overview(self._before, self.answered, time.time())


def _name(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def _way(settings: Settings) -> Way:
    from cjo_stream.telemetry.scrape import way_of

    try:
        return way_of(settings)
    except OSError as error:
        raise UsageError(
            f"CJO_METRICS_TLS_CERT (now {settings.metrics_tls_cert}) cannot be read: "
            f"{error.strerror or error}; name the certificate that the processes have"
        ) from None


def _ask(way: Way, address: Address) -> object:
    from cjo_stream.telemetry.scrape import scrape

    try:
        return scrape(*address, way)
    except RetryError as error:
        return error


class _Letters:
    """The latest dead letters, or why they are not known."""

    def __init__(self, records: TopicRecords) -> None:
        self._records = records
        self.known: list[Refused] | str = "the broker is asked"

    def ask(self) -> None:
        """Ask the broker; a broker that is away takes some seconds."""
        try:
            self.known = self._records.latest_refused(LETTERS_SHOWN)
        except CjoError as error:
            self.known = str(error)


def _parts(
    seen: Overview, silent: Mapping[str, str], letters: list[Refused] | str, every_s: float
) -> Iterator[Part]:
    """Yield what one screen shows, the most urgent first."""
    from cjo_stream.telemetry.overview import QUANTILES

    not_ready = sum(bool(one.unready) for one in seen.processes)
    yield (
        f"{moment(int(time.time() * 1000))} UTC   processes {len(seen.processes)}, not ready "
        f"{not_ready}, silent {len(silent)}   every {every_s:g} s"
    )
    yield "events/s      " + _rates(seen.results)
    yield "refused/s     " + _rates(seen.refusals)
    yield "to action     " + "   ".join(
        f"p{q * 100:g} {_duration(value)}"
        for q, value in zip(QUANTILES, seen.to_action_s, strict=True)
    )
    yield (
        ("process", "kind", "#lag", "#cores", "#MiB", "#up", "state"),
        [
            (
                one.name,
                one.stage,
                round(one.lag),
                f"{one.cores:.2f}",
                round(one.memory_bytes / _MIB),
                _duration(one.up_s),
                one.unready or "ready",
            )
            for one in seen.processes
        ]
        + [(name, "", "", "", "", "", problem) for name, problem in silent.items()],
    )
    if seen.channels:
        yield (
            ("channel", "#commands/s", "#held", "#unread for"),
            [
                (one.name, f"{one.commands_per_s:,.1f}", round(one.held), _duration(one.unread_s))
                for one in seen.channels
            ],
        )
    if seen.partitions:
        yield (
            ("worker", "leads partitions", "#worst lag", "#of"),
            [
                (
                    name,
                    ranges([one.number for one in led]),
                    round(max(one.lag for one in led)),
                    max(led, key=lambda one: one.lag).number,
                )
                for name, led in seen.led().items()
            ],
        )
    if isinstance(letters, str):
        yield f"dead letters are not known: {letters}"
    elif letters:
        yield (
            ("refused", "reason", "record", "detail"),
            [
                (
                    moment(one.time or 0),
                    one.reason,
                    f"{one.topic}/{one.partition}/{one.offset}",
                    one.detail,
                )
                for one in letters
            ],
        )
    else:
        yield "no dead letters"


def _rates(rates: Mapping[str, float]) -> str:
    return "   ".join(f"{name} {_rate(rate)}" for name, rate in rates.items()) or "none"


def _rate(rate: float) -> str:
    return count(round(rate)) if rate >= 10 else f"{rate:.1f}"


def _duration(seconds: float) -> str:
    """Return a duration in the unit that suits it; - for none.

    >>> _duration(0.0457), _duration(1.5), _duration(45.0), _duration(7_400), _duration(math.nan)
    ('46 ms', '1.5 s', '45.0 s', '2.1 h', '-')
    """
    if math.isnan(seconds):
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds * 1_000:.0f} ms"
