import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel, Input
from cjo_stream.definition import load
from cjo_stream.errors import RefusalError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import reader
from cjo_stream.kafka.operator.checkup import checkup
from cjo_stream.kafka.topic.check import advice, create, require_log, verify
from cjo_stream.kafka.topic.name import Names
from cjo_stream.kafka.worker.process import _check_configs
from cjo_stream.settings import Settings
from tests.kafka.stages import make_topology, until
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

pytestmark = pytest.mark.kafka

PROGRAM = Program(
    topology="shop",
    channels={
        "web": Channel(name="web", input=Input(topic="event.web.v1", prefixed=True)),
        "mail": Channel(name="mail", output="action.mail.v1"),
    },
    identifiers={},
)

FOREIGN = """
topology: receipts
channels: {pos: {in: {topic: NAME}}}
identity: {identifiers: [{type: user_id}]}
"""


def test_topics_that_were_created_verify(settings: Settings) -> None:
    names = Names(settings.topic_prefix)
    missing = verify(settings, PROGRAM)
    assert {d.found for d in missing} == {"missing"}
    assert {names.internal, names.effect, f"{names.prefix}event.web.v1"} < {
        d.topic for d in missing
    }
    with pytest.raises(RefusalError, match="Set CJO_REPLICATION_FACTOR"):
        create(settings.model_copy(update={"replication_factor": 9}), PROGRAM)
    done = create(settings, PROGRAM)
    assert sorted(done.created) == sorted(d.topic for d in missing)
    assert verify(settings, PROGRAM) == []
    again = create(settings, PROGRAM)
    assert (again.created, again.differences) == ([], [])


def test_a_producers_clock_does_not_reach_a_raw_topic(settings: Settings) -> None:
    create(settings, PROGRAM)
    topic = f"{settings.topic_prefix}event.web.v1"
    year_ms = 365 * 86_400_000
    now_ms = round(time.time() * 1000)
    producer = Producer(settings.kafka_properties())
    producer.produce(topic, b"{}", partition=0, timestamp=now_ms + year_ms)
    assert producer.flush(10) == 0
    consumer = reader(settings, {(topic, 0): 0})
    message = consumer.poll(10)
    consumer.close()
    assert message is not None
    assert message.timestamp()[1] < now_ms + 60_000


def test_of_a_topic_of_others_it_is_said_that_its_times_are_those_of_its_producers(
    settings: Settings, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{settings.topic_prefix}receipts"
    folder = make_topology(tmp_path / "pos", FOREIGN.replace("NAME", name))
    program = load(folder).program
    assert advice(settings, program) == [], "it is missing: that is a difference"
    create(settings, program)
    assert advice(settings, program) == [], "we have made it"
    alter(Admin(settings), name, "message.timestamp.type=CreateTime")
    assert until(lambda: advice(settings, program))
    (one,) = advice(settings, program)
    assert (one.topic, one.what, one.found) == (name, "message.timestamp.type", "CreateTime")
    assert verify(settings, program) == []
    notes = [found for found in checkup(settings, program) if found.level == "note"]
    assert [(found.area, found.do) for found in notes] == [("topics", one.mend)]
    for variable, value in (
        ("KAFKA__BOOTSTRAP_SERVERS", settings.kafka_properties()["bootstrap.servers"]),
        ("TOPIC_PREFIX", settings.topic_prefix),
        ("PARTITIONS", str(settings.partitions)),
    ):
        monkeypatch.setenv(f"CJO_{variable}", str(value))
    done = cli("topics", "verify", folder)
    assert (done.code, "as they must be" in done.out) == (0, True), done.err
    assert f"warning: {name}: message.timestamp.type is CreateTime" in done.err
    assert one.mend in done.err
    alter(Admin(settings), name, one.mend.rpartition(" ")[2])
    assert until(lambda: not advice(settings, program))
    assert "warning" not in cli("topics", "verify", folder).err
    assert [found for found in checkup(settings, program) if found.level == "note"] == []


def test_every_difference_comes_with_what_mends_it(
    settings_of: Callable[..., Settings],
) -> None:
    settings = settings_of()
    create(settings, PROGRAM)
    names = Names(settings.topic_prefix)
    admin = AdminClient({**settings.kafka_properties()})
    resource = ConfigResource(
        ResourceType.TOPIC,
        names.internal,
        incremental_configs=[
            ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET),
            ConfigEntry(
                "message.timestamp.type",
                "CreateTime",
                incremental_operation=AlterConfigOpType.SET,
            ),
        ],
    )
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(10)
    other = settings.model_copy(update={"partitions": 3})
    until = time.monotonic() + 10
    # The broker that answers may learn of the change a moment later.
    while len(differences := verify(other, PROGRAM)) < 5 and time.monotonic() < until:
        pass
    found = {(d.topic, d.what): d for d in differences}
    assert set(found) == {
        (names.internal, "retention.ms"),
        (names.internal, "message.timestamp.type"),
        (names.internal, "partitions"),
        (names.effect, "partitions"),
        (names.held, "partitions"),
    }
    assert "--add-config retention.ms=604800000" in found[names.internal, "retention.ms"].mend
    assert "CJO_PARTITIONS=2" in found[names.effect, "partitions"].mend
    with pytest.raises(RefusalError, match="CJO_PARTITIONS"):
        require_log(Admin(other), other, names.internal)
    assert require_log(Admin(settings), settings, names.internal)


def test_a_missing_topic_is_refused_with_the_command_that_makes_it(settings: Settings) -> None:
    with pytest.raises(RefusalError, match="topics create"):
        require_log(Admin(settings), settings, Names(settings.topic_prefix).internal)
    create(settings, PROGRAM)
    assert require_log(Admin(settings), settings, Names(settings.topic_prefix).internal)


def test_a_topic_without_room_for_a_frame_is_refused_with_the_command_that_makes_it(
    settings: Settings,
) -> None:
    create(settings, PROGRAM)
    internal, admin = Names(settings.topic_prefix).internal, Admin(settings)

    alter(admin, internal, "max.message.bytes=1000")
    said = refused(lambda: require_log(admin, settings, internal))
    assert "takes records of 1000 bytes" in said
    (setting,) = re.findall(r"--add-config (\S+)", said)
    alter(admin, internal, setting)
    assert until(lambda: taken(lambda: require_log(admin, settings, internal)))


def test_a_log_that_would_forget_is_refused_with_the_command_that_mends_it(
    settings: Settings,
) -> None:
    create(settings, PROGRAM)
    internal, admin = Names(settings.topic_prefix).internal, Admin(settings)
    alter(admin, internal, "cleanup.policy=compact")
    said = refused(lambda: _check_configs(settings, internal))
    assert "has cleanup.policy=compact, and must have delete" in said
    (setting,) = re.findall(r"--add-config (\S+)", said)
    alter(admin, internal, setting)
    assert until(lambda: taken(lambda: _check_configs(settings, internal)))


def alter(admin: Admin, topic: str, setting: str) -> None:
    name, value = setting.split("=")
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    change = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    for future in admin.client.incremental_alter_configs([change]).values():
        admin.result(future)


def refused(check: Callable[[], object]) -> str:
    """Return what a check says against a change, of which the broker may learn a moment later."""
    said: list[str] = []

    def says() -> bool:
        try:
            check()
        except RefusalError as error:
            said.append(str(error))
        return bool(said)

    until(says)
    return said[0]


def taken(check: Callable[[], object]) -> bool:
    try:
        check()
    except RefusalError:
        return False
    return True
