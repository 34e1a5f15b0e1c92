"""Recorded events, run in memory to see which rules of the definitions they reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from cjo_stream.core.catalogue import TRANSITION
from cjo_stream.core.record import DeadLetter
from cjo_stream.definition import DefinitionSet, succeed
from cjo_stream.definition.advice import Seen
from cjo_stream.embedded.log import MemoryLog
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.engine.frame import Effect
from cjo_stream.engine.port import DecodedRecord
from cjo_stream.errors import InputError
from cjo_stream.store.memory import MemoryStore
from cjo_stream.testing.trace import Trace

_LANE = "events"


def reached(definitions: DefinitionSet, records: Iterable[DecodedRecord]) -> Seen:
    """Return what the events of `records` are, and which rules they reach."""
    trace, types = Trace(), set[str]()
    first: int | None = None
    last = 0
    with Runtime(
        log=MemoryLog(),
        stores=[MemoryStore()],
        compile_=trace.compile,
        output=_Transitions(trace),
    ) as runtime:
        runtime.apply(1, succeed(definitions, None))
        for number, (_, decoded) in enumerate(records):
            if isinstance(decoded, InputError):
                continue
            runtime.offer(_LANE, number, decoded)
            for event in decoded if isinstance(decoded, list) else [decoded]:
                types.add(event.type)
                first = event.time if first is None else min(first, event.time)
                last = max(last, event.time)
        runtime.flush()
    return Seen(trace.reached, types, 0 if first is None else last - first)


class _Transitions:
    """An output that keeps nothing, and tells a trace of transitions."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def write(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if effect.kind == TRANSITION.name:
                self._trace.move(msgspec.json.decode(effect.value))

    def refuse(self, letter: DeadLetter) -> None:
        """Do nothing: what is refused reaches no rule."""

    def notes(self) -> dict[str, bytes]:
        return {}
