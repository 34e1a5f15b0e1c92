"""Which events are repeats: as the engine takes them, as far as a layer can tell.

An event is a repeat if one with its id came on its channel, of the same customer, less than the
topology's `dedupe` ago. Here two events are of the same customer if they share an identifier, or
have none; and the time is that of receipt on Kafka, and in files that of the events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.layer.manifest import Part
from cjo_stream.insight.layer.reading import Layer
from cjo_stream.insight.layer.table import EVENTS, Row

_ID, _CHANNEL = EVENTS.places["id"], EVENTS.places["channel"]
_NAMES, _RECEIVED = EVENTS.places["identifiers"], EVENTS.places["received"]
_Came = tuple[int, Sequence[str]]
"""When an event was received, ms, and its identifiers."""
_NONE: Final[tuple[_Came, ...]] = ()


class Ids:
    """The ids of events that are known: those in a layer, and those seen since."""

    def __init__(self, folder: Folder, parts: Sequence[Part]) -> None:
        self._folder, self._parts = folder, parts
        self._layer: Layer | None = None
        self._seen: dict[str, tuple[_Came, ...]] = {}
        """By channel and id."""

    def are_new(self, rows: Sequence[tuple[Row, int | None]]) -> list[bool]:
        """Return of each event whether it is new, and note it; one without an id is.

        With each stands for how many ms its id is known; None: for ever, whoever's it is.
        """
        known: dict[str, tuple[_Came, ...]] = {}
        ids = [row[_ID] for row, _ in rows if row[_ID] is not None]
        if ids:
            if self._layer is None:
                self._layer = Layer(self._folder, self._parts)
            for row in self._layer.events_of(ids):
                _note(known, row[0], row[1], row[2:])
        return [self._is_new(row, dedupe_ms, known) for row, dedupe_ms in rows]

    def _is_new(
        self, row: Row, dedupe_ms: int | None, known: dict[str, tuple[_Came, ...]]
    ) -> bool:
        if row[_ID] is None:
            return True
        came = row[_RECEIVED], row[_NAMES]
        name = _name(row[_ID], row[_CHANNEL])
        for before in (known.get(name, _NONE), self._seen.get(name, _NONE)):
            if any(_is_repeat(came, one, dedupe_ms) for one in before):
                return False
        _note(self._seen, row[_ID], row[_CHANNEL], came)
        return True


def _is_repeat(came: _Came, before: _Came, dedupe_ms: int | None) -> bool:
    if dedupe_ms is None:
        return True
    if abs(came[0] - before[0]) >= dedupe_ms:
        return False
    return _share(came[1], before[1])


def _share(names: Iterable[str], others: Sequence[str]) -> bool:
    names = list(names)
    return any(name in others for name in names) if names else not others


def _note(of: dict[str, tuple[_Came, ...]], id_: str, channel: str | None, came: _Came) -> None:
    name = _name(id_, channel)
    of[name] = (*of.get(name, _NONE), came)


def _name(id_: str, channel: str | None) -> str:
    return f"{channel} {id_}"
