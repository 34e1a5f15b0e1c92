"""The definition sets by which intake routes raw records."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from cjo_stream.core.program.program import Program
from cjo_stream.core.word import Codec
from cjo_stream.engine.intake import Intake, IntakeStep
from cjo_stream.engine.port import Decoded, RawRecord
from cjo_stream.ingest import Decoder, codecs, decoder
from cjo_stream.ingest.trace import TraceReader
from cjo_stream.kafka.definition.log import DefinitionLog
from cjo_stream.kafka.stage.lane import Lane
from cjo_stream.kafka.topic.name import Names
from cjo_stream.registry.client import Client
from cjo_stream.registry.library import require
from cjo_stream.registry.schemas import Schemas
from cjo_stream.settings import Settings


def sources(program: Program, names: Names) -> dict[str, str | None]:
    """Return the topics of events, with their channels; the topic of outcomes has none."""
    found: dict[str, str | None] = {
        names.source(channel.input): channel.name
        for channel in program.channels.values()
        if channel.input is not None
    }
    return {**found, names.outcome: None}


class Routes:
    """The sets in use, by number: the topics of each, and the engine that routes by it."""

    def __init__(
        self,
        settings: Settings,
        definitions: DefinitionLog,
        traces: TraceReader | None = None,
    ) -> None:
        self._settings = settings
        self._names = Names(settings.topic_prefix)
        self._definitions = definitions
        self._schemas: Schemas | None = None
        self._engines: dict[int, tuple[Intake, Decoder]] = {}
        self._channels: dict[int, dict[str, str | None]] = {}
        self._checked: set[int] = set()
        self._traces = traces

    def channels(self, number: int) -> Mapping[str, str | None]:
        """Return the topics that a set reads, each with its channel."""
        self._engine(number)
        return self._channels[number]

    def topics(self, number: int) -> Collection[str]:
        """Return the topics that a set reads."""
        return self.channels(number)

    def process(self, number: int, records: Sequence[RawRecord]) -> IntakeStep:
        """Route records by a set; raises LibraryError if this process has other libraries.

        The libraries are checked only here, because a process with older ones must still pass the
        barrier before a set that needs newer ones.
        """
        if number not in self._checked:
            self._definitions.check_libraries(number)
            self._checked.add(number)
        return self._engine(number).process(records)

    def decode(self, number: int, record: RawRecord) -> Decoded:
        """Return the events of a record by a set, without routing them."""
        self._engine(number)
        return self._engines[number][1](record)

    def lacks(self, number: int, record: RawRecord) -> int | None:
        """Return the id of the schema that a record of a set waits for, if any."""
        self._engine(number)
        return self._engines[number][1].lacks(record)

    def knows(self, value: bytes) -> bool:
        """Return whether a record's schema, which was lacking, is there now."""
        return self._schemas is None or self._schemas.lacks(value) is None

    def why_halted(self) -> str:
        """Return what lanes wait for whose next record's schema is lacking."""
        away = None if self._schemas is None else self._schemas.away()
        return f"the schema registry {away}" if away else "schemas that the registry is asked for"

    def close(self) -> None:
        """End what fetches schemas."""
        if self._schemas is not None:
            self._schemas.close()

    def resume(self, lane: Lane) -> None:
        """Let the engine of the lane's set route it, from its next record on."""
        if not lane.is_off:
            self._engine(lane.set_number).resume(lane.log, lane.next, lane.metadata)

    def release(self, lane: Lane) -> None:
        """Let the engine of the lane's set forget it."""
        if lane.set_number in self._engines:
            self._engines[lane.set_number][0].release(lane.log)

    def keep_only(self, number: int) -> None:
        """Drop all sets but one, which no lane uses any more."""
        for other in set(self._engines) - {number}:
            del self._engines[other], self._channels[other]

    def take_counts(self) -> Iterator[Mapping[tuple[str, ...], int]]:
        """Yield the counts since the last call."""
        for engine, decode in self._engines.values():
            yield engine.take_counts()
            yield decode.take_counts()
        if self._traces is not None:
            yield self._traces.take_counts()

    def take_traces(self) -> list[str]:
        """Return the trace contexts (traceparent) of records decoded since the last call."""
        return [] if self._traces is None else self._traces.take()

    def take_registry_counts(self) -> Mapping[tuple[str, ...], int]:
        """Return the counts of the schema registry since the last call.

        They grow while no record is routed, too: that is when it is away.
        """
        return {} if self._schemas is None else self._schemas.take_counts()

    def _engine(self, number: int) -> Intake:
        if number not in self._engines:
            program = self._definitions.program(number)
            schemas = self._schemas_of(program)
            key = self._settings.tenant_key_bytes()
            decode = decoder(program, key, schemas, self._traces)
            is_archived = self._settings.archive is not None
            engine = Intake(decode, self._settings.partitions, number, is_archived=is_archived)
            self._engines[number] = (engine, decode)
            self._channels[number] = sources(program, self._names)
        return self._engines[number][0]

    def _schemas_of(self, program: Program) -> Schemas | None:
        """Return the schemas for a set's channels; None if none has a registry.

        Raises UsageError where a library or a setting is missing.
        """
        found = set(codecs(program).values())
        for codec in found:
            require(codec)
        if not found:
            return None
        if found == {Codec.JSON}:
            return Schemas(None)
        if self._schemas is None:
            self._schemas = Schemas(Client(self._settings))
        return self._schemas
