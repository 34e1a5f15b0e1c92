"""Which topics an installation needs, and how they must be."""

from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel, Input
from cjo_stream.kafka.topic.wanted import wanted_topics
from cjo_stream.settings import Settings

PROGRAM = Program(
    topology="shop",
    channels={
        "web": Channel(name="web", input=Input(topic="event.web.v1", prefixed=True)),
        "pos": Channel(name="pos", input=Input(topic="pos.receipts", prefixed=False)),
    },
    identifiers={},
)


def test_raw_topics_of_ours_tell_the_brokers_time_and_no_producers() -> None:
    topics = {topic.name: topic for topic in wanted_topics(Settings(), PROGRAM)}
    wanted = {name: topic.config for name, topic in topics.items()}
    for name in ("cjo.event.web.v1", "cjo.outcome.v1", "cjo.internal.v1", "cjo.effect.v1"):
        assert wanted[name]["message.timestamp.type"] == "LogAppendTime"
    assert wanted["pos.receipts"] == {}
    assert {name for name, topic in topics.items() if topic.advised} == {"pos.receipts"}
    assert topics["pos.receipts"].advised["message.timestamp.type"] == "LogAppendTime"
