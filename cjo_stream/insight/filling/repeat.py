"""Which events are repeats: as the engine takes them, as far as a layer can tell.

An event is a repeat if one with its id came on its channel, of the same customer, less than the
topology's `dedupe` ago. Here two events are of the same customer if they share an identifier, or
have none; and the time is that of receipt on Kafka, and in files that of the events.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Final

from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.layer.manifest import Part
from cjo_stream.insight.layer.reading import Layer
from cjo_stream.insight.layer.table import EVENTS, Row

_ID, _CHANNEL = EVENTS.places["id"], EVENTS.places["channel"]
_NAMES, _RECEIVED = EVENTS.places["identifiers"], EVENTS.places["received"]
_Key = tuple[str | None, ...]
"""A channel, an id and an identifier; without one where whose event it is does not matter."""
_Came = dict[_Key, list[int]]
"""When events were received, ms, in order of time; mostly once."""
_NOBODY: Final = ("",)
"""In place of the identifiers of an event that has none."""


class Ids:
    """The ids of events that are known: those in a layer, and those seen since."""

    def __init__(self, folder: Folder, parts: Sequence[Part]) -> None:
        self._folder, self._parts = folder, parts
        self._layer: Layer | None = None
        self._seen: _Came = {}

    def are_new(self, rows: Sequence[tuple[Row, int | None]]) -> list[bool]:
        """Return of each event whether it is new, and note it; one without an id is.

        With each stands for how many ms its id is known; None: for ever, whoever's it is. That is
        either so of all events of a sink, or of none.
        """
        known: _Came = {}
        ids = [row[_ID] for row, _ in rows if row[_ID] is not None]
        if ids:
            if self._layer is None:
                self._layer = Layer(self._folder, self._parts)
            span = _span(rows)
            for id_, channel, received, names in self._layer.events_of(ids, span):
                keys = _keys(id_, channel, None if span is None else names)
                _note(known, keys, received)
        return [self._is_new(row, dedupe_ms, known) for row, dedupe_ms in rows]

    def _is_new(self, row: Row, dedupe_ms: int | None, known: _Came) -> bool:
        id_, channel, received = row[_ID], row[_CHANNEL], row[_RECEIVED]
        if id_ is None:
            return True
        keys = _keys(id_, channel, None if dedupe_ms is None else row[_NAMES])
        for key in keys:
            for before in (known.get(key), self._seen.get(key)):
                if before and (dedupe_ms is None or _is_near(received, before, dedupe_ms)):
                    return False
        _note(self._seen, keys, received)
        return True


def _is_near(received: int, before: Sequence[int], dedupe_ms: int) -> bool:
    """Tell whether the time before or behind a time is less than `dedupe_ms` from it."""
    place = bisect_left(before, received)
    return any(abs(received - one) < dedupe_ms for one in before[max(place - 1, 0) : place + 1])


def _note(of: _Came, keys: Sequence[_Key], received: int) -> None:
    for key in keys:
        insort(of.setdefault(key, []), received)


def _keys(id_: str, channel: str | None, names: Sequence[str] | None) -> list[_Key]:
    """Return what an event is known by; `names` is None where it does not matter whose it is."""
    if names is None:
        return [(channel, id_)]
    return [(channel, id_, name) for name in names or _NOBODY]


def _span(rows: Sequence[tuple[Row, int | None]]) -> tuple[int, int] | None:
    """Return the first and last ms at which what some events repeat was received; None: any."""
    spans = [(row[_RECEIVED], dedupe_ms) for row, dedupe_ms in rows if dedupe_ms is not None]
    if len(spans) < len(rows):
        return None
    return min(at - ms for at, ms in spans), max(at + ms for at, ms in spans)
