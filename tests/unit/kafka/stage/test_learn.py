"""The learner of an installation begins where the last one was, or says what is missing."""

from __future__ import annotations

import msgspec
import pytest

from cjo_stream.engine.codec import UNKNOWN
from cjo_stream.errors import RefusalError
from cjo_stream.kafka.stage.learn import Waiting
from cjo_stream.kafka.stage.lesson import check_reached
from cjo_stream.kafka.stage.memory import Reached, Standing
from cjo_stream.kafka.topic.name import Names

NAMES = Names("t.")


def check(reached: Reached, topic_id: str, first: int, end: int) -> None:
    check_reached(reached, NAMES.reward, "rewards", topic_id, (first, end), NAMES)


def test_it_goes_on_where_its_memory_ends() -> None:
    check(Reached("id", 7), "id", 0, 9)
    check(Reached("id", 7), "id", 7, 9)


def test_rewards_that_are_no_longer_kept_are_missed() -> None:
    with pytest.raises(RefusalError, match=r"from 7 on are not learnt.*delete t\.model\.v1"):
        check(Reached("id", 7), "id", 8, 9)
    with pytest.raises(RefusalError, match="from 7 on are not learnt"):
        check(Reached("id", 7, end=8), "id", 9, 9)


def test_the_marker_of_their_transaction_is_no_reward_that_is_missed() -> None:
    """The last reward lies at 6, its marker at 7; then retention takes both."""
    check(Reached("id", 7, end=8), "id", 8, 8)
    check(Reached("id", 7, end=8), "id", 7, 9)
    # A log that lost no more than the marker lost no reward.
    check(Reached("id", 7, end=8), "id", 0, 7)


def test_a_topic_that_was_created_anew_is_another_one() -> None:
    with pytest.raises(RefusalError, match=r"t\.reward\.v1 was created anew"):
        check(Reached("id", 7), "other", 0, 9)


def test_a_log_that_lost_its_end_is_refused() -> None:
    check(Reached("id", 9), "id", 0, 9)
    with pytest.raises(RefusalError, match=r"ends at 9.*lost its end.*delete t\.model\.v1"):
        check(Reached("id", 10), "id", 0, 9)


def test_a_memory_of_an_earlier_release_has_no_last_reward() -> None:
    earlier = {"topic_id": "id", "offset": 7, "rewards": 5, "number": 2, "digest": b"d"}
    standing = msgspec.msgpack.decode(msgspec.msgpack.encode(earlier), type=Standing)
    assert standing == Standing("id", 7, 5, 2, b"d", UNKNOWN, 0)
    assert standing.of_rewards == Reached("id", 7)
    assert standing.predictions is msgspec.UNSET


def test_what_was_learnt_waits_until_its_model_is_in_force() -> None:
    waiting = Waiting()
    assert waiting.seconds(50) == 0
    waiting.learnt(100)
    waiting.learnt(130)
    assert waiting.seconds(150) == 50
    waiting.remembered(160)
    waiting.learnt(170)
    assert waiting.seconds(180) == 80, "a partition does not take the model"
    waiting.remembered(190)
    assert waiting.seconds(200) == 100
    waiting.learnt(210)
    waiting.in_force()
    assert waiting.seconds(220) == 10, "what came after the model"
    waiting.remembered(230)
    waiting.in_force()
    assert waiting.seconds(240) == 0


def test_a_model_that_the_last_learner_left_unsent_waits_since_the_start() -> None:
    waiting = Waiting()
    waiting.remembered(100)
    assert waiting.seconds(130) == 30
