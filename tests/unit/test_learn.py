"""The learner of an installation begins where the last one was, or says what is missing."""

from __future__ import annotations

import pytest

from cjo_stream.errors import RefusalError
from cjo_stream.kafka.learn import check_standing
from cjo_stream.kafka.memory import Standing
from cjo_stream.kafka.topic import Names

NAMES = Names("t.")


def test_it_goes_on_where_its_memory_ends() -> None:
    check_standing(Standing("id", 7), "id", 0, NAMES)
    check_standing(Standing("id", 7), "id", 7, NAMES)


def test_rewards_that_are_no_longer_kept_are_missed() -> None:
    with pytest.raises(RefusalError, match=r"from 7 on are not learnt.*delete t\.model\.v1"):
        check_standing(Standing("id", 7), "id", 8, NAMES)


def test_a_topic_that_was_created_anew_is_another_one() -> None:
    with pytest.raises(RefusalError, match=r"t\.reward\.v1 was created anew"):
        check_standing(Standing("id", 7), "other", 0, NAMES)
