"""Recorded events, run in memory to see which rules of the definitions they reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cjo_stream.core.record import DeadLetter
from cjo_stream.definition import DefinitionSet, succeed
from cjo_stream.definition.advice import Seen
from cjo_stream.definition.tracer import Tracer
from cjo_stream.embedded.log import MemoryLog
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.embedded.unread import Attributes
from cjo_stream.engine.frame import Effect
from cjo_stream.engine.port import DecodedRecord
from cjo_stream.errors import InputError
from cjo_stream.store.memory import MemoryStore

_LANE = "events"


def reached(definitions: DefinitionSet, records: Iterable[DecodedRecord]) -> Seen:
    """Return what the events of `records` are, and which rules they reach."""
    tracer, attributes = Tracer(), Attributes()
    with Runtime(
        log=MemoryLog(),
        stores=[MemoryStore()],
        compile_=tracer.compile,
        output=_Nowhere(),
    ) as runtime:
        runtime.apply(1, succeed(definitions, None))
        for number, (_, decoded) in enumerate(records):
            if isinstance(decoded, InputError):
                continue
            runtime.offer(_LANE, number, decoded)
            attributes.add(decoded)
        runtime.flush()
    return Seen(tracer.reached, attributes.types, attributes.span_ms)


class _Nowhere:
    """An output that keeps nothing."""

    def write(self, effects: Sequence[Effect]) -> None:
        """Do nothing."""

    def refuse(self, letter: DeadLetter) -> None:
        """Do nothing: what is refused reaches no rule."""

    def notes(self) -> dict[str, bytes]:
        """Return nothing."""
        return {}
