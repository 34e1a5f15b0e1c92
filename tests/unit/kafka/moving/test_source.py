"""Where intake of a new installation begins in the topics that the old one read."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cjo_stream.engine.codec import UNKNOWN
from cjo_stream.engine.frame import START
from cjo_stream.engine.intake import SWITCHED_OFF, read_metadata
from cjo_stream.engine.moving import Part, part_of
from cjo_stream.engine.port import Log
from cjo_stream.errors import RefusalError, RetryError
from cjo_stream.installation.customer_base import SourceLane
from cjo_stream.kafka.client.place import Place, Topic
from cjo_stream.kafka.moving.source import Sources, commit, positions, taken_beyond
from cjo_stream.kafka.position.position import Found, Position, start_of_intake
from cjo_stream.settings import Settings
from cjo_stream.store.memory import MemoryStore

LANE = SourceLane(
    topic="web",
    partition=0,
    topic_id="web-id",
    offset=70,
    set_number=3,
    digest=12345,
    blank=1,
    unread=0,
)
MAX_END = 100


def found(
    lane: SourceLane = LANE,
    topic_id: str | None = "web-id",
    said: Sources = Sources.THE_SAME,
    read: frozenset[str] = frozenset({"web"}),
    end: int = MAX_END,
) -> Mapping[Place, Position]:
    topics = {} if topic_id is None else {"web": Topic("web", topic_id, 1, 1)}
    return positions([lane], topics, read, "internal-id", said, {("web", 0): (50, end)})


def test_where_intake_goes_on_is_told_or_must_be() -> None:
    for topic_id, said, digest in (
        ("web-id", Sources.THE_SAME, 12345),
        ("web-id", Sources.MIRRORED, 12345),
        ("mirror", Sources.MIRRORED, UNKNOWN),
    ):
        (position,) = found(topic_id=topic_id, said=said).values()
        begun = Found(
            ("web", 0), topic_id, "internal-id", 50, MAX_END, "group", position, position
        )
        start = start_of_intake(begun)
        assert (start.offset, start.digest, start.blank) == (70, digest, 1)
        committed = read_metadata(start.metadata or "")
        assert (committed.topic_id, committed.set_number) == (topic_id, 3)
        assert committed.distances == {}, "nothing was sent to the new partitions"
    with pytest.raises(RefusalError, match=r"--mirrored if .* --from-beginning if"):
        found(topic_id="another")
    assert found(topic_id="another", said=Sources.FROM_BEGINNING) == {}
    with pytest.raises(RefusalError, match="Wait until the mirror has caught up"):
        found(topic_id="mirror", said=Sources.MIRRORED, end=68)


def test_no_event_is_left_in_a_topic_that_nobody_reads_any_more() -> None:
    elsewhere = frozenset({"new.web"})
    with pytest.raises(RefusalError, match="29 records unread"):
        found(read=elsewhere)
    assert found(read=elsewhere, end=71) == {}
    unread = SourceLane(**{name: getattr(LANE, name) for name in LANE.__struct_fields__})
    assert found(unread, topic_id=None, read=elsewhere) == {}


def test_a_topic_that_was_taken_out_keeps_its_place_or_is_left() -> None:
    fields = {name: getattr(LANE, name) for name in LANE.__struct_fields__}
    off = SourceLane(**{**fields, "set_number": SWITCHED_OFF, "unread": 30})
    assert found(off, read=frozenset())[("web", 0)].offset == 70
    assert found(off, topic_id=None, read=frozenset()) == {}


def part(accepted: int | None) -> Part:
    empty = part_of(MemoryStore(), 0)
    lanes = {} if accepted is None else {Log("web-id", 0): (accepted, 0)}
    return Part(empty.meta, empty.sets, empty.models, lanes, empty.sent)


def test_what_tasks_took_beyond_intakes_note_is_told() -> None:
    assert START < (0, 0)
    assert list(taken_beyond([LANE], [part(None), part(69)])) == []
    (told,) = taken_beyond([LANE], [part(3), part(70)])
    assert "web/0: start it, and end it by SIGTERM" in told


@pytest.mark.slow  # a broker that is away is waited for
def test_positions_that_no_broker_takes_are_not_laid_at_intake_s_door() -> None:
    away = {"bootstrap.servers": "127.0.0.1:9", "session.timeout.ms": "1000"}
    settings = Settings(
        kafka=away, tenant_key="a key for tests of this page", session_timeout_ms=6000
    )
    with pytest.raises(RetryError, match="the broker does not answer") as refused:
        commit(settings, {("web", 0): Position(0, "")})
    assert "intake" not in str(refused.value)
