"""Why every row of a file was refused, as far as its beginning shows: the cause, and its cure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from cjo_stream.core.command.outcome import is_outcome_refused, why_unknown
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel
from cjo_stream.core.word import Format
from cjo_stream.ingest.files import InputFile
from cjo_stream.ingest.format.column import columns_of, near
from cjo_stream.ingest.format.time import read_time

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
_VALUE: Final = re.compile(
    r"""(?<![a-z])'|"|(?<= was )(?=[-0-9]|true|false|a list|an object)"""
    r"""|(?<=, where )(?=row|item)"""
    r"|(?<= is )(?=-?[0-9]|true|false)|; the (?:row|item) has "
)
"""Where a refusal begins to name values of a row; or columns, which are values where there is no
header."""
_CURE: Final = re.compile(
    r".*: ((?:for [a-z ]+, )?(?:write|say how it is written:) timestamp\(.*)", re.DOTALL
)
"""What a refusal says to write for a time that could not be read."""
_SIZE: Final = re.compile(r"[0-9]+(?= (?:bytes|traits|external ids))|(?<=byte )[0-9]+")
_NATIVE: Final = ("type", "time", "identifiers")
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_DATA: Final = re.compile(
    r"[+-]?[0-9][0-9 .,:/-]*|[^@\s]+@[^@\s]+|true|false|null|", re.IGNORECASE
)
_KINDS: Final = re.compile(r"(\w+) is (undeclared|blocked|unusable|ambiguous|empty)")


class Cause(NamedTuple):
    """A sentence about what is likely wrong, and one about what to do."""

    what: str
    cure: str


def without_values(detail: str) -> str:
    """Return what a refusal says, up to the first value of its record, and without sizes.

    >>> without_values("`time` was '25.2.', which is no time"), without_values("300000 bytes")
    ('`time` was …', '… bytes')
    """
    begin = _VALUE.split(detail)[0]
    if begin != detail:
        cure = _CURE.match(detail)
        detail = f"{begin.rstrip()} …" + (f": {cure[1]}" if cure else "")
    return _SIZE.sub("…", detail)


def likely_cause(
    file: InputFile, program: Program, channel: str | None, reasons: Mapping[str, int]
) -> str:
    """Return the most common refusals, what in the file is likely the reason, and what to do.

    `reasons` are the refusals with their numbers. Names of columns are shown, no row's value.
    """
    common = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    found = next(_causes(file, program, channel, [why for why, _ in common]), None)
    numbers = "; ".join(f"{number} x {why}" for why, number in common[:2])
    return f"{found.what}. {found.cure}. Refused: {numbers}" if found else f"Refused: {numbers}"


def _causes(
    file: InputFile, program: Program, channel: str | None, reasons: Sequence[str]
) -> Iterator[Cause]:
    """Yield causes, the likeliest first."""
    head = file.beginning()
    if not head:
        return
    yield from _of_text(file, head, reasons)
    rows = _rows(file)
    names = list(dict.fromkeys(name for row in rows for name in row))
    if file.is_csv:
        yield from _of_table(names)
    elif not file.is_parquet:
        yield from _of_lines(head)
    is_value = bool(reasons) and " was …" in reasons[0]
    if names and not is_value:
        named = {row.get("channel") for row in rows} if channel is None else {channel}
        only = named.pop() if len(named) == 1 else None
        yield from _of_names(file, names, program, only if isinstance(only, str) else None)
    if reasons:
        yield from _of_values(reasons[0], program)


def _of_text(file: InputFile, head: bytes, reasons: Sequence[str]) -> Iterator[Cause]:
    if file.is_parquet:
        return
    if head.startswith(_UTF_16) or b"\0" in head:
        little = head[1:2] == b"\0"
        named = "utf-16" if head.startswith(_UTF_16) else f"utf-16-{'le' if little else 'be'}"
        yield Cause("Its text seems to be UTF-16", f"Read it with --encoding {named}")
    if any("not UTF-8" in why for why in reasons):
        yield Cause(
            "Its text is not UTF-8, perhaps Windows-1252 or Latin-1",
            "Read it with --encoding windows-1252, or with the encoding that it has",
        )


def _of_table(names: Sequence[str]) -> Iterator[Cause]:
    if len(names) == 1:
        for one, (called, given) in _DELIMITERS.items():
            if one in names[0]:
                yield Cause(
                    f"Its first row is one column, and seems to be parted by {called}",
                    f"Read it with --delimiter {given}",
                )
    if any(_is_data(name) for name in names):
        yield Cause(
            "Its first row seems to hold values, not the names of columns",
            "Put a row with the names of the columns before it",
        )


def _is_data(name: str) -> bool:
    return _DATA.fullmatch(name) is not None or read_time(name) is not None


def _of_lines(head: bytes) -> Iterator[Cause]:
    text = head.lstrip()
    if text.startswith(b"[") and not text[1:].lstrip().startswith(b"{"):
        yield Cause("It is a list, but not of objects", "Write one object an event")
    elif not text.startswith((b"{", b"[")):
        yield Cause(
            "Its lines do not begin as JSON objects do",
            "Write one object a line, or name a table with a header .csv",
        )


def _of_names(
    file: InputFile, names: Sequence[str], program: Program, channel: str | None
) -> Iterator[Cause]:
    """Yield what is wrong with the names of columns or fields."""
    what = "columns" if file.is_csv or file.is_parquet else "fields"
    if channel is None and "channel" not in names:
        fits = [name for name in program.channels if _fits(program, name, names)]
        yield Cause(
            f"No `channel`: its {what} are {_shown(names)}",
            f"Add `channel`, or name one for all rows with --channel "
            f"({', '.join(fits or program.channels)})",
        )
    elif channel is not None and channel not in program.channels:
        yield Cause(
            "The `channel` of its rows is not one of the topology's",
            f"Write one of {', '.join(program.channels)}, or name one for all rows with --channel",
        )
    elif channel is not None:
        yield from _of_form(what, names, program, channel)


def _of_form(what: str, names: Sequence[str], program: Program, channel: str) -> Iterator[Cause]:
    """Yield why rows with these names have not the form of a channel."""
    wanted = _wanted(program.channels.get(channel))
    missing = [name for name in wanted if name not in names]
    if not missing:
        return
    is_native = _format(program.channels.get(channel)) == Format.NATIVE
    by = "a native event" if is_native else f"the `map` of channel {channel}"
    said = f"{by} needs {_shown(wanted)}; the {what} of the file are {_shown(names)}"
    others = [
        name
        for name in program.channels
        if name != channel and _wanted(program.channels[name]) and _fits(program, name, names)
    ]
    if others:
        leave = " leave --channel away, or" if "channel" in names else ""
        yield Cause(
            f"It has not the form of channel {channel}: {said}",
            f"Give the channel whose form it has:{leave} --channel {' or '.join(others)}",
        )
        return
    if not is_native and all(name in names for name in _NATIVE):
        yield Cause(
            f"Its rows are native events, and channel {channel} has a `map`",
            "Read them with --channel of a channel whose format is native; this topology has none"
            " with `in`, so add `NAME: {in: {}}` to `channels`",
        )
        return
    yield Cause(
        _sentence(f"{said}, without {_shown(missing)}"), _renamed(missing, names, is_native)
    )


def _renamed(missing: Sequence[str], names: Sequence[str], is_native: bool) -> str:
    """Return what to do where names are missing; a near name is likely meant."""
    meant = {}
    for name in missing:
        other = near(name, names)
        if other is not None and other not in missing:
            meant[name] = other
    if is_native:
        pairs = [f"`{_cut(other)}` to `{name}`" for name, other in meant.items()]
        mend = f"Rename {' and '.join(pairs)}" if pairs else "Write native events"
        return f"{mend}, or give the channel a `map` (format: mapped)"
    pairs = [f"`{_cut(other)}` for `{name}`" for name, other in meant.items()]
    perhaps = f", perhaps {' and '.join(pairs)}" if pairs else ""
    return f"Name the columns of the file in the `map`{perhaps}, or mend their names in the file"


def _of_values(why: str, program: Program) -> Iterator[Cause]:
    """Yield the cause that the most common refusal shows."""
    reason, _, detail = why.partition(": ")
    if cure := re.search(r"…: (.*timestamp\(.*)", detail):
        yield Cause("No time of it could be read", f"In the `map`, {cure[1]}")
    elif "`time`" in detail and reason == "invalid":
        yield Cause(
            "No time of it could be read",
            "Write times as 2026-03-01T10:00:00Z or as ms, or use timestamp(x) in a `map`",
        )
    elif reason == "invalid" and detail == why_unknown({}):
        yield Cause("What came of commands is said by other words", "Write one of the words below")
    elif is_outcome_refused(reason, detail):
        yield Cause(
            "Its outcomes are of no command of this state",
            "Take them into the state of the run that decided the commands, and name a command by "
            "its `action_id`, or by an `action` of the topology",
        )
    elif reason == "future":
        yield Cause(
            "All of its times lie ahead of the run's",
            "Give the time of the export by --now, or mend the times: microseconds are read by "
            "timestamp(x, 'us') in a `map`",
        )
    elif reason == "unidentified":
        yield Cause(
            f"None of its rows names anybody: {detail.partition(': ')[2] or detail}",
            _of_identifiers(dict(_KINDS.findall(detail)), program),
        )


def _of_identifiers(kinds: Mapping[str, str], program: Program) -> str:
    declared = ", ".join(program.identifiers)
    undeclared = [type_ for type_, kind in kinds.items() if kind == "undeclared"]
    if undeclared:
        return (
            f"Declare {', '.join(undeclared)} under `identity.identifiers`, or write it as one of "
            f"the types that the topology has: {declared}"
        )
    if "blocked" in kinds.values():
        return (
            "Name a column that holds real identifiers: these are placeholders, or values of "
            "`blocked`"
        )
    if "ambiguous" in kinds.values():
        return (
            "Write phone numbers with + and the country code, or set the topology's `region`; "
            "write numbers above 2^53 as text"
        )
    return f"Write identifiers of these types as the topology declares them: {declared}"


def _rows(file: InputFile) -> list[dict[str, Any]]:
    """Return the first rows, without those that are no objects."""
    found = []
    for row in islice(file.rows(), _ROWS_MAX):
        try:
            found.append(msgspec.json.decode(row.value, type=dict[str, Any]))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return found


def _format(channel: Channel | None) -> Format:
    taken = channel.input if channel is not None else None
    return taken.format if taken is not None else Format.NATIVE


def _fits(program: Program, channel: str, names: Sequence[str]) -> bool:
    """Return whether rows with these names may be of a channel that takes events."""
    declared = program.channels[channel]
    return declared.input is not None and all(name in names for name in _wanted(declared))


def _wanted(channel: Channel | None) -> list[str]:
    """Return the names that rows of a channel should have; none where that is not known."""
    if channel is None or _format(channel) == Format.NATIVE or channel.input is None:
        return list(_NATIVE)
    return list(columns_of(channel.input.maps))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _shown(names: Sequence[str]) -> str:
    more = ["…"] if len(names) > _NAMES_MAX else []
    return ", ".join([f"`{_cut(name)}`" for name in names[:_NAMES_MAX]] + more)


def _cut(name: str) -> str:
    return name if len(name) <= _CHARACTERS_MAX else f"{name[:_CHARACTERS_MAX]}…"
