"""Topics: what they are called, how they must be, and what differs.

| topic               | partitions   | kept                                        |
|---------------------|--------------|---------------------------------------------|
| internal, effect    | `partitions` | 7 days; times are the broker's append times |
| definition, cursor  | 1            | compacted                                   |
| profile             | `partitions` | compacted                                   |
| reply               | 1            | a day                                       |
| events in, outcome  | `partitions` | times are the broker's append times         |
| the rest of ours    | `partitions` | as the broker does                          |
| named by a topology | `partitions` | as the broker does; only looked for         |

`internal` must never be written by a transactional producer: the markers it leaves are offsets
without a record, and a task takes those for holes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined] # exported

from cjo_stream.core.program import Channel, Input, Program
from cjo_stream.engine.frame import RECORD_BYTES_MAX
from cjo_stream.errors import RefusalError
from cjo_stream.kafka.client import TIMEOUT_S, Admin, Topic, away
from cjo_stream.settings import Settings

DAY_MS: Final = 86_400_000
LOG_KEPT_MS: Final = 7 * DAY_MS
"""Of the private logs: a task restored from its newest checkpoint, minutes old, replays the rest;
a checkpoint store that was away for days must still be reached by the log."""
REPLIES_KEPT_MS: Final = DAY_MS
REWARDS_KEPT_MS: Final = 30 * DAY_MS
CURSOR_SEGMENT_MS: Final = 600_000
"""Only closed segments are compacted, and dispatch writes its cursors with every transaction."""
CURSOR_SEGMENT_BYTES: Final = 32 << 20

SEEN_POLL_S: Final = 0.05

_AT_LEAST: Final = ("max.message.bytes", "retention.ms", "retention.bytes", "min.insync.replicas")


class Names(msgspec.Struct, frozen=True):
    """The names of an installation's topics."""

    prefix: str

    @property
    def internal(self) -> str:
        """Frames between intake and tasks, and among tasks."""
        return f"{self.prefix}internal.v1"

    @property
    def effect(self) -> str:
        """Frames from tasks to dispatch."""
        return f"{self.prefix}effect.v1"

    @property
    def definition(self) -> str:
        """Definition sets applied."""
        return f"{self.prefix}definition.v1"

    @property
    def cursor(self) -> str:
        """Copies of intake's and dispatch's positions, which do not expire."""
        return f"{self.prefix}cursor.v1"

    @property
    def model(self) -> str:
        """What the learner remembers."""
        return f"{self.prefix}model.v1"

    @property
    def outcome(self) -> str:
        """Outcomes in."""
        return f"{self.prefix}outcome.v1"

    @property
    def reply(self) -> str:
        """Answers to operators."""
        return self.out("reply")

    @property
    def dead_letter(self) -> str:
        """What was refused."""
        return self.out("dead_letter")

    def out(self, kind: str) -> str:
        """Return the topic of a kind of effect; an action's is its channel's `target`."""
        return f"{self.prefix}{kind}.v1"

    def source(self, taken: Input) -> str:
        """Return the topic that a channel's events come in by."""
        return self.prefix + taken.topic if taken.prefixed else taken.topic

    def target(self, channel: Channel) -> str | None:
        """Return the topic that a channel's commands go out by; None where it sends none."""
        if channel.output is None:
            return None
        return self.prefix + channel.output if channel.output_prefixed else channel.output


class Wanted(msgspec.Struct, frozen=True):
    """A topic as it must be."""

    name: str
    partitions: int
    config: Mapping[str, str] = {}
    counted: bool = False
    """Whether the number of partitions must be this one."""


class Difference(msgspec.Struct, frozen=True):
    """Where a topic is not as it must be, and the command (or the way) that mends it."""

    topic: str
    what: str
    found: str
    wanted: str
    mend: str


class Outcome(msgspec.Struct, frozen=True):
    """What `create` did, and what it found and left as it was."""

    created: list[str]
    differences: list[Difference]


def wanted_topics(settings: Settings, program: Program | None) -> list[Wanted]:
    """Return every topic that an installation needs; without a program, none of the channels'."""
    names = Names(settings.topic_prefix)
    many = settings.partitions
    ours = {"max.message.bytes": str(RECORD_BYTES_MAX)}
    if settings.replication_factor > 2:
        ours["min.insync.replicas"] = "2"
    log = {
        **ours,
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(LOG_KEPT_MS),
        "retention.bytes": "-1",
    }
    compacted = {**ours, "cleanup.policy": "compact"}
    cursor = {
        **compacted,
        "segment.ms": str(CURSOR_SEGMENT_MS),
        "segment.bytes": str(CURSOR_SEGMENT_BYTES),
        "min.cleanable.dirty.ratio": "0.1",
    }
    reply = {**ours, "retention.ms": str(REPLIES_KEPT_MS)}
    rewards = {**ours, "retention.ms": str(REWARDS_KEPT_MS), "retention.bytes": "-1"}
    found = [
        Wanted(names.internal, many, log, counted=True),
        Wanted(names.effect, many, log, counted=True),
        Wanted(names.definition, 1, compacted, counted=True),
        Wanted(names.cursor, 1, cursor, counted=True),
        # One partition: what is learnt depends on the order of all rewards.
        Wanted(names.out("reward"), 1, rewards, counted=True),
        Wanted(names.model, 1, cursor, counted=True),
        Wanted(names.out("profile"), many, compacted),
        Wanted(names.reply, 1, reply),
        Wanted(names.outcome, many, _RAW),
        *(Wanted(names.out(kind), many, ours) for kind in _PLAIN),
    ]
    if program is not None:
        found += _channel_topics(names, program, many, ours)
    return list({topic.name: topic for topic in found}.values())


_RAW: Final = {"message.timestamp.type": "LogAppendTime"}
"""Of the topics that events come in by, but for those that a topology names, which are others': a
record's timestamp is the broker's, so that no producer's clock says what lies in the future."""
_PLAIN: Final = ("decision", "transition", "identity", "dead_letter")


def _channel_topics(
    names: Names, program: Program, partitions: int, ours: Mapping[str, str]
) -> list[Wanted]:
    found = []
    for channel in program.channels.values():
        if channel.input is not None:
            own = _RAW if channel.input.prefixed else {}
            found.append(Wanted(names.source(channel.input), partitions, own))
        target = names.target(channel)
        if target is not None:
            found.append(Wanted(target, partitions, ours if channel.output_prefixed else {}))
    return found


def channel_topics(settings: Settings, program: Program) -> list[str]:
    """Return the topics that only this program's channels need."""
    names = Names(settings.topic_prefix)
    return [topic.name for topic in _channel_topics(names, program, 1, {})]


# --- create and verify ---------------------------------------------------------------------------


def create(settings: Settings, program: Program | None) -> Outcome:
    """Make the topics that are missing; say what differs in those that were there.

    Raises RefusalError where the broker refuses one or does not show it, RetryError where it is
    away.
    """
    admin = Admin(settings)
    wanted = wanted_topics(settings, program)
    there = admin.describe(topic.name for topic in wanted)
    missing = [topic for topic in wanted if topic.name not in there]
    if missing:
        _create(admin, settings, missing)
    old = [topic for topic in wanted if topic.name in there]
    return Outcome([topic.name for topic in missing], _differences(admin, settings, old, there))


def verify(settings: Settings, program: Program | None) -> list[Difference]:
    """Return every difference; none means that all is well. Raises RetryError."""
    admin = Admin(settings)
    wanted = wanted_topics(settings, program)
    there = admin.describe(topic.name for topic in wanted)
    return _differences(admin, settings, wanted, there)


def require_log(admin: Admin, settings: Settings, *names: str) -> dict[str, Topic]:
    """Return private topics, as many partitions as the installation, with room for any frame.

    Raises RefusalError.
    """
    found = admin.require(names)
    key = "max.message.bytes"
    for name, config in configs_of(admin, list(found)).items():
        if not _suffices(key, config.get(key, "-1"), str(RECORD_BYTES_MAX)):
            raise RefusalError(
                f"the topic {name} takes records of {config[key]} bytes; a frame may have "
                f"{RECORD_BYTES_MAX}, and one that is refused would be so for ever: "
                f"{_alter(settings, name, key, str(RECORD_BYTES_MAX))}"
            )
    for topic in found.values():
        if topic.partitions != settings.partitions:
            raise RefusalError(
                f"the topic {topic.name} has {topic.partitions} partitions, the installation "
                f"{settings.partitions}: set CJO_PARTITIONS to the number this installation was "
                "created with; `cjo-stream topics verify` says what else differs"
            )
    return found


def _create(admin: Admin, settings: Settings, missing: list[Wanted]) -> None:
    new = [
        NewTopic(topic.name, topic.partitions, settings.replication_factor, config=_plain(topic))
        for topic in missing
    ]
    for name, future in admin.client.create_topics(new, request_timeout=TIMEOUT_S).items():
        try:
            admin.result(future)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise RefusalError(
                    f"the broker does not create {name} ({error}). Set CJO_REPLICATION_FACTOR to "
                    "at most its number of brokers; or allow this user to create topics, or make "
                    "it yourself as `cjo-stream topics verify` then says. Run this again: it "
                    "leaves what there is"
                ) from error
    until_s = time.monotonic() + TIMEOUT_S
    # What the controller has made, the broker that is asked next may learn a moment later.
    while time.monotonic() < until_s:
        if len(admin.describe(topic.name for topic in missing)) == len(missing):
            return
        time.sleep(SEEN_POLL_S)
    admin.require(topic.name for topic in missing)


def _plain(topic: Wanted) -> dict[str, str]:
    return dict(topic.config)


def _differences(
    admin: Admin, settings: Settings, wanted: list[Wanted], there: dict[str, Topic]
) -> list[Difference]:
    configs = configs_of(
        admin, [topic.name for topic in wanted if topic.name in there and topic.config]
    )
    found = []
    for topic in wanted:
        actual = there.get(topic.name)
        if actual is None:
            mend = "cjo-stream topics create TOPOLOGY"
            found.append(Difference(topic.name, "topic", "missing", "there", mend))
            continue
        found += _shape_differences(settings, topic, actual)
        found += [
            Difference(topic.name, key, is_, must, _alter(settings, topic.name, key, must))
            for key, must in topic.config.items()
            if not _suffices(key, is_ := configs[topic.name].get(key, ""), must)
        ]
    return found


def _shape_differences(settings: Settings, topic: Wanted, actual: Topic) -> list[Difference]:
    found = []
    if topic.counted and actual.partitions != topic.partitions:
        several = topic.partitions != 1
        mend = (
            f"set CJO_PARTITIONS={actual.partitions}, if the installation was created with that; "
            "the number cannot change: another one is a new installation (CJO_TOPIC_PREFIX)"
            if several
            else f"{_tool(settings, 'topics')} --delete --topic {topic.name}, then "
            "cjo-stream topics create TOPOLOGY, then cjo-stream apply TOPOLOGY"
        )
        found.append(
            Difference(
                topic.name, "partitions", str(actual.partitions), str(topic.partitions), mend
            )
        )
    if topic.config and actual.replicas < settings.replication_factor:
        found.append(
            Difference(
                topic.name,
                "replicas",
                str(actual.replicas),
                str(settings.replication_factor),
                f"{_tool(settings, 'reassign-partitions')} --execute "
                "--reassignment-json-file FILE, with a file that names more replicas",
            )
        )
    return found


def configs_of(admin: Admin, names: list[str]) -> dict[str, dict[str, str]]:
    """Return the configuration of topics that exist, by name; raises RetryError."""
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    futures = admin.client.describe_configs(resources, request_timeout=TIMEOUT_S)
    try:
        return {
            resource.name: {key: entry.value for key, entry in admin.result(future).items()}
            for resource, future in futures.items()
        }
    except KafkaException as error:
        raise away(error) from error


def _suffices(key: str, found: str, wanted: str) -> bool:
    if key not in _AT_LEAST:
        return found == wanted
    try:
        has, must = int(found), int(wanted)
    except ValueError:
        return False
    # -1 is without bound.
    return has == -1 or (must != -1 and has >= must)


def _alter(settings: Settings, topic: str, key: str, value: str) -> str:
    return (
        f"{_tool(settings, 'configs')} --alter --entity-type topics --entity-name {topic} "
        f"--add-config {key}={value}"
    )


def _tool(settings: Settings, name: str) -> str:
    servers = settings.kafka_properties()["bootstrap.servers"]
    return f"kafka-{name}.sh --bootstrap-server {servers}"
