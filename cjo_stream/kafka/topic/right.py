"""The rights that each process needs on the broker, and no others.

    rights       of every process, by the settings and the topology
    TOPICS       the table: what each does with the installation's topics
    command      the line that allows one of them

Read, Write and Delete include Describe, as the broker takes them. `create` is `cjo-stream topics`,
`move` is `cjo-stream base`, `operator` all other commands; the other names are those of the
processes.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from cjo_stream.core import catalogue
from cjo_stream.core.program.program import Program
from cjo_stream.kafka.client.consumer import READER, group_id
from cjo_stream.kafka.topic.name import Names
from cjo_stream.kafka.topic.wanted import wanted_topics
from cjo_stream.settings import Settings

TOPIC: Final = "topic"
GROUP: Final = "group"
TRANSACTIONAL_ID: Final = "transactional-id"

SOURCES: Final = "the channels' topics of events"
TARGETS: Final = "the channels' topics of commands"
RECORDS: Final = "the topics of records"

_ALL: Final = "*"
"""Every group: one that takes commands may have any name."""
_CONFIGS: Final = "DescribeConfigs"

_SUNK: Final = (
    catalogue.IDENTITY,
    catalogue.TRANSITION,
    catalogue.DECISION,
    catalogue.REWARD,
    catalogue.PROFILE,
    catalogue.PREDICTION,
    catalogue.MEASURE,
)
"""What the sink takes besides commands."""

TOPICS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "intake": {
        SOURCES: ("Read", _CONFIGS),
        "outcome": ("Read", _CONFIGS),
        "internal": ("Write", _CONFIGS),
        "dead_letter": ("Write",),
        "definition": ("Read",),
        "cursor": ("Read", "Write"),
    },
    "worker": {
        "internal": ("Read", "Write", _CONFIGS),
        "effect": ("Write", _CONFIGS),
        "definition": ("Read",),
        "cursor": ("Read", "Write"),
    },
    "dispatch": {
        "effect": ("Read", _CONFIGS),
        TARGETS: ("Write",),
        RECORDS: ("Write",),
        "internal": ("Describe", _CONFIGS),
        "definition": ("Read",),
        "cursor": ("Read", "Write"),
        "hold": ("Read",),
        "held": ("Read", "Write", "Delete", _CONFIGS),
    },
    "learn": {
        "reward": ("Read", _CONFIGS),
        "prediction": ("Read", _CONFIGS),
        "model": ("Read", "Write"),
        "internal": ("Write", _CONFIGS),
        "reply": ("Read",),
        "definition": ("Read",),
    },
    "insight": {
        SOURCES: ("Read",),
        "outcome": ("Read",),
        TARGETS: ("Read",),
        **{kind.name: ("Read",) for kind in _SUNK},
        "internal": ("Describe",),
        "definition": ("Read",),
    },
    "webhook": {
        TARGETS: ("Read",),
        "outcome": ("Write",),
        "definition": ("Read",),
        "hold": ("Read",),
    },
    "operator": {
        SOURCES: ("Write", _CONFIGS),
        "outcome": ("Write", _CONFIGS),
        TARGETS: ("Read", _CONFIGS),
        RECORDS: ("Read", _CONFIGS),
        "internal": ("Read", "Write", _CONFIGS),
        "effect": ("Read", _CONFIGS),
        "definition": ("Read", "Write", _CONFIGS),
        "cursor": ("Read", "Write", _CONFIGS),
        "hold": ("Read", "Write", _CONFIGS),
        "held": ("Read", _CONFIGS),
        "model": ("Describe", _CONFIGS),
    },
    "move": {
        SOURCES: ("Read", _CONFIGS),
        "outcome": ("Read", _CONFIGS),
        TARGETS: ("Describe",),
        "internal": ("Read", "Write", _CONFIGS),
        "effect": ("Describe", _CONFIGS),
        "definition": ("Read", "Write"),
        "cursor": ("Read", "Write"),
        "hold": ("Read", "Write"),
        "held": ("Read", "Write", _CONFIGS),
        "model": ("Read", "Write"),
        "reward": ("Read",),
        "prediction": ("Read",),
        "dead_letter": ("Describe",),
    },
}
"""By process, what it does with each topic. A process asks for the configuration of a topic that
must have room for any frame, and of one that it goes on in, to tell a loss from compaction."""
CREATE: Final = "create"
PROCESSES: Final = (*TOPICS, CREATE)


class Right(msgspec.Struct, frozen=True):
    """Operations of one process on one resource."""

    process: str
    resource: str
    name: str
    operations: tuple[str, ...]
    is_prefix: bool = False
    """Whether `name` is the beginning of the resource's name."""


def rights(settings: Settings, program: Program | None) -> Iterator[Right]:
    """Yield the rights of every process; without a program, not those on the channels' topics."""
    names = Names(settings.topic_prefix)
    channels = _channels(names, program)
    for process, topics in TOPICS.items():
        found: dict[str, tuple[str, ...]] = {}
        for what, operations in topics.items():
            for name in channels.get(what, [names.of(what)]):
                before = found.get(name, ())
                found[name] = before + tuple(one for one in operations if one not in before)
        yield from (Right(process, TOPIC, name, found[name]) for name in found)
        yield from _others(settings, process)
    for topic in wanted_topics(settings, program):
        is_key = topic.name == names.definition  # which holds the tenant key's fingerprint
        more = ("Read", "Write") if is_key else ("Describe",)
        yield Right(CREATE, TOPIC, topic.name, ("Create", *more, _CONFIGS))
    yield from _others(settings, CREATE)


def command(right: Right, user: str, servers: str) -> str:
    """Return the line of kafka-acls.sh that gives a user a right."""
    words = ["kafka-acls.sh", "--bootstrap-server", servers, "--add", "--allow-principal", user]
    for operation in right.operations:
        words += ["--operation", operation]
    words += [f"--{right.resource}", right.name]
    if right.is_prefix:
        words += ["--resource-pattern-type", "prefixed"]
    return shlex.join(words)


def _channels(names: Names, program: Program | None) -> dict[str, list[str]]:
    channels = list(program.channels.values()) if program is not None else []
    targets = (names.target(channel) for channel in channels)
    return {
        SOURCES: [names.source(one.input) for one in channels if one.input is not None],
        TARGETS: [name for name in targets if name is not None],
        RECORDS: list(names.records()),
    }


def _others(settings: Settings, process: str) -> Iterator[Right]:
    """Yield a process's rights on groups and transactional ids."""

    def own(stage: str) -> str:
        return group_id(settings, stage)

    # Clients need a group to read, also where they join none and commit nothing.
    yield Right(process, GROUP, settings.topic_prefix + READER, ("Describe",))
    if process in ("intake", "worker", "dispatch", "webhook"):
        yield Right(process, GROUP, own(process), ("Read",))
    if process == "dispatch":
        yield Right(process, GROUP, _ALL, ("Describe",))
        yield Right(process, TRANSACTIONAL_ID, f"{own(process)}.", ("Write",), is_prefix=True)
    elif process == "learn":
        yield Right(process, TRANSACTIONAL_ID, own("learn"), ("Write",))
    elif process == "operator":
        yield Right(process, GROUP, own("intake"), ("Describe",))
        yield Right(process, GROUP, own("webhook"), ("Describe",))
        yield Right(process, TRANSACTIONAL_ID, own("apply"), ("Write",))
        yield Right(process, TRANSACTIONAL_ID, own("redrive"), ("Write",))
    elif process == "move":
        yield Right(process, GROUP, own("intake"), ("Read",))
        yield Right(process, GROUP, own("dispatch"), ("Describe",))
        for stage in ("apply", "learn", "import"):
            yield Right(process, TRANSACTIONAL_ID, own(stage), ("Write",))
    elif process == CREATE:
        yield Right(process, TRANSACTIONAL_ID, own("apply"), ("Write",))
