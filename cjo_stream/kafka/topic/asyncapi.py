"""An AsyncAPI 3.0 document of an installation's public topics (https://www.asyncapi.com).

    channel      a topic: its name, partitions, configuration, and the messages that it carries
    message      one kind of record: headers, key, value
    operation    `receive`: the installation reads it, so others write it; `send`: the reverse

JSON Schemas stand under `components`, each once, and name each other there. A topic's messages
say what this topology adds: which actions go out on a channel, and with which values for their
templates; which identifiers an event may have, and what declared events carry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from cjo_stream.core import catalogue
from cjo_stream.core.catalogue import RecordKind
from cjo_stream.core.command.outcome import OUTCOME
from cjo_stream.core.event import TRACEPARENT, TRACESTATE
from cjo_stream.core.program.action import Treatment
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel, Input
from cjo_stream.core.word import AttributeType, Codec, CommandFormat, Format, Outcome
from cjo_stream.engine.example import EXAMPLES
from cjo_stream.engine.schema import record_schema
from cjo_stream.ingest.schema import EVENT, event_schema
from cjo_stream.kafka.topic.example import command_of, event_of, values_of
from cjo_stream.kafka.topic.name import Names
from cjo_stream.kafka.topic.wanted import Wanted, wanted_topics
from cjo_stream.settings import Settings

VERSION: Final = "3.0.0"
BINDING: Final = "0.5.0"
JSON: Final = "application/json"
_CONFIGS: Final[Mapping[str, Callable[[str], Any]]] = {
    "cleanup.policy": lambda text: text.split(","),
    "retention.ms": int,
    "retention.bytes": int,
    "max.message.bytes": int,
}
"""What a channel's binding has of a topic's configuration, with the type there."""
_SCHEMES: Final = {
    "PLAIN": "plain",
    "SCRAM-SHA-256": "scramSha256",
    "SCRAM-SHA-512": "scramSha512",
    "GSSAPI": "gssapi",
}
_TYPES: Final[Mapping[AttributeType, dict[str, Any]]] = {
    AttributeType.STRING: {"type": "string"},
    AttributeType.NUMBER: {"type": "number"},
    AttributeType.BOOLEAN: {"type": "boolean"},
    AttributeType.TIME: {
        "type": ["string", "integer"], "description": "RFC 3339, or ms since the epoch."
    },
    AttributeType.LIST: {"type": "array"},
    AttributeType.OBJECT: {"type": "object"},
}  # fmt: skip
_RAW: Final[Mapping[Format, tuple[dict[str, Any], str]]] = {
    Format.SEGMENT: (
        {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}}},
        "One of Segment's calls.",
    ),
    Format.CLOUDEVENTS: (
        {"type": "object"},
        "A CloudEvent 1.0: a JSON object, or in binary mode its data, with headers `ce_…`.",
    ),
    Format.MAPPED: ({"type": "object"}, "A row, read by the topology's `map`."),
    Format.DEBEZIUM: (
        {"type": ["object", "null"]},
        "A change event of Debezium, read by the topology's `map`.",
    ),
}
"""Of each format but the native one, the schema and what a record is."""
_LETTER_HEADERS: Final = ("reason", "detail", "topic", "partition", "offset")


def document(settings: Settings, program: Program) -> dict[str, Any]:
    """Return the document."""
    topics = list(_topics(settings, program))
    messages: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for topic in topics:
        messages |= topic.messages
        for schema in topic.schemas:
            schemas |= _hoisted(schema)
    servers, security = _servers(settings)
    return {
        "asyncapi": VERSION,
        "info": _info(program),
        "defaultContentType": JSON,
        "servers": servers,
        "channels": {topic.id: topic.channel(settings) for topic in topics},
        "operations": {f"{topic.action}_{topic.id}": topic.operation() for topic in topics},
        "components": {
            "messages": dict(sorted(messages.items())),
            "schemas": dict(sorted(schemas.items())),
            **({"securitySchemes": security} if security else {}),
        },
    }


class _Topic:
    """One topic: what it is, who writes it, and its messages by name.

    `is_ours`: its partitions and copies are the installation's matter, and not its owner's.
    """

    def __init__(
        self, id_: str, wanted: Wanted, action: str, title: str, *, is_ours: bool = True
    ) -> None:
        self.is_ours = is_ours
        self.id = id_
        self.wanted = wanted
        self.action = action
        self.title = title
        self.messages: dict[str, Any] = {}
        self.schemas: list[dict[str, Any]] = []

    def channel(self, settings: Settings) -> dict[str, Any]:
        """Return its channel."""
        wanted = self.wanted
        config = {
            key: read(wanted.config[key]) for key, read in _CONFIGS.items() if key in wanted.config
        }
        sizes = {"partitions": wanted.partitions, "replicas": settings.replication_factor}
        kafka = {
            "topic": wanted.name,
            **(sizes if self.is_ours else {}),
            **({"topicConfiguration": config} if config else {}),
            "bindingVersion": BINDING,
        }
        return {
            "address": wanted.name,
            "title": self.title,
            "messages": {name: _ref("messages", name) for name in self.messages},
            "bindings": {"kafka": kafka},
        }

    def operation(self) -> dict[str, Any]:
        """Return its operation."""
        names = [{"$ref": f"#/channels/{self.id}/messages/{name}"} for name in self.messages]
        channel = {"$ref": f"#/channels/{self.id}"}
        return {"action": self.action, "channel": channel, "messages": names}


def _topics(settings: Settings, program: Program) -> Iterator[_Topic]:
    names = Names(settings.topic_prefix)
    wanted = {topic.name: topic for topic in wanted_topics(settings, program)}
    for channel in program.channels.values():
        if channel.input is not None:
            source = wanted[names.source(channel.input)]
            title, is_ours = f"Events of {channel.name}", channel.input.prefixed
            id_ = f"event_{channel.name}"
            topic = _Topic(id_, source, "receive", title, is_ours=is_ours)
            _take_events(topic, program, channel.name, channel.input)
            yield topic
    for channel in program.channels.values():
        target = names.target(channel)
        if target is not None:
            title = f"Commands for {channel.name}"
            id_, is_ours = f"action_{channel.name}", channel.output_prefixed
            topic = _Topic(id_, wanted[target], "send", title, is_ours=is_ours)
            _take_commands(topic, program, channel)
            yield topic
    outcome = _Topic("outcome", wanted[names.outcome], "receive", "Outcomes of commands")
    _take_outcomes(outcome)
    yield outcome
    off = {name for name, how in program.recording.switched.items() if how == "off"}
    for kind in catalogue.RECORDS:
        if kind.schema is not None and kind is not catalogue.ACTION and kind.name not in off:
            topic = _Topic(kind.name, wanted[names.out(kind)], "send", f"Records {kind.schema}")
            _take_records(topic, kind)
            yield topic


# --- messages ------------------------------------------------------------------------------------


def _take_events(topic: _Topic, program: Program, channel: str, taken: Input) -> None:
    if taken.format != Format.NATIVE:
        payload, about = _RAW[taken.format]
        topic.messages[topic.id] = {
            "title": f"Raw record of {channel}",
            "summary": about,
            **_written(taken.registry),
            "payload": payload,
        }
        return
    topic.schemas.append(event_schema())
    known = {"identifiers": {"type": "object", "properties": _identifiers(program)}}
    if program.events is None:
        topic.messages[topic.id] = {
            "title": f"Event of {channel}",
            **_written(taken.registry),
            "payload": {"allOf": [_ref("schemas", EVENT), {"properties": known}]},
            **_example(event_of(program, "order_placed", {"order": "o1", "total": 80})),
        }
    for type_, attributes in (program.events or {}).items():
        own = {name: _TYPES[of] for name, of in attributes.items()}
        of_type = {
            **known,
            "type": {"const": type_},
            "attributes": {"type": "object", "properties": own},
        }
        topic.messages[f"{topic.id}_{type_}"] = {
            "title": f"{type_} of {channel}",
            **_written(taken.registry),
            "payload": {"allOf": [_ref("schemas", EVENT), {"properties": of_type}]},
            **_example(event_of(program, type_, values_of(attributes))),
        }


def _identifiers(program: Program) -> dict[str, Any]:
    types = program.identifiers
    return {name: {"description": f"Of strength {n}."} for n, name in enumerate(types, 1)}


def _take_commands(topic: _Topic, program: Program, channel: Channel) -> None:
    topic.schemas.append(record_schema(catalogue.ACTION.schema or ""))
    codec = {CommandFormat.AVRO: Codec.AVRO, CommandFormat.JSON_SCHEMA: Codec.JSON}
    for action in program.actions.values():
        treatment = action.treatments.get(channel.name)
        if treatment is None:
            continue
        topic.messages[f"{topic.id}_{action.name}"] = {
            "title": f"{action.name} on {channel.name}",
            "summary": "Act once for each action_id, and not past expires_at.",
            "headers": _headers("action_id", "schema", optional=(TRACEPARENT, TRACESTATE)),
            "correlationId": {"location": "$message.header#/action_id"},
            **_written(codec.get(channel.format)),
            "payload": {
                "allOf": [
                    _ref("schemas", catalogue.ACTION.schema or ""),
                    {"properties": _of_treatment(action.name, channel, treatment)},
                ]
            },
            "bindings": _keyed("The customer's id."),
            **_example(command_of(program, action, channel, treatment)),
        }


def _of_treatment(action: str, channel: Channel, treatment: Treatment) -> dict[str, Any]:
    values = {name: {"description": "Absent or null if missing."} for name in treatment.payload}
    return {
        "action": {"const": action},
        "channel": {"const": channel.name},
        "template": {"const": treatment.template},
        "address": {
            "type": ["object", "null"],
            "properties": {"type": {"const": channel.address}},
        },
        "payload": {"type": "object", "properties": values},
    }


def _take_outcomes(topic: _Topic) -> None:
    topic.schemas.append(event_schema())
    own = {
        "action_id": {"type": "string", "description": "The command. No identifiers are needed."},
        "action": {"type": "string", "description": "In place of action_id: the latest of it."},
        "channel": {"type": "string", "description": "Beside `action`: the latest on it."},
        "outcome": {"enum": [str(one) for one in Outcome]},
        "value": {"type": "number", "description": "What an acceptance is worth."},
    }
    body = event_schema()["properties"]
    example = {
        "type": OUTCOME,
        "time": 1_772_449_200_000,
        "id": "08425db9fd399815e6fb47ec77e3156aef0000-a3-accept",
        "attributes": {
            "action_id": "08425db9fd399815e6fb47ec77e3156aef0000-a3",
            "outcome": str(Outcome.ACCEPT),
        },
    }
    topic.messages[topic.id] = {
        "title": "Outcome of a command",
        "summary": "Give each report an id, so that a repeat counts once.",
        "payload": {
            "type": "object",
            "required": ["type", "time", "attributes"],
            "properties": {
                **body,
                "type": {"const": OUTCOME},
                "attributes": {"type": "object", "required": ["outcome"], "properties": own},
            },
        },
        **_example(example),
    }


def _take_records(topic: _Topic, kind: RecordKind) -> None:
    name = kind.schema or ""
    message: dict[str, Any] = {"title": name}
    if kind is catalogue.DEAD_LETTER:
        message["summary"] = "The value is the refused record, as it came; headers say why."
        message["contentType"] = "application/octet-stream"
        message["headers"] = _headers(*_LETTER_HEADERS)
        message["payload"] = {"description": "Any bytes."}
        letter = EXAMPLES[name]
        said = {header: str(letter[header]) for header in _LETTER_HEADERS}
        message["examples"] = [{"name": "one", "headers": said, "payload": letter["value"]}]
        message["bindings"] = _keyed("As it came.")
    else:
        schema = record_schema(name)
        topic.schemas.append(schema)
        payload = _ref("schemas", name)
        if kind.is_compacted:
            payload = {"oneOf": [payload, {"type": "null"}]}
            message["summary"] = "The latest of each customer; null once there is none."
        message["payload"] = payload
        message["bindings"] = _keyed(f"The field `{kind.key}`.")
        message |= _example(*schema["examples"])
    topic.messages[topic.id] = message


def _example(*payloads: dict[str, Any]) -> dict[str, Any]:
    """Return the examples of a message."""
    return {
        "examples": [{"name": f"one{n or ''}", "payload": one} for n, one in enumerate(payloads)]
    }


def _headers(*names: str, optional: Sequence[str] = ()) -> dict[str, Any]:
    texts = {name: {"type": "string"} for name in (*names, *optional)}
    return {"type": "object", "required": list(names), "properties": texts}


def _keyed(about: str) -> dict[str, Any]:
    """Return the bindings of a message with a key."""
    key = {"type": "string", "description": about}
    return {"kafka": {"key": key, "bindingVersion": BINDING}}


def _written(codec: Codec | None) -> dict[str, Any]:
    """Return how a message's bytes are written; nothing for JSON without a registry."""
    if codec is None:
        return {}
    types = {Codec.AVRO: "application/avro", Codec.PROTOBUF: "application/x-protobuf"}
    located = {"schemaIdLocation": "payload", "schemaIdPayloadEncoding": "confluent"}
    bound = {"kafka": {**located, "bindingVersion": BINDING}}
    return {"contentType": types.get(codec, JSON), "bindings": bound}


# --- the rest ------------------------------------------------------------------------------------


def _info(program: Program) -> dict[str, Any]:
    return {
        "title": program.topology,
        "version": "1.0.0",
        "description": program.about
        or f"Events into the topology {program.topology}, commands "
        "and records out of it. Read topics of commands and records with "
        "isolation.level=read_committed.",
    }


def _servers(settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the servers, and the schemes by which they let clients in."""
    properties = settings.kafka_properties()
    protocol = properties.get("security.protocol", "plaintext").upper()
    mechanism = properties.get("sasl.mechanism") or properties.get("sasl.mechanisms") or "GSSAPI"
    schemes = {}
    if protocol.startswith("SASL") and mechanism in _SCHEMES:
        schemes = {"sasl": {"type": _SCHEMES[mechanism]}}
    elif protocol == "SSL" and "ssl.certificate.location" in properties:
        schemes = {"certificate": {"type": "X509"}}
    registry = {"schemaRegistryUrl": settings.registry.url, "bindingVersion": BINDING}
    bound = {"bindings": {"kafka": registry}} if settings.registry.url else {}
    servers = {}
    for number, host in enumerate(properties["bootstrap.servers"].split(","), 1):
        servers[f"kafka{number}"] = {
            "host": host.strip().rpartition("://")[2],
            "protocol": "kafka-secure" if protocol.endswith("SSL") else "kafka",
            **({"security": [_ref("securitySchemes", one) for one in schemes]} if schemes else {}),
            **bound,
        }
    return servers, schemes


def _ref(what: str, name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/{what}/{name}"}


def _hoisted(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema and those that it holds, by name, as components that name each other."""
    title = schema["title"]
    body = {key: value for key, value in schema.items() if key not in ("$schema", "$defs")}
    inner = {f"{title}.{name}": one for name, one in schema.get("$defs", {}).items()}
    return {name: _moved(one, title) for name, one in {title: body, **inner}.items()}


def _moved(value: Any, title: str) -> Any:
    """Return a schema whose references lead to components."""
    if isinstance(value, list):
        return [_moved(one, title) for one in value]
    if not isinstance(value, dict):
        return value
    moved = {key: _moved(one, title) for key, one in value.items() if key != "examples"}
    if "examples" in value:
        moved["examples"] = value["examples"]
    if isinstance(reference := value.get("$ref"), str):
        moved["$ref"] = f"#/components/schemas/{title}.{reference.rpartition('/')[2]}"
    return moved
