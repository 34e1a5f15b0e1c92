"""How fast records of a schema registry are decoded, as a share of the speed of the same as JSON.

Each round measures JSON and every codec in turn, in one process, over the same events, and the
best round of each counts. So neither the machine nor what else it does enters the share.
"""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from typing import Any

import fastavro
import msgspec

from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel, IdentifierType, Input
from cjo_stream.core.word import Codec
from cjo_stream.engine.port import Decode, RawRecord
from cjo_stream.ingest import decoder
from cjo_stream.registry.client import Client
from cjo_stream.registry.schemas import Schemas
from cjo_stream.registry.wire import framed
from cjo_stream.settings import Settings
from tests.world.registry import AVRO_EVENT, EVENT_INDEXES, PROTO_EVENT, Registry, proto_event
from tests.world.registry import avro as avro_answer
from tests.world.registry import proto as proto_answer

KEY = b"a key for measuring"
NOW_MS = 1_772_323_200_000
ROUNDS = 60
FETCHED_WITHIN_S = 20.0


def run(events: int = 300) -> dict[str, Any]:
    """Return events/s of JSON, and of each codec the share of it.

    `returning`: all identifiers were seen before, so that decoding costs least beside the codec.
    `fresh`: none was, as at a start, or with more customers than the decoder remembers.
    """
    made = [_event(number) for number in range(events)]
    parsed = fastavro.parse_schema(AVRO_EVENT)
    texts = [msgspec.json.encode(event) for event in made]
    written = {
        None: texts,
        Codec.AVRO: [framed(1, _avro(parsed, event)) for event in made],
        Codec.PROTOBUF: [framed(2, EVENT_INDEXES + proto_event(event)) for event in made],
        Codec.JSON: [framed(3, text) for text in texts],
    }
    records = {
        codec: [_record(value, number) for number, value in enumerate(values)]
        for codec, values in written.items()
    }
    with Registry() as registry:
        registry.schemas = {1: avro_answer(AVRO_EVENT), 2: proto_answer(PROTO_EVENT)}
        schemas = Schemas(Client(Settings(registry={"url": registry.url})))
        end_s = time.monotonic() + FETCHED_WITHIN_S
        while any(schemas.lacks(framed(id_, b"")) is not None for id_ in registry.schemas):
            assert time.monotonic() < end_s, "the schemas do not come"
            time.sleep(0.01)
    kept = {codec: decoder(_program(codec), KEY, schemas) for codec in written}
    returning = dict.fromkeys(written, 1000000000.0)
    fresh = dict(returning)
    for _ in range(ROUNDS):
        for codec, of_codec in records.items():
            returning[codec] = min(returning[codec], _seconds(kept[codec], of_codec))
            new = decoder(_program(codec), KEY, schemas)
            fresh[codec] = min(fresh[codec], _seconds(new, of_codec))
    schemas.close()
    return {
        f"{name} {codec or 'plain json, events/s'}": round(best[None] / best[codec], 2)
        if codec
        else round(events / best[None])
        for name, best in (("returning", returning), ("fresh", fresh))
        for codec in written
    }


def _seconds(decode: Decode, records: Sequence[RawRecord]) -> float:
    began_s = time.perf_counter()
    for record in records:
        decoded = decode(record)
        assert not isinstance(decoded, Exception), decoded
    return time.perf_counter() - began_s


def _event(number: int) -> dict[str, Any]:
    return {
        "id": f"event-{number}",
        "type": "order_placed",
        "time": NOW_MS + number,
        "identifiers": {"user_id": f"user-{number % 1_000}", "cookie": f"c{number % 3_000:08d}"},
        "attributes": {"product": f"product {number % 50}", "total": number / 7, "pieces": 3},
    }


def _avro(schema: Any, event: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, event)
    return out.getvalue()


def _record(value: bytes, number: int) -> RawRecord:
    return RawRecord("raw", "i", 0, number, NOW_MS + number, value, channel="in")


def _program(codec: Codec | None) -> Program:
    return Program(
        topology="bench",
        channels={"in": Channel(name="in", input=Input(topic="raw", registry=codec))},
        identifiers={
            name: IdentifierType(type=name, rank=8 * number)
            for number, name in enumerate(("user_id", "cookie"), 1)
        },
    )
