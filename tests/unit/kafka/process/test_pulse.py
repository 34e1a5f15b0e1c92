"""What /readyz and /healthz say through an outage, with time by hand."""

from cjo_stream.kafka.process import pulse
from cjo_stream.kafka.process.pulse import ANSWERED_WITHIN_S, TURNED_WITHIN_S

LIMIT_S = 30.0
ASKED_EVERY_S = 2.0
"""By the watchdog."""


def test_a_process_that_turns_is_ready_while_the_broker_answers() -> None:
    found = pulse.begin(0.0)
    for second in range(1, 300):
        pulse.turn(found, second)
        if second % ASKED_EVERY_S == 0:
            pulse.answer(found, second)
        assert pulse.not_ready(found, second) is None
        assert pulse.hangs(found, second, LIMIT_S) is None


def test_an_outage_makes_a_process_unready_until_the_broker_answers() -> None:
    found = pulse.begin(0.0)
    for second in range(1, 120):
        pulse.turn(found, second)
        unready = pulse.not_ready(found, second)
        assert (unready is not None) == (second > ANSWERED_WITHIN_S)
    pulse.answer(found, 120.0)
    assert pulse.not_ready(found, 120.0) is None


def test_a_question_asked_in_vain_is_believed_at_once() -> None:
    found = pulse.begin(0.0)
    pulse.no_answer(found, 1.0)
    assert pulse.not_ready(found, 1.0) == "the broker has not answered for 1 s"
    pulse.answer(found, 2.0)
    assert pulse.not_ready(found, 2.0) is None


def test_one_slow_answer_is_no_outage() -> None:
    found = pulse.begin(0.0)
    pulse.turn(found, 5.0)
    assert pulse.not_ready(found, 2 * ASKED_EVERY_S) is None


def test_a_process_that_takes_no_work_is_unready_before_a_restart_would_help() -> None:
    found = pulse.begin(0.0)
    for second in range(1, 60):
        pulse.answer(found, second)
        assert (pulse.not_ready(found, second) is not None) == (second > TURNED_WITHIN_S)
        assert (pulse.hangs(found, second, LIMIT_S) is not None) == (second > LIMIT_S)
    assert TURNED_WITHIN_S < LIMIT_S


def test_who_waits_in_good_order_is_unready_and_never_to_be_restarted() -> None:
    found = pulse.begin(0.0)
    for second in range(1, 300):
        pulse.answer(found, second)
        pulse.beat(found, second)
        assert pulse.hangs(found, second, LIMIT_S) is None
    assert pulse.not_ready(found, 300.0) is not None


def test_no_outage_however_long_is_mended_by_a_restart() -> None:
    found = pulse.begin(0.0)
    for second in range(10, 600, 10):
        # Each question takes 10 s in vain, and the loop hangs in a call all the while.
        pulse.no_answer(found, second)
        assert pulse.hangs(found, second + 9.9, LIMIT_S) is None
    # It has as long after the broker's return as at any other time, and no longer.
    pulse.answer(found, 600.0)
    assert pulse.hangs(found, 590.0 + LIMIT_S, LIMIT_S) is None
    assert pulse.hangs(found, 591.0 + LIMIT_S, LIMIT_S) is not None
