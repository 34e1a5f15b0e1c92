"""Reward windows: the result of a command, recorded once, at its customer.

A window opens with a command. The first acceptance counts, by its event time, if it arrives before
the stream clock passes the window's end; without one, the command is a negative example. If the
treatment learns, both are recorded when the window ends: if acceptances were recorded at once, and
refusals a week later, the model would learn for a week that everybody accepts (delayed feedback;
Chapelle 2014, KDD).

If the treatment does not learn, only an acceptance is recorded, at once, and no timer is set:
evaluations count a choice without a reward record as one that earned nothing. Such a window, once
over, is removed when the next one opens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, Literal

from cjo_stream.core.event import Event
from cjo_stream.core.record import Action, Reward
from cjo_stream.core.state import Customer, Window
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import Outcome, Unread

ACCEPTANCES: Final = frozenset((Outcome.ACCEPT, Outcome.CONVERTED))


def open_window(
    customer: Customer,
    command: Action,
    features: Sequence[int] | None,
    probability: float | None,
    turn: Turn,
    *,
    anchor: str = "",
) -> None:
    """Open a command's window; `features` None: its treatment does not learn.

    Where rewards are switched off, there are no windows; of those opened before, none is recorded.
    """
    if not turn.program.recording.reward:
        return
    windows = [one for one in customer.windows if not _is_silently_over(one, turn.clock)]
    windows.append(
        Window(
            closes_at=turn.clock + turn.program.reward_window_ms,
            action_id=command.action_id,
            decision_id=command.decision_id,
            action=command.action,
            channel=command.channel,
            at=turn.clock,
            features=list(features) if features is not None else None,
            probability=probability,
            anchor=anchor,
        )
    )
    if len(windows) > turn.bounds.windows:
        turn.count("cjo_state_bounds_total", "windows")
        del windows[0]
    customer.windows = windows


def reward_outcome(customer: Customer, event: Event, turn: Turn) -> None:
    """Note an outcome, already joined to its command, in that command's window."""
    action_id, outcome = event.attributes["action_id"], event.attributes["outcome"]
    window = next((one for one in customer.windows if one.action_id == action_id), None)
    if window is None or window.outcome in ACCEPTANCES or event.time >= window.closes_at:
        return
    window.outcome = outcome
    if outcome in ACCEPTANCES:
        value = event.attributes.get("value")
        window.value = _value(value)
        if value is not None and window.value is None:
            turn.count("cjo_values_unread_total", event.type, "event.value", Unread.TYPE)
        if window.features is None:
            customer.windows.remove(window)
            _record_reward(customer, window, turn)


def close_windows(customer: Customer, turn: Turn) -> None:
    """Close the windows that are over, in the order in which they ended."""
    for window in remove_over(customer, turn):
        if window.features is not None:
            _record_reward(customer, window, turn)


def remove_over(customer: Customer, turn: Turn) -> list[Window]:
    """Remove the windows that are over; return them in the order in which they ended."""
    over = [one for one in customer.windows if one.closes_at <= turn.clock]
    if over:
        customer.windows = [one for one in customer.windows if one.closes_at > turn.clock]
    return sorted(over, key=_order)


def join_windows(into: Customer, other: Customer, turn: Turn) -> None:
    """Add the windows of a customer that is merged into another."""
    known = {window.action_id for window in into.windows}
    joined = into.windows + [one for one in other.windows if one.action_id not in known]
    into.windows = turn.newest(sorted(joined, key=_order), turn.bounds.windows, "windows")
    other.windows = []


def part_windows(customer: Customer, new: Customer, anchors: frozenset[str]) -> None:
    """Move the windows of commands that were anchored on these identifiers."""
    moved = [one for one in customer.windows if one.anchor in anchors]
    new.windows = sorted(new.windows + moved, key=_order)
    customer.windows = [one for one in customer.windows if one.anchor not in anchors]


def _order(window: Window) -> tuple[int, str]:
    return window.closes_at, window.action_id


def _is_silently_over(window: Window, now: int) -> bool:
    return window.features is None and window.closes_at <= now


def _value(value: Any) -> float | None:
    is_number = type(value) is int or type(value) is float
    return float(value) if is_number and math.isfinite(value) else None


def _record_reward(customer: Customer, window: Window, turn: Turn) -> None:
    if not turn.program.recording.reward:
        return
    reward: Literal[0, 1] = 1 if window.outcome in ACCEPTANCES else 0
    turn.count("cjo_rewards_total", window.channel, window.action, str(reward))
    turn.emit(
        Reward(
            decision_id=window.decision_id,
            action_id=window.action_id,
            customer_id=customer.id,
            action=window.action,
            channel=window.channel,
            features=window.features,
            probability=window.probability,
            outcome=window.outcome,
            value=window.value,
            reward=reward,
            issued_at=window.at,
            time=turn.clock,
        )
    )
