"""Commands as a schema registry's clients read them: in Avro, or in JSON with a schema.

    field of a command           in Avro
    text, whole number           string, long
    one that may be null         a union with null
    address, journey             a record
    payload                      a map; a value is null, boolean, long, double or string
    cut                          null where it is absent

A list or object in the payload is its JSON text there, because Avro has no type for any value.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import inspect

from cjo_stream.core.record import Action
from cjo_stream.core.word import Codec, CommandFormat
from cjo_stream.engine.description import descriptions
from cjo_stream.engine.schema import record_schema
from cjo_stream.registry.client import Client
from cjo_stream.registry.library import import_fastavro, require
from cjo_stream.registry.wire import framed
from cjo_stream.settings import Settings

Encode = Callable[[bytes], bytes]
"""Returns a record in the wire format, of a command's JSON."""

_NAMESPACE: Final = "cjo.action.v1"
_PAYLOAD: Final = {"type": "map", "values": ["null", "boolean", "long", "double", "string"]}
_LONG_MAX: Final = 2**63 - 1
_DRAFT: Final = "http://json-schema.org/draft-07/schema#"


class Commands:
    """What writes the commands of each topic; their schemas are registered once a process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._encoders: dict[tuple[str, CommandFormat], Encode] = {}

    def encoder(self, topic: str, form: CommandFormat) -> Encode | None:
        """Return what writes a topic's commands, whose schema is registered; None: JSON as it is.

        Raises UsageError where a setting or a library is missing, RefusalError if the registry
        does not take the schema, RetryError if it is away.
        """
        if form is CommandFormat.JSON:
            return None
        encode = self._encoders.get((topic, form))
        if encode is None:
            encode = self._encoders[topic, form] = self._registered(topic, form)
        return encode

    def _registered(self, topic: str, form: CommandFormat) -> Encode:
        client = Client(self._settings)
        # The registries' usual name for the schema of a topic's values.
        subject = f"{topic}-value"
        if form is CommandFormat.AVRO:
            require(Codec.AVRO)
            schema = avro_schema()
            text = msgspec.json.encode(schema).decode()
            return _avro_writer(schema, client.register(subject, "AVRO", text))
        text = msgspec.json.encode(json_schema()).decode()
        id_ = client.register(subject, "JSON", text)
        return lambda command: framed(id_, command)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a command, in the draft that registries know."""
    schema = record_schema(_NAMESPACE)
    text = msgspec.json.encode({**schema, "$schema": _DRAFT}).replace(
        b"#/$defs/", b"#/definitions/"
    )
    found = msgspec.json.decode(text, type=dict[str, Any])
    found["definitions"] = found.pop("$defs")
    return found


def avro_schema() -> dict[str, Any]:
    """Return the Avro schema of a command, drawn from its struct as the JSON Schema is."""
    return _record(Action)


def _avro_writer(schema: dict[str, Any], id_: int) -> Encode:
    fastavro = import_fastavro()
    parsed = fastavro.parse_schema(schema)

    def encode(command: bytes) -> bytes:
        fields = msgspec.json.decode(command)
        fields["payload"] = {name: _scalar(one) for name, one in fields["payload"].items()}
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, fields)
        return framed(id_, out.getvalue())

    return encode


def _scalar(value: Any) -> Any:
    """Return a value of the payload as one of its types in Avro."""
    is_large = isinstance(value, int) and not -_LONG_MAX - 1 <= value <= _LONG_MAX
    if is_large or isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    return value


def _record(struct: type[msgspec.Struct]) -> dict[str, Any]:
    texts = descriptions(struct)
    drawn = inspect.type_info(struct)
    assert isinstance(drawn, inspect.StructType)
    return {
        "type": "record",
        "name": struct.__name__,
        "namespace": _NAMESPACE,
        "fields": [_field(one, texts[one.encode_name]) for one in drawn.fields],
    }


def _field(field: inspect.Field, text: str) -> dict[str, Any]:
    drawn = _type(field.type)
    if not field.required and field.default is msgspec.NODEFAULT:
        drawn = ["null", drawn]
    default = {"default": None} if isinstance(drawn, list) else {}
    return {"name": field.encode_name, "type": drawn, "doc": text, **default}


def _type(type_: inspect.Type) -> Any:
    match type_:
        case inspect.StrType() | inspect.LiteralType():
            return "string"
        case inspect.IntType():
            return "long"
        case inspect.DictType():
            return _PAYLOAD
        case inspect.ListType():
            return {"type": "array", "items": _type(type_.item_type)}
        case inspect.StructType():
            return _record(type_.cls)
        case inspect.UnionType():
            (given,) = (one for one in type_.types if not isinstance(one, inspect.NoneType))
            return ["null", _type(given)]
    raise TypeError(f"a command has no field of {type_}")
