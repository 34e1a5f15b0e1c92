"""The catalogue of records: every kind has a row, and what is drawn from it is whole."""

from __future__ import annotations

from typing import get_args

import msgspec

from cjo_stream.core import record
from cjo_stream.core.catalogue import ACTION, KIND_OF, RECORDS
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel, Input
from cjo_stream.core.record import Record, Withdrawal
from cjo_stream.kafka.topic.name import Names
from cjo_stream.kafka.topic.wanted import wanted_topics
from cjo_stream.settings import Settings

NOBODYS = {
    "cjo.definition.v1",
    "cjo.cursor.v1",
    "cjo.model.v1",
    "cjo.governance.v1",
    "cjo.hold.v1",
}
"""Topics with nothing of a person in them."""
PROGRAM = Program(
    topology="shop",
    channels={
        "web": Channel(name="web", input=Input(topic="event.web.v1", prefixed=True)),
        "mail": Channel(name="mail", output="action.mail.v1"),
    },
    identifiers={},
)


def test_every_record_that_goes_out_has_a_row() -> None:
    assert set(KIND_OF) == set(get_args(Record)) - {Withdrawal}
    assert len({kind.name for kind in RECORDS}) == len(RECORDS)


def test_every_struct_of_records_is_in_the_union_or_part_of_a_record() -> None:
    structs = {
        one.__name__
        for one in vars(record).values()
        if isinstance(one, type) and issubclass(one, msgspec.Struct) and one is not msgspec.Struct
    }
    _, drawn = msgspec.json.schema_components(get_args(Record))
    assert structs == set(drawn), "add the new struct to the union Record in core/record.py"


def test_the_key_of_a_record_is_a_field_of_it() -> None:
    for kind in RECORDS:
        fields = {field.name for field in msgspec.structs.fields(kind.struct)}
        assert kind.key is None or kind.key in fields, kind.name


def test_a_schema_is_named_as_the_record_names_itself() -> None:
    for kind in RECORDS:
        named = getattr(kind.struct, "__struct_fields__", ())
        if "schema" in named:
            assert kind.schema == msgspec.structs.fields(kind.struct)[0].default, kind.name


def test_every_topic_says_what_of_a_person_it_holds() -> None:
    wanted = wanted_topics(Settings(), PROGRAM)
    assert {topic.name for topic in wanted if topic.holds is None} == NOBODYS
    names, there = Names("cjo."), {topic.name for topic in wanted}
    assert {names.out(kind) for kind in RECORDS if kind is not ACTION} <= there
    assert {"cjo.event.web.v1", "cjo.action.mail.v1"} <= there


def test_rewards_and_replies_have_one_partition_however_many_others_have() -> None:
    wanted = wanted_topics(Settings(partitions=4), PROGRAM)
    alone = {topic.name for topic in wanted if topic.partitions == 1}
    assert alone >= {"cjo.reward.v1", "cjo.reply.v1"}
    assert {topic.partitions for topic in wanted} == {1, 4}
