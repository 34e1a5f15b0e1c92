"""One event or one timer with all that it causes, at one customer.

    the event       is shown to every live instance, then to every entry
    raised events   first in, first out, each in the same way
    due timers      timers already due when set, in order, each with what it raises

Bounds: raised events are RAISED_DEPTH_MAX deep and `raised` in all, and ALWAYS_MAX moves by
`always` follow each other; the rest is dropped, with one dead letter `loop`. Of timers set
meanwhile `due_at_once` fire; the others wait until the clock moves, one millisecond later. If they
have not caught up after OVERRUNS_MAX such waits in a row, they never will: states send each other
on by times that stay in the past. Then each wait is twice the one before, up to REST_MAX_MS. So
the work of one record is bounded, even if much time passes with it.
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
EARLIEST_MS = -62_135_596_800_000
"""The start of the year 1; an earlier time of a timer is raised to it."""
REST_MAX_MS = 3_600_000
CATCHING_UP_MS = 1_000
"""An overrun catches up if the first timer left is due at least this much later than that of the
overrun before. It is the shortest `after`."""

_JSON = msgspec.json.Encoder()


class Cascade:
    """State shared by the handlers of one cascade."""

    __slots__ = (
        "_looped",
        "_raised",
        "_raised_total",
        "customer",
        "depth",
        "earliest",
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
        self.scope = Scope(turn.clock, View(customer, turn.program, turn.clock, turn.model))
        self.origin = origin
        """The event that began it; None if a timer did."""
        self.event: Event | None = origin
        """The event being handled."""
        self.trigger = trigger_of(origin)
        self.depth = 0
        self.earliest = EARLIEST_MS
        """No state is entered before this time by a timer; ms."""
        self.late = False
        """Whether the event was too old for some instance."""
        self.transition: Transition | None = None
        """The first transition since the cause; the dead letter of a timer shows it.

        Where transitions are switched off, it is there after a timer alone.
        """
        self._raised: deque[tuple[int, Event]] | None = None
        """Made by the first raised event: most events raise none."""
        self._raised_total = 0
        self._looped = False

    def listen(self, event: Event | None) -> Scope:
        """Return the scope with `event`, and without an instance."""
        scope = self.scope
        scope.event, scope.entry, scope.data = event, None, None
        scope.key = scope.channel = MISSING
        return scope

    def raise_event(self, type_: str, attributes: dict[str, Any]) -> None:
        """Queue an event for the same customer, at the clock."""
        if self.depth >= RAISED_DEPTH_MAX or self._raised_total >= self.turn.bounds.raised:
            self.report_loop()
            return
        self._raised_total += 1
        if self._raised is None:
            self._raised = deque()
        self._raised.append((self.depth + 1, Event(type_, self.turn.clock, attributes)))

    def next_raised(self) -> Event | None:
        """Return the next raised event, which is now the one being handled, or None."""
        if not self._raised:
            return None
        self.depth, event = self._raised.popleft()
        self.event = event
        origin_id = self.origin.id if self.origin is not None else None
        self.trigger = Trigger("raised", origin_id, event.type)
        return event

    def begin_timer(self, instance_id: str, anchor: str, *, is_outer: bool) -> None:
        """Make a timer of this instance the cause of what follows; `anchor` is the instance's.

        An outer timer, which was set before this cascade, is a new cause, with its own bounds.
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
                detail="more events were raised, or more moves made by `always`, than are allowed",
                topic=origin.topic if origin is not None else "",
                partition=origin.partition if origin is not None else -1,
                offset=origin.offset if origin is not None else -1,
                value=_JSON.encode(body),
            )
        )

    def overrun(self, due: int) -> None:
        """Let the timers left rest; the first of them was due at `due`."""
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
        """Count what the cascade's expressions could not use; each value once."""
        scope = self.scope
        if scope.faults:
            for definition, number in scope.faults.items():
                self.turn.count("cjo_expression_errors_total", definition, by=number)
        if scope.unread:
            for definition, field, reason in scope.unread:
                self.turn.count("cjo_values_unread_total", definition, field, reason)


def trigger_of(event: Event | None) -> Trigger:
    """Return the trigger of an outer event; a timer's trigger is set when it fires."""
    if event is None:
        return Trigger("timer", None, None)
    return Trigger("event", event.id, event.type)
