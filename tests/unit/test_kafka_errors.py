"""What the broker's errors mean, and how they end a process."""

import pytest
from confluent_kafka import KafkaError

from cjo_stream.errors import (
    CjoError,
    LockedError,
    RefusalError,
    RetryError,
    StopError,
    UsageError,
)
from cjo_stream.kafka.client import away, check_address, check_consumed
from cjo_stream.kafka.ending import AWAY, REFUSED, USAGE, exit_code
from cjo_stream.settings import SUPERVISED, Settings

FENCED = "Fatal error: Broker: Static consumer fenced by other consumer"


@pytest.mark.parametrize(
    "error",
    [
        KafkaError(KafkaError._FATAL, FENCED, True),
        KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced"),
    ],
)
def test_who_lost_its_place_to_another_says_that_a_slot_may_be_taken_twice(
    error: KafkaError,
) -> None:
    with pytest.raises(StopError, match="a second process of the same CJO_SLOT"):
        check_consumed(error, "a topic")


def test_another_fatal_error_tells_of_no_slot() -> None:
    with pytest.raises(StopError) as told:
        check_consumed(KafkaError(KafkaError._FATAL, "something else", True), "a topic")
    assert "CJO_SLOT" not in str(told.value)


@pytest.mark.parametrize(
    "code",
    [
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError._LOG_TRUNCATION,
        KafkaError.OFFSET_OUT_OF_RANGE,
    ],
)
def test_a_log_without_the_next_record_is_never_read_from_elsewhere(code: int) -> None:
    with pytest.raises(StopError, match="no longer holds the record to be read next"):
        check_consumed(KafkaError(code, "said"), "a topic")


@pytest.mark.parametrize(
    "servers",
    ["127.0.0.1:9092", "[::1]:9092", "PLAINTEXT://127.0.0.1:9092", "nobody.invalid:1,127.0.0.1:1"],
)
def test_an_address_of_which_one_host_is_known_is_good(servers: str) -> None:
    check_address(Settings(kafka={"bootstrap_servers": servers}))


@pytest.mark.parametrize("servers", ["nobody.invalid:9092", "nobody.invalid", f"{'x' * 70}:1", ""])
def test_an_address_that_nobody_knows_is_refused_with_the_variable_to_set(servers: str) -> None:
    with pytest.raises(UsageError, match="CJO_KAFKA__BOOTSTRAP_SERVERS"):
        check_address(Settings(kafka={"bootstrap_servers": servers}))


def test_that_the_broker_does_not_answer_is_said_once() -> None:
    said = away(ValueError("timed out"))
    assert str(said) == ("the broker does not answer (timed out); is it up, is its address right?")
    assert away(said) is said


ENDS = {
    UsageError("wrong"): (USAGE, USAGE),
    RefusalError("a topic is missing"): (1, REFUSED),
    StopError("fenced"): (1, 1),
    RetryError("away"): (1, AWAY),
    LockedError("held"): (1, AWAY),
}


@pytest.mark.parametrize("error", ENDS)
def test_the_supervisor_hears_more_than_others_do(
    error: CjoError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SUPERVISED, raising=False)
    alone = exit_code(error)
    monkeypatch.setenv(SUPERVISED, "1")
    assert (alone, exit_code(error)) == ENDS[error]
