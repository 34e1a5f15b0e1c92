"""Refused records, chosen and mended by an operator's expressions, to be sent again.

`where` and the edits are expressions over `row`, the refused record, and `item`, its dead letter
(`reason detail topic partition offset`), as in a `map` with `each`. An edit is `PATH =
EXPRESSION`: it sets a field of the record, or removes it where the expression gives nothing. All
expressions read the record as it was refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from cjo_stream.core.command.outcome import OUTCOME, is_outcome_refused, why_unknown
from cjo_stream.core.expression import (
    MISSING,
    Expression,
    ExpressionError,
    Names,
    Place,
    compile_expression,
)
from cjo_stream.core.likeness import nearest
from cjo_stream.engine.intake import events_of, refusal_of
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError, UsageError
from cjo_stream.ingest.decoder import Decoder
from cjo_stream.ingest.format.document import read_object
from cjo_stream.ingest.format.mapped import RowScope
from cjo_stream.installation.answer import Refused

_EDIT: Final = re.compile(r"\s*(\w+(?:\.\w+)*)\s*=(?!=)(.*)", re.DOTALL)
_LETTER: Final = ("reason", "detail", "topic", "partition", "offset")
HANDLED: Final = "loop"
"""The reason of letters whose event had its effect all the same, up to a bound."""
FAILED: Final = "failed"
"""The reason of letters that only their customer's task can try again."""
_AS_IT_IS: Final = (
    "it is sent again only with an --edit that changes it; if its customer has the command "
    'by now, --edit "attributes.again = true" does'
)


class _Edit(NamedTuple):
    path: list[str]
    value: Expression


class Mending:
    """The choice of refused records, and what is mended in them."""

    def __init__(
        self, reason: str | None = None, where: str | None = None, edits: Sequence[str] = ()
    ) -> None:
        """Raises UsageError for an expression that is none."""
        self._reason = reason
        self._where = None if where is None else _compiled("--where", where)
        self._edits = [_edit(written) for written in edits]
        self._scope = RowScope()

    @property
    def unread(self) -> dict[tuple[str, str, str], int]:
        """How often a value was there and could not be used: by option, field and reason."""
        return self._scope.unread

    def is_of(self, letter: Refused, value: bytes) -> bool:
        """Return whether a refused record is chosen; `value` are its bytes."""
        if self._reason not in (None, letter.reason):
            return False
        if self._where is None:
            return True
        self._look_at(letter)
        try:
            self._scope.row = read_object(value)
        except InputError:
            self._scope.row = MISSING
        return self._where.holds(self._scope)

    def mended(self, letter: Refused, value: bytes) -> bytes:
        """Return the record as it is sent: `value` itself where no edit changes anything.

        Raises InputError if it is edited and no object, or is not to be sent again as it is.
        """
        new = self._edited(letter, value) if self._edits else value
        if letter.reason == HANDLED:
            raise InputError(letter.reason, "its event had its effect, and is not repeated")
        if new is value and is_outcome_refused(letter.reason, letter.detail):
            raise InputError(letter.reason, f"{letter.detail}: {_AS_IT_IS}")
        return new

    def _edited(self, letter: Refused, value: bytes) -> bytes:
        self._look_at(letter)
        row = self._scope.row = read_object(value)
        before = msgspec.json.encode(row)
        found = [(edit.path, edit.value.evaluate(self._scope)) for edit in self._edits]
        for path, new in found:
            _set(row, path, new)
        after = msgspec.json.encode(row)
        return value if after == before else after

    def _look_at(self, letter: Refused) -> None:
        self._scope.item = {name: getattr(letter, name) for name in _LETTER}


def check(decode: Decoder, record: RawRecord) -> None:
    """Raise InputError if intake, or every customer, would refuse a record again."""
    decoded = decode(record)
    if (error := refusal_of(decoded)) is not None:
        raise error
    for event in events_of(decoded):
        if event.type == OUTCOME and (why := why_unknown(event.attributes)) is not None:
            raise InputError("invalid", why)


def _edit(written: str) -> _Edit:
    parts = _EDIT.fullmatch(written)
    if parts is None:
        raise UsageError(
            f"--edit {written}: write PATH = EXPRESSION, as attributes.total = "
            "float(row.attributes.total)"
        )
    return _Edit(parts[1].split("."), _compiled("--edit", parts[2]))


def _compiled(option: str, text: str) -> Expression:
    try:
        compiled = compile_expression(text.strip(), Place.ITEM, Names(), option)
    except ExpressionError as error:
        raise UsageError(
            f"{option} {text.strip()}: {error.message}. The refused record is `row`, its dead "
            "letter `item`"
        ) from None
    for root, *fields in compiled.paths:
        if root == "item" and fields and fields[0] not in _LETTER:
            near = nearest(str(fields[0]), _LETTER)
            meant = f"did you mean item.{near}?" if near else f"it has {', '.join(_LETTER)}"
            raise UsageError(f"{option} {text.strip()}: a dead letter has no {fields[0]}: {meant}")
    return compiled


def _set(row: dict[str, Any], path: Sequence[str], value: Any) -> None:
    *above, last = path
    for name in above:
        below = row.get(name)
        if not isinstance(below, dict):
            if value is MISSING:
                return
            below = row[name] = {}
        row = below
    if value is MISSING:
        row.pop(last, None)
    else:
        row[last] = value
