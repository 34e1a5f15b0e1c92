"""Compares what a case expects with what came; what it does not name it does not compare."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from cjo_stream.core.text import key_text, moment_text
from cjo_stream.definition.grammar.item import Fields, Item
from cjo_stream.definition.text.node import Scalar
from cjo_stream.definition.text.source import Position
from cjo_stream.testing.row import FACTORS, SHOWN, TIMES, Row


class Whose(NamedTuple):
    """Customers as a case writes them: `ids` that one has had, and what is written for an id."""

    ids: Callable[[Item], Collection[str]]
    name: Callable[[str], Any]


_EXACT: Final = 1e-9
_DIGITS: Final = 4


@dataclass
class Finding:
    """One part of an expectation: what was expected and what came, as a case writes both.

    `item` is what is written; None for what is not. `hints` say why, as far as it is known.
    """

    at: Position
    part: str
    item: Item | None
    expected: Any
    got: Any
    is_met: bool
    hints: list[str] = field(default_factory=list)
    missing: list[Row] = field(default_factory=list)
    """Rows that were expected and did not come."""
    rewritten: Any = None
    """What `--update` writes, if that is not `got`."""
    may_be_written: bool = True

    @property
    def new(self) -> Any:
        """What `--update` writes."""
        return self.got if self.rewritten is None else self.rewritten


def is_same(expected: Any, got: Any) -> bool:
    """Return whether a value is as written: a number to as many decimals as are written.

    >>> is_same(2.25, 2.2519), is_same(2, 2.25), is_same({"a": 1}, {"a": 1, "b": 2})
    (True, False, True)
    """
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, int | float) and isinstance(got, int | float):
        return is_close(expected, got, repr(expected))
    if isinstance(expected, dict) and isinstance(got, dict):
        return all(is_same(value, got.get(name)) for name, value in expected.items())
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(is_same, expected, got))
    return bool(expected == got)


def is_close(expected: float, got: float, text: str) -> bool:
    """Return whether a number is as written in `text`, to as many decimals as stand there."""
    decimals = len(text.partition(".")[2]) if "e" not in text.lower() else 0
    return abs(expected - got) <= (0.5 * 10.0**-decimals if decimals else 0) + _EXACT


def compare_rows(
    at: Position, part: str, item: Item, came: Sequence[Row], whose: Whose
) -> Finding:
    """Compare a list of rows with the records that came."""
    rows: list[Fields] = [one.value for one in item.value]
    if part == "transitions":
        came = _of_named_journeys(rows, came)

    def fits(row: Fields, one: Row) -> bool:
        return all(_fits(name, field_, one, whose) for name, field_ in row.read.items())

    paired = _PAIRS[part](rows, came, fits)
    are_all = len(paired) == len(rows)
    is_among = part in _AMONG and bool(rows)
    is_met = are_all and (is_among or len(rows) == len(came))
    names = names_of(rows, part)
    alike = paired
    if not is_met and len(rows) == len(came):
        alike = {number: number for number in range(len(rows))}
    own = {at: names_of(rows[number]) for number, at in alike.items()}
    named = _named(came, whose) if "customer" in names else came
    new = [project(one, own.get(at, names)) for at, one in enumerate(named)]
    if is_among:
        wanted = {row.value("action") for row in rows}
        shown = [one for one in named if None in wanted or one["action"] in wanted]
        new = _among(rows, named, paired, part)
    return Finding(
        at=at,
        part=part,
        item=item,
        expected=[written(row) for row in rows],
        got=[project(one, names) for one in shown] if is_among else new,
        is_met=is_met,
        missing=[written(row) for number, row in enumerate(rows) if number not in paired],
        rewritten=_short(rows, new),
        may_be_written=bool(new) or part != "priorities",
    )


def _named(came: Sequence[Row], whose: Whose) -> list[Row]:
    """Return rows with their customers as a case writes them."""
    return [{**one, "customer": whose.name(one["customer"])} for one in came]


def _among(
    rows: Sequence[Fields], came: Sequence[Row], paired: dict[int, int], part: str
) -> list[Row]:
    """Return the rows that a case named, as they came; without any, all that came."""
    left = [number for number in range(len(came)) if number not in paired.values()]
    found: dict[int, Row] = {}
    for number, row in enumerate(rows):
        at = paired.get(number)
        if at is None:
            asked = {name: row.value(name) for name in ("action", "channel") if row.get(name)}
            alike = (one for one in left if asked.items() <= came[one].items())
            at = next(alike, None)
        if at is not None:
            found[at] = project(came[at], names_of([row]))
    names = names_of(rows, part)
    return [found[at] for at in sorted(found)] or [project(one, names) for one in came]


def _short(rows: Sequence[Fields], new: list[Row]) -> list[Any]:
    """Return rows as names alone, where all rows are written so."""
    if not rows or not all(isinstance(row.node, Scalar) for row in rows):
        return list(new)
    return [next(iter(row.values())) if len(row) == 1 else row for row in new]


Names = dict[str, set[str]]
"""Fields of a row, each with the names below it that are compared."""


def names_of(rows: Sequence[Fields] | Fields, part: str = "") -> Names:
    """Return the fields that rows name, or those that are shown where there is no row."""
    named: Names = {}
    for row in [rows] if isinstance(rows, Fields) else rows:
        for name in row.read:
            below = {one.key.value for one in row.items(name)} if name == "payload" else set()
            named.setdefault(name, set()).update(below)
    return named or {name: set() for name in SHOWN.get(part, ())}


def project(one: Row, names: Names) -> Row:
    """Return some fields of a record, as a case writes them; those that are absent left out."""
    found = {}
    for name, below in names.items():
        if name == "payload":
            found[name] = {key: of for key, of in one[name].items() if key in below}
        elif one[name] is not None or name in ("from", "to"):
            found[name] = value(name, one[name])
    return found


def value(name: str, of: Any) -> Any:
    """Return a field's value as a case writes it."""
    if name in TIMES and isinstance(of, int):
        return moment_text(of).replace(" ", "T")
    return round(of, _DIGITS) if name in FACTORS and of is not None else of


def written(row: Fields) -> Row:
    """Return a row as it is written."""
    return {name: _plain(name, item) for name, item in row.read.items()}


def _plain(name: str, item: Item) -> Any:
    if name == "payload":
        return {pair.key.value: pair.value for pair in item.value}
    if name == "customer" and not isinstance(item.value, str):
        return {pair.key.value: [one.value for one in pair.value] for pair in item.value}
    return value(name, item.value)


def _fits(name: str, item: Item, one: Row, whose: Whose) -> bool:
    if name == "customer":
        return one["customer"] in whose.ids(item)
    if name in FACTORS:
        text = item.node.text if isinstance(item.node, Scalar) else ""
        return one[name] is not None and is_close(item.value, one[name], text)
    if name == "payload":
        return is_same(_plain(name, item), one[name])
    if name == "key" and None not in (item.value, one[name]):
        return key_text(item.value) == key_text(one[name])
    if name in ("address", "rule"):
        return bool(item.value == str(one[name]))
    return is_same(item.value, one[name])


Fits = Callable[[Fields, Row], bool]


def _in_order(rows: Sequence[Fields], came: Sequence[Row], fits: Fits) -> dict[int, int]:
    """Return the longest pairing that keeps both orders: from a row's index to a record's."""
    best = [[0] * (len(came) + 1) for _ in range(len(rows) + 1)]
    for i in range(len(rows) - 1, -1, -1):
        for j in range(len(came) - 1, -1, -1):
            paired = best[i + 1][j + 1] + 1 if fits(rows[i], came[j]) else 0
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    found: dict[int, int] = {}
    i = j = 0
    while i < len(rows) and j < len(came):
        if fits(rows[i], came[j]) and best[i][j] == best[i + 1][j + 1] + 1:
            found[i] = j
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return found


def _in_order_of_each(rows: Sequence[Fields], came: Sequence[Row], fits: Fits) -> dict[int, int]:
    """Return a pairing that keeps the order of each customer's records.

    What comes to several customers at one instant has no order that a case could know.
    """
    waiting: dict[str, list[int]] = {}
    for at, one in enumerate(came):
        waiting.setdefault(one["customer"], []).append(at)
    found: dict[int, int] = {}
    for number, row in enumerate(rows):
        heads = sorted(left[0] for left in waiting.values() if left)
        fitting = [at for at in heads if fits(row, came[at])]
        if not fitting:
            return _in_order(rows, came, fits)
        found[number] = waiting[came[fitting[0]]["customer"]].pop(0)
    return found


def _anywhere(rows: Sequence[Fields], came: Sequence[Row], fits: Fits) -> dict[int, int]:
    """Return a pairing of as many rows as can have a record each, in any order."""
    holder: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for j, one in enumerate(came):
            if j in seen or not fits(rows[row], one):
                continue
            seen.add(j)
            if j not in holder or place(holder[j], seen):
                holder[j] = row
                return True
        return False

    for row in range(len(rows)):
        place(row, set())
    return {row: j for j, row in holder.items()}


_AMONG: Final = frozenset(("not_sent", "priorities"))
"""Parts of which a case names some records, and need not name all."""
_PAIRS: Final[dict[str, Callable[[Sequence[Fields], Sequence[Row], Fits], dict[int, int]]]] = {
    "actions": _in_order_of_each,
    "suppressed": _in_order_of_each,
    "not_sent": _anywhere,
    "priorities": _in_order,
    "transitions": _in_order_of_each,
    "refused": _in_order,
}


def _of_named_journeys(rows: Sequence[Fields], came: Sequence[Row]) -> list[Row]:
    """Return the records of the journeys that rows name; all, if some row names none."""
    named = [row.value("journey") for row in rows]
    if not rows or None in named:
        return list(came)
    return [one for one in came if one["journey"] in named]
