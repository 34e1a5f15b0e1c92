"""One event or one timer with all that it causes, at one customer.

    the event       before every live instance, then before every entry
    raised events   first in, first out, each likewise
    due timers      those set already due, in order, each with what it raises

Bounds: RAISED_DEPTH_MAX deep, `raised` in all, ALWAYS_MAX moves by `always` in a row; what is
beyond is dropped, with one dead letter `loop`. `due_at_once` timers; more wait for the clock's
next move, a millisecond. What does not catch up so, OVERRUNS_MAX times in a row, never will:
states that send each other on by times that stay in the past. They wait twice as long each time,
up to REST_MAX_MS. So the work of a record is bounded, however much time it lets pass.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from cjo_stream.core.event import Event, native
from cjo_stream.core.expression import MISSING, Scope
from cjo_stream.core.profile.view import View
from cjo_stream.core.record import DeadLetter, Transition, Trigger
from cjo_stream.core.state import Customer, Overrun
from cjo_stream.core.turn import Turn

RAISED_DEPTH_MAX = 8
ALWAYS_MAX = 16
OVERRUNS_MAX = 10
REST_MAX_MS = 3_600_000
CATCHING_UP_MS = 1_000
"""By so much, the shortest `after`, what is left must be due later than what was left before."""

_JSON = msgspec.json.Encoder()


class Cascade:
    """What the handlers of one cascade share."""

    __slots__ = (
        "_looped",
        "_raised",
        "_raised_total",
        "customer",
        "depth",
        "event",
        "late",
        "origin",
        "scope",
        "transition",
        "trigger",
        "turn",
    )

    def __init__(self, customer: Customer, turn: Turn, origin: Event | None) -> None:
        self.customer = customer
        self.turn = turn
        self.scope = Scope(turn.clock, View(customer, turn.program, turn.clock))
        self.origin = origin
        """The event that began it; None where a timer did."""
        self.event: Event | None = origin
        """The event being handled."""
        self.trigger = trigger_of(origin)
        self.depth = 0
        self.late = False
        """Whether some instance found the event too old for it."""
        self.transition: Transition | None = None
        """The first transition recorded since the cause came; what a timer's dead letter shows."""
        self._raised: deque[tuple[int, Event]] = deque()
        self._raised_total = 0
        self._looped = False

    def listen(self, event: Event | None) -> Scope:
        """Return the scope with `event` and nothing of an instance."""
        scope = self.scope
        scope.event, scope.entry, scope.data = event, None, None
        scope.key = scope.channel = MISSING
        return scope

    def raise_event(self, type_: str, attributes: dict[str, Any]) -> None:
        """Queue an event before the same customer, at the clock."""
        if self.depth >= RAISED_DEPTH_MAX or self._raised_total >= self.turn.bounds.raised:
            self.report_loop()
            return
        self._raised_total += 1
        self._raised.append((self.depth + 1, Event(type_, self.turn.clock, attributes)))

    def next_raised(self) -> Event | None:
        """Take the next raised event, now the one being handled; None where none waits."""
        if not self._raised:
            return None
        self.depth, event = self._raised.popleft()
        self.event = event
        origin_id = self.origin.id if self.origin is not None else None
        self.trigger = Trigger("raised", origin_id, event.type)
        return event

    def begin_timer(self, instance_id: str, anchor: str, *, is_outer: bool) -> None:
        """What follows is caused by a timer of this instance, which has this anchor.

        An outer one, which nothing of this cascade set, is a cause with bounds of its own.
        """
        if is_outer:
            self.transition = None
            self._raised_total = 0
            self._looped = False
        self.depth = 0
        self.event = None
        self.turn.anchor = anchor
        self.trigger = Trigger("timer", instance_id, None)

    def report_loop(self) -> None:
        """Dead-letter the cause of this cascade, once."""
        if self._looped:
            return
        self._looped = True
        self.turn.count("cjo_dead_letters_total", "loop")
        origin = self.origin
        body: Any = native(origin) if origin is not None else self.transition
        self.turn.emit(
            DeadLetter(
                reason="loop",
                detail="more events were raised, or more moves made by `always`, than may be",
                topic=origin.topic if origin is not None else "",
                partition=origin.partition if origin is not None else -1,
                offset=origin.offset if origin is not None else -1,
                value=_JSON.encode(body),
            )
        )

    def overrun(self, due: int) -> None:
        """Let what is left, the first of it at `due`, rest."""
        customer, turn = self.customer, self.turn
        clock, last = turn.clock, customer.overrun
        times = 1
        if last is not None and due < max(
            last.due + CATCHING_UP_MS, clock - turn.program.max_late_ms
        ):
            times = last.times + 1
        doubled = min(max(0, times - OVERRUNS_MAX), REST_MAX_MS.bit_length())
        until = clock + min(1 << doubled, REST_MAX_MS)
        customer.overrun = Overrun(times, due, clock, until)
        turn.count("cjo_state_bounds_total", "due_at_once")

    def close(self) -> None:
        """Count the type errors of its expressions."""
        for definition, number in self.scope.faults.items():
            self.turn.count("cjo_expression_errors_total", definition, by=number)


def trigger_of(event: Event | None) -> Trigger:
    """Return the trigger that an outer event is; a timer's is set as it fires."""
    if event is None:
        return Trigger("timer", None, None)
    return Trigger("event", event.id, event.type)
