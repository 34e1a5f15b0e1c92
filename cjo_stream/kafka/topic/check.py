"""Creates topics, compares them with the required configuration, and requires them."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Final

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined] # exported

from cjo_stream.core.program.program import Program
from cjo_stream.engine.frame import RECORD_BYTES_MAX
from cjo_stream.errors import RefusalError
from cjo_stream.kafka.client.admin import TIMEOUT_S, Admin
from cjo_stream.kafka.client.error import away
from cjo_stream.kafka.client.permission import check_allowed, of_topic
from cjo_stream.kafka.client.place import Topic
from cjo_stream.kafka.topic.wanted import Wanted, wanted_topics
from cjo_stream.settings import Settings

SEEN_POLL_S: Final = 0.05

OLD: Final = "its events seem as old as their producers say, and their commands as late"
"""Why an `advice` is given."""
_AT_LEAST: Final = ("max.message.bytes", "retention.ms", "retention.bytes", "min.insync.replicas")


class Difference(msgspec.Struct, frozen=True):
    """A property in which a topic differs from what is required, and the command that mends it."""

    topic: str
    what: str
    found: str
    wanted: str
    mend: str


class Outcome(msgspec.Struct, frozen=True):
    """The topics that `create` made, and the differences that it found and left."""

    created: list[str]
    differences: list[Difference]


def create(settings: Settings, program: Program | None) -> Outcome:
    """Make missing topics; return them, and the differences of existing ones.

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


def verify(
    settings: Settings, program: Program | None, only: Collection[str] | None = None
) -> list[Difference]:
    """Return every difference; none means that all is well. Raises RetryError.

    `only`: of these topics, and no other is looked at.
    """
    admin = Admin(settings)
    wanted = [
        topic for topic in wanted_topics(settings, program) if only is None or topic.name in only
    ]
    there = admin.describe(topic.name for topic in wanted)
    return _differences(admin, settings, wanted, there)


def advice(settings: Settings, program: Program | None) -> list[Difference]:
    """Return how topics that a topology names had better be; raises RetryError.

    Of events with their producers' times it is not known when they were received.
    """
    admin = Admin(settings)
    wanted = [topic for topic in wanted_topics(settings, program) if topic.advised]
    there = admin.describe(topic.name for topic in wanted)
    configs = configs_of(admin, list(there))
    return [
        difference
        for topic in wanted
        if topic.name in there
        for difference in _config_differences(
            settings, topic.name, configs[topic.name], topic.advised
        )
    ]


def require_log(admin: Admin, settings: Settings, *names: str) -> dict[str, Topic]:
    """Return private topics.

    Raises RefusalError unless each has room for any frame, and as many partitions as the
    installation.
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
                "created with; `cjo-stream topics verify` says what else differs, and how to "
                "change the number"
            )
    return found


def _create(admin: Admin, settings: Settings, missing: list[Wanted]) -> None:
    copies = settings.replication_factor
    new = [
        NewTopic(topic.name, topic.partitions, copies, config={**topic.advised, **topic.config})
        for topic in missing
    ]
    for name, future in admin.client.create_topics(new, request_timeout=TIMEOUT_S).items():
        try:
            admin.result(future)
        except KafkaException as error:
            check_allowed(error, f"to create {name}", of_topic("Create", name))
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise RefusalError(
                    f"the broker does not create {name} ({error}). Set CJO_REPLICATION_FACTOR to "
                    "at most its number of brokers, or make it yourself as `cjo-stream topics "
                    "verify` then says. Run this again: it leaves what there is"
                ) from error
    until_s = time.monotonic() + TIMEOUT_S
    # Another broker may learn of the new topics a moment after the controller has made them.
    while time.monotonic() < until_s:
        if len(admin.describe(topic.name for topic in missing)) == len(missing):
            return
        time.sleep(SEEN_POLL_S)
    admin.require(topic.name for topic in missing)


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
        if topic.config:
            config = configs[topic.name]
            found += _config_differences(settings, topic.name, config, topic.config)
    return found


def _config_differences(
    settings: Settings, topic: str, config: Mapping[str, str], wanted: Mapping[str, str]
) -> list[Difference]:
    return [
        Difference(topic, key, is_, must, _alter(settings, topic, key, must))
        for key, must in wanted.items()
        if not _suffices(key, is_ := config.get(key, ""), must)
    ]


def _shape_differences(settings: Settings, topic: Wanted, actual: Topic) -> list[Difference]:
    found = []
    if topic.counted and actual.partitions != topic.partitions:
        several = topic.partitions != 1
        mend = (
            f"set CJO_PARTITIONS={actual.partitions}, if the installation was created with that; "
            "to change the number, move its customers: `cjo-stream base export DIR`, new topics, "
            "`cjo-stream base import DIR`"
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
    found = {}
    for resource, future in futures.items():
        try:
            entries = admin.result(future)
        except KafkaException as error:
            what = f"to see the configuration of {resource.name}"
            raise away(error, what, of_topic("DescribeConfigs", resource.name)) from error
        found[resource.name] = {key: entry.value for key, entry in entries.items()}
    return found


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
