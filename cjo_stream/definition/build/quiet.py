"""Quiet hours: windows by channel. Quiet hours without end are an error."""

from __future__ import annotations

from cjo_stream.core.expression.calendar import WEEKDAYS
from cjo_stream.core.program.policy import QuietWindow
from cjo_stream.core.word import Then
from cjo_stream.definition.build.context import Context
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields, Item

_MINUTES_A_DAY = 1_440
_MINUTES_A_WEEK = 7 * _MINUTES_A_DAY
_EVERY_DAY = frozenset(range(len(WEEKDAYS)))


def build_quiet(items: list[Item], context: Context) -> dict[str, tuple[QuietWindow, ...]]:
    """Return the windows of each channel, in the order written."""
    by_channel: dict[str, list[QuietWindow]] = {}
    covered: dict[str, set[int]] = {}
    endless: set[str] = set()
    for item in items:
        window = _build_window(item.value, context)
        if window is None:
            continue
        named = [channel.value for channel in item.value.items("channel")]
        for channel in named or context.channels:
            by_channel.setdefault(channel, []).append(window)
            minutes = covered.setdefault(channel, set())
            minutes |= _minutes(window)
            if len(minutes) == _MINUTES_A_WEEK and channel not in endless:
                endless.add(channel)
                context.report.error(
                    item.node, Code.QUIET, _endless(channel, len(by_channel[channel]))
                )
    return {channel: tuple(windows) for channel, windows in by_channel.items()}


def _endless(channel: str, windows: int) -> str:
    which = "this window never ends" if windows == 1 else "with this, quiet hours never end"
    return f"{which} on channel {channel!r}: leave some time of the week free"


def _build_window(fields: Fields, context: Context) -> QuietWindow | None:
    report = context.report
    for name, other in (("from", "until"), ("until", "from")):
        if name in fields.keys and other not in fields.keys:
            report.error(fields.where(name), Code.TOGETHER, f"{name!r} goes with {other!r}")
            return None
    if any(fields.is_broken(name) for name in ("channel", "days", "from", "until", "then")):
        return None
    if any(name in fields.keys and not fields.items(name) for name in ("channel", "days")):
        return None  # no listed element could be read; an empty list would mean all
    start, end = fields.get("from"), fields.get("until")
    if start is not None and end is not None and start.value == end.value:
        report.error(end.node, Code.TOGETHER, "equal to 'from': leave out both for a whole day")
        return None
    days: list[Item] = fields.items("days")
    return QuietWindow(
        rule=window_text(fields),
        days=frozenset(WEEKDAYS.index(day.value) for day in days) if days else _EVERY_DAY,
        start_minute=_minute(start.value) if start is not None else 0,
        end_minute=_minute(end.value) if end is not None else _MINUTES_A_DAY,
        then=fields.value("then", Then.DROP),
    )


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _minutes(window: QuietWindow) -> set[int]:
    """Return the minutes of a week, counted from Monday 00:00, that lie in a window."""
    length = (window.end_minute - window.start_minute) % _MINUTES_A_DAY or _MINUTES_A_DAY
    return {
        (day * _MINUTES_A_DAY + window.start_minute + minute) % _MINUTES_A_WEEK
        for day in window.days
        for minute in range(length)
    }


def window_text(fields: Fields) -> str:
    """Return a window in words: `21:00-08:00 delay`, `sun drop`."""
    days = ",".join(day.value for day in fields.items("days"))
    hours = f"{fields.value('from')}-{fields.value('until')}" if fields.get("from") else ""
    words = (days, hours or ("" if days else "every day"), fields.value("then", ""))
    return " ".join(word for word in words if word)
