import pytest

from cjo_stream.engine.dispatch import Dispatch
from cjo_stream.engine.intake import read_metadata
from cjo_stream.errors import RefusalError
from cjo_stream.kafka.position.position import (
    Found,
    Position,
    Start,
    Words,
    joined,
    start_of_dispatch,
    start_of_intake,
)

RESTORE, WITHOUT_LOST = Words(restore=True), Words(without_lost=True)
RAW, INTERNAL, EFFECT = "raw-id", "internal-id", "effect-id"


def raw(
    committed: Position | None = None,
    copy: Position | None = None,
    *,
    topic_id: str = RAW,
    first: int = 0,
    end: int = 100,
) -> Found:
    return Found(("web", 0), topic_id, INTERNAL, first, end, "group", committed, copy)


def effect(
    committed: Position | None = None,
    copy: Position | None = None,
    *,
    topic_id: str = EFFECT,
    first: int = 0,
    end: int = 100,
    internal_id: str = INTERNAL,
) -> Found:
    return Found(("effect", 0), topic_id, internal_id, first, end, "group", committed, copy)


TAKEN = Position(50, f"{INTERNAL} {RAW} 3 0:5")
SENT = Position(50, f"{EFFECT} {INTERNAL} 7 0")


def test_intake_goes_on_from_what_it_committed() -> None:
    assert start_of_intake(raw(TAKEN)) == Start(50, f"{RAW} 3 0:5")


def test_intake_begins_a_new_raw_topic_at_the_first_record_it_holds() -> None:
    assert start_of_intake(raw(first=7)) == Start(7, None)


@pytest.mark.parametrize("found", [raw(TAKEN, topic_id="new"), raw(None, TAKEN, topic_id="new")])
def test_a_raw_topic_created_anew_is_a_new_lane(found: Found) -> None:
    assert start_of_intake(found) == Start(0, None)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (raw(TAKEN, first=51), "51 to 100"),
        (raw(TAKEN, end=49), "0 to 49"),
        (raw(Position(50, "")), "did not commit"),
        (raw(Position(50, f"other {RAW} 3 0:5")), "another internal topic"),
        (raw(None, TAKEN), "restore-offsets"),
    ],
)
def test_intake_refuses_what_would_lose_or_double_something(found: Found, words: str) -> None:
    with pytest.raises(RefusalError, match=words):
        start_of_intake(found)


def test_a_channel_put_back_after_retention_goes_on_with_the_first_record_there_is() -> None:
    out = Position(50, f"{INTERNAL} {RAW} 0 2:5")
    start = start_of_intake(raw(out, first=80))
    assert start.offset == 80
    before, now = read_metadata(f"{RAW} 0 2:5"), read_metadata(start.metadata or "")
    assert (now.topic_id, now.set_number) == (RAW, 0)
    # What it sent last keeps its number, so the tasks find no hole.
    assert {to: 80 - away for to, away in now.distances.items()} == {
        to: 50 - away for to, away in before.distances.items()
    }
    silent = Position(50, f"{INTERNAL} {RAW} 0")
    assert start_of_intake(raw(silent, first=80)) == Start(80, f"{RAW} 0")
    # Still there: nothing is left out. And a log that lost its end is refused as ever.
    assert start_of_intake(raw(silent, first=10)).offset == 50
    with pytest.raises(RefusalError, match="lost its end"):
        start_of_intake(raw(silent, end=49))


def test_a_channel_put_back_when_its_offset_has_expired_goes_on_from_the_copy() -> None:
    out = Position(50, joined(INTERNAL, f"{RAW} 0 2:5", 7))
    assert start_of_intake(raw(None, out)) == Start(50, f"{RAW} 0 2:5", 7)
    after_retention = start_of_intake(raw(None, out, first=80))
    assert after_retention == start_of_intake(raw(out, first=80))
    assert after_retention.offset == 80
    with pytest.raises(RefusalError, match="lost its end"):
        start_of_intake(raw(None, out, end=49))
    with pytest.raises(RefusalError, match="another internal topic"):
        start_of_intake(raw(None, Position(50, f"other {RAW} 0 2:5")))


@pytest.mark.parametrize("offset", [40, 50])
def test_a_commit_that_comes_late_does_not_bring_back_a_set_that_intake_has_left(
    offset: int,
) -> None:
    late = Position(offset, f"{INTERNAL} {RAW} 2")
    assert start_of_intake(raw(late, TAKEN)) == Start(50, f"{RAW} 3 0:5")


@pytest.mark.parametrize(
    "copy",
    [
        Position(49, f"{INTERNAL} {RAW} 2"),
        Position(60, f"other {RAW} 2"),
        Position(60, f"{INTERNAL} other 2"),
    ],
)
def test_intake_does_not_go_by_a_copy_that_is_older_or_of_another_log(copy: Position) -> None:
    assert start_of_intake(raw(TAKEN, copy)) == Start(50, f"{RAW} 3 0:5")


def test_dispatch_refuses_an_offset_that_it_did_not_commit() -> None:
    with pytest.raises(RefusalError, match="dispatch did not commit"):
        start_of_dispatch(effect(Position(7, ""), SENT))


def test_an_operator_may_have_intake_go_on_from_the_copy() -> None:
    for theirs in ("", f"{INTERNAL} theirs"):
        with pytest.raises(RefusalError, match="delete the group's offsets"):
            start_of_intake(raw(Position(50, theirs), TAKEN), RESTORE)
    with pytest.raises(RefusalError, match="once with --restore-offsets"):
        start_of_intake(raw(None, TAKEN))
    assert start_of_intake(raw(None, TAKEN), RESTORE) == Start(50, f"{RAW} 3 0:5")
    with pytest.raises(RefusalError, match="0 to 49"):
        start_of_intake(raw(None, TAKEN, end=49), RESTORE)


def test_dispatch_goes_on_from_what_it_committed() -> None:
    assert start_of_dispatch(effect(SENT)) == Start(50, f"{INTERNAL} 7 0")


def test_dispatch_begins_a_new_installation_at_the_first_effect_there_ever_was() -> None:
    assert start_of_dispatch(effect()) == Start(0, None)
    with pytest.raises(RefusalError, match="never sent"):
        start_of_dispatch(effect(first=1))


def test_an_effect_topic_created_anew_is_held_against_the_cursor() -> None:
    found = effect(None, SENT, topic_id="new")
    assert start_of_dispatch(found) == Start(0, f"{INTERNAL} 7 0")
    both_new = effect(None, SENT, topic_id="new", internal_id="new too")
    assert start_of_dispatch(both_new) == Start(0, None)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (effect(SENT, first=51), "51 to 100"),
        (effect(SENT, end=49), "0 to 49"),
        (effect(None, SENT), "restore-offsets"),
    ],
)
def test_dispatch_refuses_what_would_lose_or_double_something(found: Found, words: str) -> None:
    with pytest.raises(RefusalError, match=words):
        start_of_dispatch(found)


def test_an_operator_may_have_dispatch_go_on_from_the_copy() -> None:
    theirs = start_of_dispatch(effect(Position(50, f"{EFFECT} theirs"), SENT))
    with pytest.raises(RefusalError, match="delete the group's offsets"):
        Dispatch("effect").resume(0, theirs.metadata)
    start = start_of_dispatch(effect(None, SENT), RESTORE)
    assert start == Start(50, f"{INTERNAL} 7 0")
    Dispatch("effect").resume(0, start.metadata)


DIGEST = (1 << 64) - 1
"""The largest."""


def test_the_last_records_digest_stands_beside_a_position_and_says_nothing_else() -> None:
    taken = Position(50, joined(INTERNAL, f"{RAW} 3 0:5", DIGEST))
    assert start_of_intake(raw(taken)) == Start(50, f"{RAW} 3 0:5", DIGEST)
    assert start_of_intake(raw(None, taken), RESTORE) == Start(50, f"{RAW} 3 0:5", DIGEST)
    late = Position(50, joined(INTERNAL, f"{RAW} 2", 7))
    assert start_of_intake(raw(late, taken)).digest == DIGEST
    sent = Position(50, joined(EFFECT, f"{INTERNAL} 7 0", 0))
    assert start_of_dispatch(effect(sent)) == Start(50, f"{INTERNAL} 7 0", 0)
    with pytest.raises(RefusalError, match="intake did not commit"):
        start_of_intake(raw(Position(50, f"{INTERNAL}:?? {RAW} 3")))


@pytest.mark.parametrize("digest", [DIGEST, -1])
def test_markers_behind_the_position_are_no_records_that_are_gone(digest: int) -> None:
    """The last record lies at 49; transactions' markers, and what one aborted, at 50 to 52."""
    taken = Position(50, joined(INTERNAL, f"{RAW} 3 0:5", digest, 3))
    assert start_of_intake(raw(taken)) == Start(50, f"{RAW} 3 0:5", digest, 3)
    assert start_of_intake(raw(taken, first=50, end=50)).offset == 50
    for first in (51, 52, 53):
        start = start_of_intake(raw(taken, first=first))
        assert (start.offset, start.digest, start.blank) == (first, -1, 53 - first)
        now = read_metadata(start.metadata or "")
        assert (now.set_number, first - now.distances[0]) == (3, 45)
    with pytest.raises(RefusalError, match="gone that were never read"):
        start_of_intake(raw(taken, first=54))
    with pytest.raises(RefusalError, match="intake did not commit"):
        start_of_intake(raw(Position(50, f"{INTERNAL}::?? {RAW} 3")))


def test_of_a_position_and_its_copy_the_one_holds_that_was_read_further() -> None:
    before = Position(50, joined(INTERNAL, f"{RAW} 3 0:5", 7))
    marked = Position(50, joined(INTERNAL, f"{RAW} 3 0:5", 7, 1))
    assert start_of_intake(raw(marked, before)).blank == 1
    assert start_of_intake(raw(before, marked)).blank == 1


def test_where_no_record_of_before_is_gone_on_from_there_is_no_digest_to_hold_the_log_to() -> None:
    out = Position(50, joined(INTERNAL, f"{RAW} 0 2:5", 7))
    assert start_of_intake(raw(out, first=80)).digest == -1
    taken = Position(50, joined(INTERNAL, f"{RAW} 3 0:5", 7))
    assert start_of_intake(raw(taken, topic_id="new")) == Start(0, None)
    sent = Position(50, joined(EFFECT, f"{INTERNAL} 7 0", 7))
    anew = effect(sent, topic_id="new")
    assert start_of_dispatch(anew) == Start(0, f"{INTERNAL} 7 0")


def test_an_operator_may_have_intake_go_on_without_what_is_gone() -> None:
    with pytest.raises(RefusalError, match=r"records are gone .* once with --without-lost"):
        start_of_intake(raw(TAKEN, first=80))
    start = start_of_intake(raw(TAKEN, first=80), WITHOUT_LOST)
    before, now = read_metadata(f"{RAW} 3 0:5"), read_metadata(start.metadata or "")
    assert (start.offset, now.set_number) == (80, 3)
    # What it sent last keeps its number, so the tasks find no hole.
    assert 80 - now.distances[0] == 50 - before.distances[0]
    # Nothing is gone: the word says nothing.
    assert start_of_intake(raw(TAKEN), WITHOUT_LOST) == start_of_intake(raw(TAKEN))
    # Numbers of a lane are never given twice: behind a lost end only a new topic helps.
    with pytest.raises(RefusalError, match="delete the topic and run"):
        start_of_intake(raw(TAKEN, end=49), WITHOUT_LOST)
    assert start_of_intake(raw(TAKEN, topic_id="new", end=49)) == Start(0, None)


def test_an_operator_may_have_dispatch_go_on_without_what_is_gone() -> None:
    for gone, at in ((effect(SENT, first=51), 51), (effect(SENT, first=3, end=49), 3)):
        with pytest.raises(RefusalError, match="--without-lost"):
            start_of_dispatch(gone)
        assert start_of_dispatch(gone, WITHOUT_LOST) == Start(at, f"{INTERNAL} 7 0")
    never_sent = effect(first=5)
    with pytest.raises(RefusalError, match="--without-lost"):
        start_of_dispatch(never_sent)
    assert start_of_dispatch(never_sent, WITHOUT_LOST) == Start(5, None)
    assert start_of_dispatch(effect(SENT), WITHOUT_LOST).offset == 50


def test_an_internal_topic_created_anew_is_a_new_installation() -> None:
    anew = Position(50, f"other {RAW} 3 0:5")
    with pytest.raises(RefusalError, match="delete the group group and create the cursor topic"):
        start_of_intake(raw(anew, anew))
    assert start_of_intake(raw()) == Start(0, None)
