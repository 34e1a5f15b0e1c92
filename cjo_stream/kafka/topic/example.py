"""Examples of events and commands, by a topology: what the AsyncAPI document shows of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cjo_stream.core import catalogue
from cjo_stream.core.program.action import Action, Treatment
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel
from cjo_stream.core.word import AttributeType
from cjo_stream.engine.example import EXAMPLES

_VALUES: Final[Mapping[AttributeType, Any]] = {
    AttributeType.STRING: "text",
    AttributeType.NUMBER: 80,
    AttributeType.BOOLEAN: True,
    AttributeType.TIME: "2026-03-02T10:30:00Z",
    AttributeType.LIST: ["text"],
    AttributeType.OBJECT: {"name": "text"},
}
"""Of each type, one."""
_TIME_MS: Final = 1_772_447_400_000


def event_of(program: Program, type_: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """Return an event of a type, of somebody whom the strongest type of identifiers names."""
    identifiers = {next(iter(program.identifiers)): "u1"}
    return {
        "type": type_,
        "time": _TIME_MS,
        "id": f"{type_}-1",
        "identifiers": identifiers,
        "attributes": attributes,
    }


def values_of(attributes: Mapping[str, AttributeType]) -> dict[str, Any]:
    """Return a value of each attribute."""
    return {name: _VALUES[type_] for name, type_ in attributes.items()}


def command_of(
    program: Program, action: Action, channel: Channel, treatment: Treatment
) -> dict[str, Any]:
    """Return a command of an action; values for its template that no example has are null."""
    known = EXAMPLES[catalogue.ACTION.schema or ""]
    address = {**known["address"], "type": channel.address}
    return {
        **known,
        "topology": program.topology,
        "action": action.name,
        "issue": action.issue,
        "group": action.group,
        "class": str(action.class_),
        "channel": channel.name,
        "template": treatment.template,
        "payload": {name: known["payload"].get(name) for name in treatment.payload},
        "address": address if channel.address else None,
    }
