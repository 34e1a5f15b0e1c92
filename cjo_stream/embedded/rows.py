"""The customers of a run at its end: the rows of customers.jsonl, and what still waits."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence

import msgspec

from cjo_stream.core.answer import CustomerRow
from cjo_stream.core.program.program import Program
from cjo_stream.core.snapshot import snapshot
from cjo_stream.core.state import Customer
from cjo_stream.engine import codec
from cjo_stream.engine.port import Store

_JSON = msgspec.json.Encoder()


class Waiting(msgspec.Struct):
    """What still waits for time to pass when a run ends."""

    timers: int = 0
    requests: int = 0
    """Decisions that wait for the end of quiet hours."""
    last: int | None = None
    """When the last of them is due, ms."""

    def add(self, customer: Customer) -> None:
        """Count what a customer waits for."""
        timers = [timer.due for one in customer.instances for timer in one.timers]
        requests = [one.due for one in customer.waiting]
        self._join(len(timers), len(requests), max([*timers, *requests], default=None))

    def join(self, other: Waiting) -> None:
        """Count what other customers wait for."""
        self._join(other.timers, other.requests, other.last)

    def _join(self, timers: int, requests: int, last: int | None) -> None:
        self.timers += timers
        self.requests += requests
        if last is not None:
            self.last = max(last, self.last or 0)


def customers(stores: Sequence[Store]) -> Iterator[Customer]:
    """Yield each customer that had an event, or absorbed one that had, by customer id."""
    for key, value in heapq.merge(*(store.scan(*codec.CUSTOMERS) for store in stores)):
        state = codec.decode_actor(key[1:].decode(), value)
        if isinstance(state, Customer) and (state.events or state.aliases):
            yield state


def rows(
    stores: Sequence[Store], program: Program, clock: int, look: Callable[[Customer], None]
) -> Iterator[CustomerRow]:
    """Yield the rows of customers.jsonl, by customer id; `look` gets each customer's state."""
    for state in customers(stores):
        look(state)
        yield snapshot(state, program, clock)


def line_of(row: CustomerRow) -> bytes:
    """Return a line of customers.jsonl."""
    return _JSON.encode(row) + b"\n"
