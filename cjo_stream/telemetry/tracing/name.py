"""The names of spans and of their attributes (docs/tracing.md is checked against them).

They follow OpenTelemetry's semantic conventions for messaging, as of 1.41: "Semantic conventions
for messaging spans", with what those say of Kafka. That part of them is not stable yet.
"""

from __future__ import annotations

from typing import Final

SYSTEM: Final = "messaging.system"
OPERATION_NAME: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
DESTINATION: Final = "messaging.destination.name"
PARTITION: Final = "messaging.destination.partition.id"
GROUP: Final = "messaging.consumer.group.name"
MESSAGES: Final = "messaging.batch.message_count"
STAGE: Final = "cjo.stage"
"""Ours: intake, task or dispatch."""

KAFKA: Final = "kafka"
PROCESS: Final = "process"

ATTRIBUTES: Final = (
    SYSTEM,
    OPERATION_NAME,
    OPERATION_TYPE,
    DESTINATION,
    PARTITION,
    GROUP,
    MESSAGES,
    STAGE,
)

SERVICE: Final = "service.name"
SERVICE_INSTANCE: Final = "service.instance.id"
SERVICE_VERSION: Final = "service.version"
DEFAULT_SERVICE: Final = "cjo-stream"
"""Of the resource, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say otherwise."""


def span_name(topic: str | None) -> str:
    """Return the name of a step's span; `topic` is None where it read several.

    >>> span_name("cjo.internal.v1")
    'process cjo.internal.v1'
    """
    return PROCESS if topic is None else f"{PROCESS} {topic}"
