"""The learnt model of one task: stored in parts, then activated, each as a record of the log."""

from __future__ import annotations

import msgspec

from cjo_stream.core.learning.weight import ModelInForce, read
from cjo_stream.engine import codec
from cjo_stream.engine.port import Batch, Store

_Place = tuple[int, int]
"""(number, part)"""


class Models:
    """The stored parts, and the model by which decisions are made.

    Only the active model and newer ones are kept. If a part comes twice, the later one counts, as
    long as its model is not active: a learner that was stopped half way sends all parts again.
    """

    def __init__(self, store: Store, active: int) -> None:
        self._stored = {
            codec.read_model_key(k): codec.decode_model_part(v)
            for k, v in store.scan(*codec.MODELS)
        }
        self._changed: dict[_Place, tuple[int, bytes] | None] = {}
        self._before: dict[_Place, tuple[int, bytes] | None] = {}
        self._in_force: ModelInForce | None = None
        self._written_active = active
        self.active = active

    def in_force(self) -> ModelInForce | None:
        """Return the model by which decisions are made; None before the first."""
        if self._in_force is None and self.active:
            self._in_force = read(self.active, self._parts(self.active))
        return self._in_force

    def store(self, number: int, part: int, parts: int, content: bytes) -> None:
        """Keep part `part` of `parts`; ignored unless the model is newer than the active one."""
        if number > self.active:
            self._set((number, part), (parts, content))

    def activate(self, number: int) -> str | None:
        """Put a stored model in force; return the reason if that is impossible, else None."""
        if number <= self.active:
            return None
        parts = self._parts(number)
        if not parts or len(parts) != self._stored[number, 0][0]:
            return f"model {number} is not stored here in full: it is published again"
        try:
            self._in_force = read(number, parts)
        except msgspec.MsgspecError as error:
            return f"model {number} cannot be read by this release: {error}"
        self.active = number
        for place in [place for place in self._stored if place[0] < number]:
            self._set(place, None)
        return None

    def batch(self) -> Batch:
        """Return the writes since the last `settle`."""
        return [
            (codec.model_key(*place), codec.encode_model_part(*stored) if stored else None)
            for place, stored in self._changed.items()
        ]

    def settle(self) -> None:
        """Mark everything as written."""
        self._changed.clear()
        self._before.clear()
        self._written_active = self.active

    def reset(self) -> None:
        """Go back to what was last written."""
        for place, stored in self._before.items():
            if stored is None:
                self._stored.pop(place, None)
            else:
                self._stored[place] = stored
        self._changed.clear()
        self._before.clear()
        if self.active != self._written_active:
            self.active, self._in_force = self._written_active, None

    def _parts(self, number: int) -> list[bytes]:
        return [
            content for place, (_, content) in sorted(self._stored.items()) if place[0] == number
        ]

    def _set(self, place: _Place, stored: tuple[int, bytes] | None) -> None:
        self._before.setdefault(place, self._stored.get(place))
        self._changed[place] = stored
        if stored is None:
            self._stored.pop(place, None)
        else:
            self._stored[place] = stored
