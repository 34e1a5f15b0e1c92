"""Printing: results on stdout; progress, warnings and errors on stderr."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from cjo_stream.core.shown import escaped, printable
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    from cjo_stream.embedded.progress import Progress
    from cjo_stream.errors import Diagnostic

Part = str | tuple[Sequence[str], Sequence[Sequence[object]]]
"""A line, or a table of columns and rows, as `say_table` takes them."""
LINE_EVERY_S: Final = 3.0
REDRAWS_A_SECOND: Final = 8
_UNBOUNDED: Final = 100_000
_BETWEEN: Final = 3
"""Blank columns between two columns of a table."""
PLAIN_COLUMNS: Final = 100
TEXT_COLUMNS: Final = 8
"""The least width of a column of texts, in a table that is too wide."""


def say(text: str = "") -> None:
    """Print a result; control characters are replaced by a visible mark."""
    print(printable(text))


def say_json(value: Any) -> None:
    """Print a result for programs, on one line."""
    import msgspec

    print(escaped(msgspec.json.encode(value).decode()))


def note(text: str) -> None:
    """Print a line that is no result, on stderr."""
    print(printable(text), file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print a warning."""
    note(f"warning: {text}")


def confirm(question: str, yes: bool) -> None:
    """Ask for confirmation unless `yes`; raises UsageError without a terminal, Exit at a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        note(question)
        raise UsageError("there is no terminal to confirm on: add --yes to do this")
    import typer

    if not typer.confirm(printable(question), err=True):
        note("nothing was done")
        raise typer.Exit(1)


def note_diagnostic(found: Diagnostic) -> None:
    """Print a finding about definitions; below it the line, a mark, and the suggestion."""
    note(f"{found}\n{excerpt(found)}" if found.source else str(found))


def say_diagnostic(found: Diagnostic) -> None:
    """Print a finding that was asked for, as a result."""
    say(f"{found}\n{excerpt(found)}" if found.source else str(found))


def excerpt(found: Diagnostic) -> str:
    """Return the line of a finding, a mark below it, and the suggestion."""
    from rich.cells import cell_len

    shown = printable(found.source.replace("\t", " "))
    at = found.column - found.source_column
    marked = shown[at : at + found.end_column - found.column]
    mark = " " * cell_len(shown[:at]) + "^" * max(1, cell_len(marked))
    margin = " " * len(number := str(found.line))
    below = f" {found.suggestion}" if found.suggestion else ""
    return f" {number} | {shown}\n {margin} | {mark}{below}"


def say_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; columns whose name begins with `#` hold numbers.

    A table that is too wide breaks its texts, and never a number: rather it is wider than asked.
    """
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_COLUMNS)
    if title:
        console.print(_plain(title), style="bold", soft_wrap=True)
    cells = [[_cell(value) for value in row] for row in rows]
    table = _table(columns, cells)
    unbounded = console.options.update(max_width=_UNBOUNDED)
    if console.measure(table, options=unbounded).maximum > console.width:
        widths = _narrow(columns, cells)
        table = _table(columns, cells, widths)
        least = sum(TEXT_COLUMNS if width is None else width for width in widths)
        console.width = max(console.width, least + _BETWEEN * len(widths) + 1)
    console.print(table)


def numbered(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless the number is 1.

    >>> numbered(1, "journey"), numbered(1200, "action")
    ('1 journey', '1,200 actions')
    """
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def ranges(numbers: Iterable[int]) -> str:
    """Return rising numbers as text, neighbours together.

    >>> ranges([0, 1, 2, 5, 7, 8])
    '0-2, 5, 7-8'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def count(number: int) -> str:
    """Return a number with commas between its thousands.

    >>> count(12345)
    '12,345'
    """
    return f"{number:,}"


def moment(time_ms: int) -> str:
    """Return a time to the minute, in UTC; in ms if no calendar has it.

    >>> moment(1_700_000_000_000), moment(10**17)
    ('2023-11-14 22:13', '100000000000000000 ms')
    """
    try:
        past = datetime.datetime.fromtimestamp(time_ms / 1000, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return f"{time_ms} ms"
    return past.strftime("%Y-%m-%d %H:%M")


def _table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    widths: Sequence[int | None] | None = None,
) -> Table:
    """Return a table; a name longer than its column's width is broken behind `_`."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_header=any(one.lstrip("#") for one in columns))
    for column, width in zip(columns, widths or [None] * len(columns), strict=True):
        name = column.lstrip("#")
        table.add_column(
            _plain(name if width is None else _broken(name, width)),
            justify="right" if column[:1] == "#" else "left",
            overflow="fold",
            width=width,
        )
    for row in rows:
        table.add_row(*map(_plain, row))
    return table


def _cell(value: object) -> str:
    return count(value) if isinstance(value, int) else str(value)


def _narrow(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int | None]:
    """Return the least width of each column of numbers, with its name broken; None for texts."""
    from rich.cells import cell_len

    return [
        max(map(cell_len, (*(row[place] for row in rows), *_pieces(column[1:]))))
        if column[:1] == "#"
        else None
        for place, column in enumerate(columns)
    ]


def _pieces(name: str) -> list[str]:
    """Return the pieces into which the name of a column may be broken.

    >>> _pieces("nine in ten"), _pieces("p50_ms")
    (['nine', 'in', 'ten'], ['p50_', 'ms'])
    """
    return name.replace("_", "_ ").split() or [""]


def _broken(name: str, width: int) -> str:
    r"""Return a name with a line end behind each `_` where it is longer than a line.

    >>> _broken("mean_probability", 12), _broken("count", 5)
    ('mean_\nprobability', 'count')
    """
    return name if len(name) <= width else name.replace("_", "_\n")


def _plain(text: str) -> Text:
    """Return text to show as it is: in a str, rich takes `[a-z]` and `:x:` for markup.

    Control characters are replaced by a visible mark.
    """
    from rich.text import Text

    return Text(printable(text))


class Screen:
    """One screen that is drawn anew again and again, from `with` to its end; stdout's, a terminal.

    >>> with Screen() as screen:  # doctest: +SKIP
    ...     screen.show(["all is well", (("partition", "#lag"), [("0", "12")])])
    """

    def __init__(self) -> None:
        from rich.live import Live

        self._live = Live(screen=True, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, parts: Iterable[Part]) -> None:
        """Draw these parts, one below the other, in place of what was there."""
        from rich.console import Group

        self._live.update(Group(*map(_drawn, parts)), refresh=True)


def say_parts(parts: Iterable[Part]) -> None:
    """Print parts as results, one below the other."""
    for part in parts:
        if isinstance(part, str):
            say(part)
        else:
            say_table("", *part)


def _drawn(part: Part) -> Text | Table:
    if isinstance(part, str):
        return _plain(part)
    columns, rows = part
    return _table(columns, [[_cell(value) for value in row] for row in rows])


class Ticker:
    """Shows the progress of a run: redrawn in place on a terminal, else a line now and then."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live: Live | None = None
        self._next_s = time.monotonic() + LINE_EVERY_S

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                console=Console(stderr=True),
                refresh_per_second=REDRAWS_A_SECOND,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, progress: Progress) -> None:
        """Show the progress."""
        if self._live is not None:
            self._live.update(_table(("", "#"), _summary(progress).items()))
        elif not self._quiet and time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + LINE_EVERY_S
            note(" · ".join(f"{name} {value}" for name, value in _summary(progress).items()))


def _summary(progress: Progress) -> Mapping[str, str]:
    rate = progress.records / progress.wall_seconds if progress.wall_seconds else 0.0
    found = {
        "event time": moment(progress.event_time),
        "records": count(progress.records),
        "records/s": count(round(rate)),
        "transitions": count(progress.transitions),
        "actions": count(sum(progress.actions.values())),
    }
    return found | {f"  {c}": count(n) for c, n in sorted(progress.actions.items())}
