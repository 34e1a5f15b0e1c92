"""What the broker's errors mean, and how they end a process."""

import gc
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, Never, cast

import pytest
from aiokafka import errors
from confluent_kafka import Consumer, KafkaError, KafkaException

from cjo_stream.errors import (
    CjoError,
    LockedError,
    RefusalError,
    RetryError,
    StopError,
    UsageError,
)
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.error import away, check_consumed
from cjo_stream.kafka.client.feed import Feed
from cjo_stream.kafka.client.permission import FORBIDDEN, of_group
from cjo_stream.kafka.client.producer import _lost
from cjo_stream.kafka.client.property import check_address
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.client.transaction import FENCED as FENCED_WRITER
from cjo_stream.kafka.client.transaction import check_transaction
from cjo_stream.kafka.position import loss
from cjo_stream.kafka.position.position import committed_positions
from cjo_stream.kafka.process.ending import AWAY, REFUSED, USAGE, exit_code
from cjo_stream.kafka.process.stage import STEADY_S, begins_anew
from cjo_stream.kafka.worker.faust import passes
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
    said = away(KafkaException(KafkaError(KafkaError._TIMED_OUT, "timed out")))
    assert str(said) == (
        "the broker does not answer (timed out); is it up, and does CJO_KAFKA__BOOTSTRAP_SERVERS "
        "have its address?"
    )
    assert away(said) is said
    assert "(closed)" in str(away(ValueError("closed")))


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


# --- what waiting cannot help


class Broker:
    """Stands for librdkafka's clients: each question gets the same error."""

    def __init__(self, code: int, *, when_asked: bool = True) -> None:
        self.error = KafkaError(code)
        self.when_asked = when_asked
        """Else an answer brings the error with each place."""

    def poll(self, _: float) -> None:
        pass

    def close(self) -> None:
        pass

    def describe_topics(self, names: Any, request_timeout: float) -> dict[str, Future[Any]]:
        return {"internal": self.failed()}

    def describe_configs(self, wanted: Any, request_timeout: float) -> dict[Any, Future[Any]]:
        return dict.fromkeys(wanted, self.failed())

    def describe_cluster(self, request_timeout: float) -> Future[Any]:
        return self.failed()

    def list_offsets(
        self, wanted: Any, request_timeout: float, **_: Any
    ) -> dict[Any, Future[Any]]:
        return dict.fromkeys(wanted, self.failed())

    def list_consumer_groups(self, request_timeout: float) -> Future[Any]:
        return self.failed()

    def committed(self, places: Any, within_s: float) -> Any:
        if self.when_asked:
            raise KafkaException(self.error)
        return [SimpleNamespace(topic="internal", partition=0, error=self.error, offset=-1)]

    def produce(self, *arguments: Any, **named: Any) -> None:
        if self.when_asked:
            raise KafkaException(self.error)
        report = named.get("on_delivery") or arguments[4]
        report(self.error, SimpleNamespace(topic=lambda: arguments[0]))

    def failed(self) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(KafkaException(self.error))
        return future


def admin(broker: Broker) -> Admin:
    made = Admin(Settings(kafka={"bootstrap_servers": "127.0.0.1:1"}))
    made._connect = lambda: broker  # type: ignore[method-assign,return-value] # no broker here
    made.client = broker  # type: ignore[assignment] # likewise
    made._asker_for = lambda _: broker  # type: ignore[method-assign,return-value] # likewise
    return made


def send(broker: Broker) -> None:
    sender = Sender(Settings(kafka={"bootstrap_servers": "127.0.0.1:1"}))
    sender._producer = broker  # type: ignore[assignment] # no broker here
    sender.send([Outgoing("internal", b"")])


def feed(broker: Broker) -> None:
    feeding = Feed(Settings(kafka={"bootstrap_servers": "127.0.0.1:1"}))
    feeding._producer = broker  # type: ignore[assignment] # no broker here
    feeding.put("internal", b"", None)
    feeding.poll()


def raise_lost(broker: Broker) -> Never:
    raise _lost(broker.error, "internal")


ASKED: dict[str, Callable[[Broker], object]] = {
    "what a topic is": lambda broker: admin(broker).describe(["internal"]),
    "the broker itself": lambda broker: admin(broker).ping(),
    "where a group is": lambda broker: committed_positions(
        cast(Consumer, broker), [], of_group("Read", "group")
    ),
    "where another is": lambda broker: admin(broker).committed("group", [("internal", 0)]),
    "what the newest record is": lambda broker: admin(broker).newest(("internal", 0)),
    "which groups there are": lambda broker: admin(broker).groups(),
    "a transaction": lambda broker: check_transaction(KafkaException(broker.error)),
    "where a log ends": lambda broker: admin(broker).ends([("internal", 0)]),
    "to take a record": send,
    "to take an event": feed,
    "to take a frame": raise_lost,
    "for records": lambda broker: check_consumed(broker.error, "internal"),
}


@pytest.mark.parametrize("when_asked", [True, False], ids=["at once", "by place"])
@pytest.mark.parametrize("code", FORBIDDEN)
@pytest.mark.parametrize("asked", ASKED)
def test_what_the_broker_forbids_is_never_waited_for(
    asked: str, code: int, when_asked: bool
) -> None:
    with pytest.raises(RefusalError, match="kafka-acls") as told:
        ASKED[asked](Broker(code, when_asked=when_asked))
    assert not begins_anew(told.value, ran_s=10 * STEADY_S)


@pytest.mark.parametrize(
    ("asked", "right"),
    [
        ("what a topic is", "Describe of the topic internal"),
        ("where another is", "Describe of the topic internal"),
        ("what the newest record is", "Describe of the topic internal"),
        ("where a log ends", "Describe of the topic internal"),
        ("to take a record", "Write of the topic internal"),
        ("to take an event", "Write of the topic internal"),
        ("to take a frame", "Write of the topic internal"),
        ("for records", "Read of the topic internal"),
    ],
)
def test_the_right_on_a_topic_that_is_missing_is_named(asked: str, right: str) -> None:
    with pytest.raises(RefusalError, match=rf": allow {right} \(kafka-acls"):
        ASKED[asked](Broker(KafkaError.TOPIC_AUTHORIZATION_FAILED, when_asked=False))


class OneForbidden(Broker):
    """Takes records of several topics, and reports on all of them at once; one is forbidden."""

    def __init__(self, topic: str, *, is_fatal: bool) -> None:
        super().__init__(KafkaError.TOPIC_AUTHORIZATION_FAILED)
        self.topic = topic
        self.is_fatal = is_fatal
        """Whether the client's own error comes before the reports."""
        self.reports: list[Callable[[], None]] = []

    def produce(self, *arguments: Any, **named: Any) -> None:
        topic, report = arguments[0], arguments[4]
        error = self.error if topic == self.topic else None
        self.reports.append(lambda: report(error, SimpleNamespace(topic=lambda: topic)))

    def poll(self, _: float) -> None:
        if self.is_fatal:
            self.is_fatal = False
            raise KafkaException(KafkaError(KafkaError._FATAL, "fatal", True))
        while self.reports:
            self.reports.pop(0)()


@pytest.mark.parametrize("is_fatal", [False, True])
def test_of_several_topics_the_one_that_may_not_be_written_is_named(*, is_fatal: bool) -> None:
    sender = Sender(Settings(kafka={"bootstrap_servers": "127.0.0.1:1"}))
    sender._producer = OneForbidden("reply", is_fatal=is_fatal)  # type: ignore[assignment] # no broker here
    with pytest.raises(RefusalError, match=r": allow Write of the topic reply \(kafka-acls"):
        sender.send([Outgoing(topic, b"") for topic in ("internal", "reply", "reward")])


@pytest.mark.parametrize(
    ("asked", "right"),
    [
        ("where a group is", "Read of the group group"),
        ("where another is", "Describe of the group group"),
    ],
)
def test_the_right_on_a_group_that_is_missing_is_named(asked: str, right: str) -> None:
    with pytest.raises(RefusalError, match=rf": allow {right} \(kafka-acls"):
        ASKED[asked](Broker(KafkaError.GROUP_AUTHORIZATION_FAILED))


def test_who_may_not_see_a_topic_is_not_told_that_its_partitions_have_no_leader() -> None:
    forbidding = Broker(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    leaderless: Future[Any] = Future()
    leaderless.set_exception(KafkaException(KafkaError(KafkaError._NOENT, "No leaders found")))
    forbidding.list_offsets = lambda wanted, **_: dict.fromkeys(wanted, leaderless)  # type: ignore[method-assign,assignment] # as librdkafka answers
    for ask in (lambda one: one.ends([("internal", 0)]), lambda one: one.newest(("internal", 0))):
        with pytest.raises(RefusalError, match="Describe of the topic internal"):
            ask(admin(forbidding))


@pytest.mark.parametrize("when_asked", [True, False], ids=["at once", "by place"])
@pytest.mark.parametrize(
    "asked",
    [
        "what a topic is",
        "the broker itself",
        "where a group is",
        "what the newest record is",
        "which groups there are",
    ],
)
def test_a_broker_that_is_away_is_waited_for(asked: str, when_asked: bool) -> None:
    with pytest.raises(RetryError, match="the broker"):
        ASKED[asked](Broker(KafkaError._TRANSPORT, when_asked=when_asked))


def test_a_broker_that_answers_with_an_error_is_not_said_to_be_away() -> None:
    told = away(KafkaException(KafkaError(KafkaError.UNSTABLE_OFFSET_COMMIT)))
    assert "the broker answers that it cannot" in str(told)


def test_a_topic_that_may_not_be_seen_is_named_and_not_the_group() -> None:
    with pytest.raises(RefusalError, match="to see the topic internal"):
        ASKED["where another is"](Broker(KafkaError.TOPIC_AUTHORIZATION_FAILED, when_asked=False))


@pytest.mark.parametrize(
    "code", [KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED]
)
def test_whom_the_broker_does_not_know_is_told_so_though_he_gets_no_answer(code: int) -> None:
    asking = admin(Broker(KafkaError._TIMED_OUT))
    asking.client.poll = lambda _: asking._note_error(KafkaError(code))  # type: ignore[method-assign,assignment,return-value] # as librdkafka tells it
    with pytest.raises(RefusalError, match="SASL_USERNAME"):
        asking.ping()
    asking.client.poll = lambda _: 0  # type: ignore[method-assign] # it knows him now
    with pytest.raises(RetryError, match="does not answer"):
        asking.ping()


def test_how_others_topics_are_configured_may_be_forbidden() -> None:
    forbidding = admin(Broker(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    assert loss._compacted(forbidding, {"theirs"}) == {"theirs"}
    with pytest.raises(RetryError):
        loss._compacted(admin(Broker(KafkaError._TRANSPORT)), {"theirs"})


@pytest.mark.parametrize("code", FENCED_WRITER)
def test_a_writer_that_another_shut_out_asks_for_a_process_of_the_same_slot(code: int) -> None:
    with pytest.raises(StopError, match="under the same slot"):
        check_transaction(KafkaException(KafkaError(code)))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KafkaError(KafkaError._TIMED_OUT, "late", False, True), RetryError),
        (KafkaError(KafkaError._TIMED_OUT), StopError),
        (KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), StopError),
    ],
)
def test_another_end_of_a_transaction_tells_of_no_slot(
    error: KafkaError, kind: type[CjoError]
) -> None:
    with pytest.raises(kind) as told:
        check_transaction(KafkaException(error))
    assert "slot" not in str(told.value)


def test_a_member_joins_again_after_what_passes_and_nothing_else() -> None:
    for error in (errors.GroupLoadInProgressError(), errors.KafkaError("RequestTimedOutError()")):
        assert passes(error), error
    for error in (
        errors.GroupAuthorizationFailedError("group"),
        errors.KafkaError(repr(errors.InvalidGroupIdError())),
        errors.KafkaError("Unexpected error"),
        errors.KafkaError("annotations"),
        errors.KafkaError(),
    ):
        assert not passes(error), error


def test_whoever_asked_the_broker_is_gone_with_its_client_at_once() -> None:
    """`learn` asks anew for each model: threads and connections of each would add up."""
    asking = Admin(Settings(kafka={"bootstrap_servers": "127.0.0.1:1"}))
    noted = weakref.ref(asking)
    gc.disable()
    try:
        del asking
        assert noted() is None
    finally:
        gc.enable()
