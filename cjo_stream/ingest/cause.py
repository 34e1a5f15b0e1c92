"""Why every row of a file was refused, as far as its beginning shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

import msgspec

from cjo_stream.core.expression import Expression
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import RowMap
from cjo_stream.core.word import Format
from cjo_stream.ingest.files import InputFile

_ROWS_MAX: Final = 20
_NAMES_MAX: Final = 20
_CHARACTERS_MAX: Final = 60
_DELIMITERS: Final = {
    ";": ("`;`", "';'"),
    "\t": ("tabs", "tab"),
    "|": ("`|`", "'|'"),
    ",": ("`,`", "','"),
}
"""By character, what to call it, and how it is given to a shell."""
_NATIVE: Final = ("type", "time", "identifiers")
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


def likely_cause(
    file: InputFile, program: Program, channel: str | None, reasons: Mapping[str, int]
) -> str:
    """Return the most common refusal, and what in the file is likely the reason for it.

    `reasons` are the refusals with their numbers. Names of columns are shown, no row's value.
    """
    found = [f"{number} x {why}" for why, number in _most_common(reasons)]
    head = file.beginning()
    names = _names(file) if head else []
    if head.startswith(_UTF_16) or b"\0" in head:
        found.append("its text seems to be UTF-16: read it with --encoding utf-16")
    elif any("not UTF-8" in why for why in reasons):
        found.append(
            "its text is not UTF-8, perhaps Windows-1252 or Latin-1: read it with --encoding"
        )
    elif file.is_csv and (delimiter := _delimiter(names)):
        found.append(
            f"its first row is one column, {_shown(names)}, and seems to be parted by "
            f"{delimiter[0]}: read it with --delimiter {delimiter[1]}"
        )
    elif not file.is_csv and head.lstrip().startswith(b"["):
        found.append("it is one JSON array: write one object a line")
    elif names:
        found += _compared(file, names, program, channel)
    return "; ".join(found)


def _most_common(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))[:2]


def _names(file: InputFile) -> list[str]:
    """Return the names of the columns, or of the fields of the first rows, in their order."""
    found: dict[str, None] = {}
    for row in islice(file.rows(), _ROWS_MAX):
        try:
            found |= dict.fromkeys(msgspec.json.decode(row.value, type=dict[str, Any]))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return list(found)


def _delimiter(names: list[str]) -> tuple[str, str] | None:
    if len(names) != 1:
        return None
    return next((shown for one, shown in _DELIMITERS.items() if one in names[0]), None)


def _compared(
    file: InputFile, names: list[str], program: Program, channel: str | None
) -> Iterable[str]:
    """Yield what is wrong with the names of columns or fields."""
    what = "columns" if file.is_csv or file.is_parquet else "fields"
    if channel is None and "channel" not in names:
        others = ", ".join(program.channels)
        yield (
            f"no `channel`: its {what} are {_shown(names)}; add `channel`, or name one for all "
            f"rows with --channel ({others})"
        )
        return
    wanted, by = _wanted(program, channel)
    missing = [name for name in wanted if name not in names]
    if missing:
        yield (
            f"{by} needs {_shown(wanted)}; the {what} of the file are {_shown(names)}, without "
            f"{_shown(missing)}"
        )


def _wanted(program: Program, channel: str | None) -> tuple[list[str], str]:
    """Return the names that rows of a channel should have, and who says so."""
    declared = program.channels.get(channel) if channel is not None else None
    taken = declared.input if declared is not None else None
    if taken is None or taken.format is Format.NATIVE:
        return list(_NATIVE), "a native event"
    if taken.format is Format.MAPPED:
        paths = [path for one in taken.maps for part in _expressions(one) for path in part.paths]
        names = [str(path[1]) for path in paths if path[0] == "row" and len(path) > 1]
        return list(dict.fromkeys(names)), f"the `map` of channel {channel}"
    return [], ""


def _expressions(one: RowMap) -> Iterable[Expression]:
    """Yield the expressions of a map."""
    parts = (one.type, one.time, one.id, one.each)
    yield from (part for part in parts if part is not None)
    yield from one.identifiers.values()
    yield from one.attributes.values()


def _shown(names: list[str]) -> str:
    more = ["…"] if len(names) > _NAMES_MAX else []
    return ", ".join([f"`{_cut(name)}`" for name in names[:_NAMES_MAX]] + more)


def _cut(name: str) -> str:
    return name if len(name) <= _CHARACTERS_MAX else f"{name[:_CHARACTERS_MAX]}…"
