"""What identity costs, embedded, on one core: known links, new ones, refused ones; the state.

Each figure is a ratio between streams of one run that differ in one thing: `alone` is the same
events with their strongest identifier only. Alone: `python -m tests.bench.identity --customers N`
fills a RocksDB with so many customers of three identifiers each.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from cjo_stream.core.state import Customer
from cjo_stream.definition import load
from cjo_stream.embedded.installation import open_installation
from cjo_stream.embedded.run import feed
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine.port import RawRecord
from cjo_stream.ingest import decoder

ROOT = Path(__file__).parents[2]
KEY = b"a key for measuring"
START_MS = 1_772_323_200_000
ROUNDS = 3
COOKIES_MAX = 20
"""Of one customer, as the topology says."""

_ENCODE = msgspec.json.Encoder().encode

Named = dict[str, str]
Stream = Callable[[int], Named]
"""The identifiers of the n-th event, strongest first."""


class Bench:
    """One open installation and what it has taken."""

    def __init__(self, runtime: Runtime, take: Callable[[Iterator[RawRecord]], int]) -> None:
        self.runtime = runtime
        self._take = take
        self._offset = 0

    def cpu_us(self, events: int, stream: Stream, *, alone: bool = False) -> float:
        """Return the CPU an event of the next events, raw bytes to effects."""
        draw = random.Random(7)
        records = []
        for number in range(events):
            named = stream(number)
            if alone:
                named = dict([next(iter(named.items()))])
            records.append(_record(draw, self._offset, named))
            self._offset += 1
        began = time.process_time()
        self._take(iter(records))
        return (time.process_time() - began) / events * 1e6


@contextmanager
def installed(state: Path | None = None) -> Iterator[Bench]:
    """Yield an installation of one partition, in memory or in a state folder."""
    definitions = load(ROOT / "tests" / "bench" / "people")
    decode = decoder(definitions.program, KEY)
    with (
        tempfile.TemporaryDirectory() as folder,
        open_installation(definitions, Path(folder) / "out", state=state) as installation,
    ):
        lanes = iter(range(1_000_000))

        def take(records: Iterator[RawRecord]) -> int:
            pairs = ((record, decode(record)) for record in records)
            return feed(installation, f"bench-{next(lanes)}", pairs)

        yield Bench(installation.runtime, take)


def known_links(events: int, customers: int = 2_000) -> dict[str, Any]:
    """Every link was seen before: the steady state."""

    def stream(number: int) -> Named:
        customer = number * 7919 % customers
        named = {"user": f"u{customer}", "email": f"e{customer}@example.com"}
        return {**named, "cookie": f"c{customer}"} if number % 2 else named

    return _against_alone(events, stream, warm=2 * customers)


def new_links(events: int) -> dict[str, Any]:
    """Every event brings two identifiers together that nobody had seen."""
    fresh = iter(range(1_000_000_000))

    def stream(_: int) -> Named:
        number = next(fresh)
        return {"user": f"u{number}", "cookie": f"c{number}"}

    return _against_alone(events, stream, warm=0)


def pasted_email(events: int) -> dict[str, Any]:
    """Visitors who log in with a name of their own all give one e-mail: each link is refused."""
    fresh = iter(range(1_000_000_000))

    def stream(_: int) -> Named:
        return {"user": f"u{next(fresh)}", "email": "test@example.com"}

    with installed() as bench:
        alone = bench.cpu_us(events, stream, alone=True)
        pasted = bench.cpu_us(events, stream)
        figures = _largest(bench.runtime)
        assert figures["customers"] == 2 * events, "the e-mail merged its visitors"
        return {**_ratio(pasted, alone), **figures}


def pasted_email_by_cookies(events: int) -> dict[str, Any]:
    """Visitors with a cookie only all give one e-mail: its customer takes its limit of them."""
    fresh = iter(range(1_000_000_000))

    def stream(_: int) -> Named:
        return {"email": "test@example.com", "cookie": f"c{next(fresh)}"}

    with installed() as bench:
        alone = bench.cpu_us(events, stream, alone=True)
        pasted = bench.cpu_us(events, stream)
        figures = _largest(bench.runtime)
        assert figures["identifiers_at_most"] <= 1 + COOKIES_MAX, "the e-mail merged its visitors"
        return {**_ratio(pasted, alone), **figures}


def household(events: int) -> dict[str, Any]:
    """Twelve people take turns at one tablet."""

    def stream(number: int) -> Named:
        return {"user": f"u{number * 5 % 12}", "device": "tablet"}

    with installed() as bench:
        bench.cpu_us(1_000, stream)
        alone = bench.cpu_us(events, stream, alone=True)
        shared = bench.cpu_us(events, stream)
        customers = [c for c in bench.runtime.customers() if "u" in _first_values(c)]
        assert len(customers) == 12, "the tablet merged its people"
        return {**_ratio(shared, alone), **_largest(bench.runtime)}


def filled(customers: int, most_s: float = 360.0) -> dict[str, Any]:
    """Customers of three identifiers each, into RocksDB, for so long at most."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        rss_before = _rss_mb()
        began, cpu_us, made = time.perf_counter(), 0.0, 0
        with installed(state) as bench:

            def stream(number: int) -> Named:
                who = made + number
                return {"user": f"u{who}", "email": f"e{who}@example.com", "cookie": f"c{who}"}

            while made < customers and time.perf_counter() - began < most_s:
                step = min(10_000, customers - made)
                cpu_us += bench.cpu_us(step, stream) * step
                made += step
            took = time.perf_counter() - began
            rss = _rss_mb()
            again = bench.cpu_us(
                min(10_000, made),
                lambda n: {
                    "user": f"u{n * 7919 % made}",
                    "email": f"e{n * 7919 % made}@example.com",
                },
            )
        folder = StateFolder(state)
        (store,) = folder.tasks()
        kept = {
            name: sum(len(key) + len(value) for key, value in store.scan(begin, end))
            for name, begin, end in (
                ("identifier", b"sn", b"so"),
                ("customer", b"sp", b"sq"),
                ("timeline", b"h", b"i"),
            )
        }
        folder.close()
        disk = sum(path.stat().st_size for path in state.rglob("*") if path.is_file())
        return {
            "customers": made,
            "identifiers": 3 * made,
            "customers_per_second": round(made / took),
            "cpu_us_a_customer_made": round(cpu_us / made),
            "cpu_us_an_event_then": round(again),
            "bytes_an_identifier": round(kept["identifier"] / made / 3),
            "bytes_a_redirect_or_customer": round(kept["customer"] / made / 3),
            "timeline_bytes_a_customer": round(kept["timeline"] / made),
            "state_bytes_an_identifier": round(sum(kept.values()) / made / 3),
            "disk_mb": disk >> 20,
            "rss_mb_before": rss_before,
            "rss_mb": rss,
        }


def run(events: int) -> dict[str, Any]:
    """Return all figures."""
    return {
        "known links": known_links(events),
        "new links": new_links(events // 4),
        "pasted e-mail": pasted_email(events // 2),
        "pasted e-mail, cookies": pasted_email_by_cookies(events // 2),
        "household": household(events // 4),
        "filled": filled(events // 5),
    }


def _against_alone(events: int, stream: Stream, warm: int) -> dict[str, Any]:
    """Return the least CPU of both streams over some rounds that alternate, and their ratio."""
    with installed() as alone, installed() as whole:
        if warm:
            alone.cpu_us(warm, stream, alone=True)
            whole.cpu_us(warm, stream)
        step = events // ROUNDS
        pairs = [
            (whole.cpu_us(step, stream), alone.cpu_us(step, stream, alone=True))
            for _ in range(ROUNDS)
        ]
        return _ratio(min(one for one, _ in pairs), min(other for _, other in pairs))


def _ratio(cpu_us: float, alone_us: float) -> dict[str, Any]:
    return {
        "cpu_us_an_event": round(cpu_us, 1),
        "cpu_us_alone": round(alone_us, 1),
        "ratio": round(cpu_us / alone_us, 2),
        "events_per_cpu_second": round(1e6 / cpu_us),
    }


def _largest(runtime: Runtime) -> dict[str, int]:
    sizes = [len(customer.members) for customer in runtime.customers()]
    return {"customers": len(sizes), "identifiers_at_most": max(sizes)}


def _first_values(customer: Customer) -> set[str]:
    return {member.value[:1] for member in customer.members.values()}


def _rss_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _record(draw: random.Random, offset: int, named: Named) -> RawRecord:
    time_ms = START_MS + offset // 2
    event = {
        "type": draw.choice(("cart_updated", "cart_updated", "page_viewed", "order_placed")),
        "time": time_ms,
        "identifiers": named,
        "attributes": {"total": draw.randrange(1000)},
    }
    return RawRecord("web", "bench", 0, offset, time_ms, _ENCODE(event), None, (), "web")


def main() -> None:
    """Fill a store, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--most-s", type=float, default=360.0)
    asked = parser.parse_args()
    print(json.dumps(filled(asked.customers, asked.most_s), indent=2))


if __name__ == "__main__":
    sys.exit(main())
