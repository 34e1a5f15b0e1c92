"""Records that are too large are cut, and marked.

No record is larger than RECORD_BYTES_MAX: brokers accept 1 MiB by default, and the topics that a
topology names belong to others. A customer's state is bounded (`core.size`), so few records ever
come near. Those that do lose as little as possible:

    list                   its last elements; a decision's candidates are sorted before: the
                           chosen one first, then those that passed
    facts, traits,         the largest values, each as a whole: half a value would be another
      payload              value
    any other object       its fields are cut in turn; small fields are kept whole
    text                   its end

The record's `cut` names the fields that were cut.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec

from cjo_stream.core.record import Candidate, Decision, Record
from cjo_stream.core.size import size_of

RECORD_BYTES_MAX: Final = 900_000
"""Of a record's JSON, or of a dead letter's bytes."""
VALUES: Final = frozenset(("facts", "traits", "payload"))
"""The fields that hold values by name."""
_CUT_BYTES: Final = 200
"""Reserved for the field `cut`."""

_JSON: Final = msgspec.json.Encoder()


def cut_record(record: Record, bytes_max: int) -> bytes:
    """Return a record's JSON in at most `bytes_max` bytes, its field `cut` set."""
    if isinstance(record, Decision):
        ordered = sorted(record.candidates, key=partial(_place, record))
        record = msgspec.structs.replace(record, candidates=ordered)
    return cut_json(_JSON.encode(record), bytes_max)


def cut_json(value: bytes, bytes_max: int) -> bytes:
    """Return a record's JSON in at most `bytes_max` bytes, its field `cut` set."""
    whole: dict[str, Any] = msgspec.json.decode(value)
    kept = shortened(whole, bytes_max - _CUT_BYTES)
    kept["cut"] = [name for name in whole if name not in kept or kept[name] != whole[name]]
    return _JSON.encode(kept)


def shortened(value: Any, bytes_max: int, *, values: bool = False) -> Any:
    """Return `value` shortened to at most `bytes_max` bytes of JSON.

    `values`: the elements of an object are kept whole or dropped.

    >>> shortened({"id": "a", "list": [1, 22, 333]}, 24)
    {'id': 'a', 'list': [1, 22]}
    >>> shortened({"a": "xxxxxx", "b": 1}, 10, values=True)
    {'b': 1}
    """
    if size_of(value) <= bytes_max:
        return value
    if type(value) is dict:
        return _object(value, bytes_max, values)
    if type(value) is list:
        return _list(value, bytes_max)
    return value[: max(0, bytes_max - 2) // 6] if type(value) is str else None


def _object(whole: dict[str, Any], bytes_max: int, values: bool) -> dict[str, Any]:
    """Keep small fields whole; give the large ones an even share of the remaining bytes."""
    sizes = sorted((size_of({name: value}) - 1, name) for name, value in whole.items())
    left = bytes_max - 1
    kept: dict[str, Any] = {}
    for number, (size, name) in enumerate(sizes):
        share = left if values else left // (len(sizes) - number)
        if size <= share:
            kept[name] = whole[name]
        elif not values:
            room = share - (size - size_of(whole[name]))
            kept[name] = shortened(whole[name], room, values=name in VALUES)
        else:
            break  # the others are larger still
        left -= size_of({name: kept[name]}) - 1
    return {name: kept[name] for name in whole if name in kept}


def _list(whole: list[Any], bytes_max: int) -> list[Any]:
    """Keep the first elements that fit."""
    kept: list[Any] = []
    left = bytes_max - 1
    for element in whole:
        left -= size_of(element) + 1
        if left < 0:
            break
        kept.append(element)
    return kept


def _place(decision: Decision, candidate: Candidate) -> int:
    chosen = decision.chosen
    if chosen is not None and (candidate.action, candidate.channel) == (
        chosen.action,
        chosen.channel,
    ):
        return 0
    return 1 if candidate.gate is None else 2
