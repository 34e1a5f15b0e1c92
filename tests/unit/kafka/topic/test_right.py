"""Which rights each process needs on the broker."""

import json
import shlex

from cjo_stream.core.catalogue import ACTION
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel, Input
from cjo_stream.insight.layer.table import SOURCES
from cjo_stream.kafka.stage.route import sources
from cjo_stream.kafka.topic.name import Names
from cjo_stream.kafka.topic.right import PROCESSES, Right, command, rights
from cjo_stream.kafka.topic.wanted import PRIVATE, wanted_topics
from cjo_stream.settings import Settings
from tests.world.command_line import SHOP, Cli, cli

__all__ = ["cli"]

PROGRAM = Program(
    topology="shop",
    channels={
        "web": Channel(name="web", input=Input(topic="event.web.v1", prefixed=True)),
        "pos": Channel(name="pos", input=Input(topic="pos.receipts", prefixed=False)),
        "mail": Channel(name="mail", output="action.mail.v1", output_prefixed=True),
        "desk": Channel(name="desk", output="desk.work", output_prefixed=False),
    },
    identifiers={},
)
SETTINGS = Settings(topic_prefix="acme.", group="shop")
NAMES = Names("acme.")
TARGETS = {"acme.action.mail.v1", "desk.work"}


def may(process: str, operation: str, resource: str = "topic") -> set[str]:
    return {
        one.name
        for one in rights(SETTINGS, PROGRAM)
        if (one.process, one.resource) == (process, resource) and operation in one.operations
    }


def test_every_topic_is_made_by_one_and_written_and_read_by_those_that_know_it() -> None:
    every = {topic.name for topic in wanted_topics(SETTINGS, PROGRAM)}
    assert may("create", "Create") == every
    events = set(sources(PROGRAM, NAMES))
    assert may("intake", "Read") == {*events, NAMES.definition, NAMES.cursor}
    assert may("dispatch", "Write") >= {*TARGETS, *NAMES.records()}
    sunk = {NAMES.out(one.kind) for one in SOURCES if one.kind is not ACTION}
    assert may("insight", "Read") == {*events, *TARGETS, *sunk, NAMES.definition}
    assert may("operator", "Read") >= {*TARGETS, *NAMES.records()}
    assert may("operator", "DescribeConfigs") == every
    ours = {NAMES.of(row.name) for row in PRIVATE if row.is_ours}
    for operation in ("Read", "Write"):
        assert set.union(*(may(one, operation) for one in PROCESSES)) >= ours
    # Who only reads is never given more.
    assert not set.union(*(may("insight", one) for one in ("Write", "Create", "Delete")))
    held = {one for one in PROCESSES if may(one, "Delete")}
    assert (held, may("dispatch", "Delete")) == ({"dispatch"}, {NAMES.held})


def test_rights_follow_prefix_and_group_and_each_is_named_once() -> None:
    found = list(rights(SETTINGS, PROGRAM))
    assert len({(one.process, one.resource, one.name) for one in found}) == len(found)
    assert all(len(set(one.operations)) == len(one.operations) for one in found)
    foreign = {"pos.receipts", "desk.work", "*"}
    assert {one.name for one in found if not one.name.startswith("acme.")} == foreign
    assert may("dispatch", "Describe", "group") == {"acme.reader", "*"}
    assert may("worker", "Read", "group") == {"acme.shop.worker"}
    prefixed = [one for one in found if one.is_prefix]
    slots = "acme.shop.dispatch."
    assert prefixed == [Right("dispatch", "transactional-id", slots, ("Write",), True)]


def test_without_a_topology_the_channels_topics_are_left_out() -> None:
    whole = {one.name for one in rights(SETTINGS, PROGRAM)}
    own = {one.name for one in rights(SETTINGS, None)}
    assert whole - own == {"acme.event.web.v1", "pos.receipts", *TARGETS}
    assert own < whole


def test_a_topic_that_is_two_channels_is_named_once_with_all_its_operations() -> None:
    loop = Channel(
        name="loop", input=Input(topic="x", prefixed=False), output="x", output_prefixed=False
    )
    program = Program(topology="t", channels={"loop": loop}, identifiers={})
    found = [one for one in rights(SETTINGS, program) if one.name == "x"]
    assert {one.process: one.operations for one in found}["operator"] == (
        "Write",
        "DescribeConfigs",
        "Read",
    )


def test_a_command_is_one_line_of_a_shell() -> None:
    right = Right("dispatch", "group", "*", ("Describe",))
    line = command(right, "User:CN=ann, O=acme", "kafka:9092")
    assert line.endswith("--group '*'")
    assert shlex.split(line)[5:7] == ["User:CN=ann, O=acme", "--operation"]
    slots = Right("dispatch", "transactional-id", "a.", ("Write",), is_prefix=True)
    assert command(slots, "User:x", "k:1") == (
        "kafka-acls.sh --bootstrap-server k:1 --add --allow-principal User:x --operation Write "
        "--transactional-id a. --resource-pattern-type prefixed"
    )


def test_acl_prints_a_table_lines_or_json(cli: Cli) -> None:
    told = cli("topics", "acl", SHOP)
    assert "cjo.cjo.dispatch.*" in told.out
    given = ("--user", "worker=User:ann", "--user", "learn=User:CN=ben, O=acme")
    lines = cli("topics", "acl", SHOP, "--commands", *given).out.splitlines()
    users = {shlex.split(line)[5] for line in lines}
    named = {"User:ann", "User:CN=ben, O=acme"}
    others = {f"User:cjo-{one}" for one in PROCESSES if one not in ("worker", "learn")}
    assert users == named | others
    rows = json.loads(cli("topics", "acl", SHOP, "--json", *given).out)
    assert [row["command"] for row in rows] == lines
    assert {row["user"] for row in rows if row["process"] == "worker"} == {"User:ann"}


def test_a_user_of_no_process_is_refused_until_it_is_named_as_said(cli: Cli) -> None:
    told = cli("topics", "acl", "--user", "wroker=User:ann")
    assert told.code == 2
    assert "did you mean worker? Name one of intake, worker" in told.err
    for wrong in ("worker", "worker=ann", "worker=User:"):
        told = cli("topics", "acl", "--user", wrong)
        assert told.code == 2
        assert "write it as the broker does, worker=User:name" in told.err
    assert cli("topics", "acl", "--user", "worker=User:name").code == 0
