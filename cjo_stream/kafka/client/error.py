"""The meaning of librdkafka's errors.

    -150, or `fatal()`     this client is finished, for good: StopError, the process begins anew
    a missing topic        RefusalError, naming the command that mends it
    an authorization       RefusalError: a second attempt would be forbidden, too
    timeouts, transport    the broker is away: RetryError if an answer is waited for
    a coordinator          the same; the broker is there, and says that this part of it is not

The code -150 is checked because `fatal()` is False for the very message that reports to a consumer
that it was fenced; a process that goes on polling would poll for ever.
"""

from __future__ import annotations

import logging
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from cjo_stream.errors import RefusalError, RetryError, StopError
from cjo_stream.kafka.client.permission import NO_RIGHTS, Rights, check_allowed, of_topic

MISSING: Final = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)
NO_COORDINATOR: Final = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)
_DAMAGED: Final = (KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION)

_LOG = logging.getLogger(__package__)


def is_fatal(error: KafkaError) -> bool:
    """Return whether the client that reports this error can never go on."""
    return bool(error.fatal()) or error.code() == KafkaError._FATAL


def is_fenced(error: KafkaError) -> bool:
    """Return whether another client has taken the name of the one that reports this error."""
    if error.code() in (KafkaError._FENCED, KafkaError.FENCED_INSTANCE_ID):
        return True
    # A consumer reports it as a fatal error, with the reason only in the text.
    return is_fatal(error) and "fenced" in error.str()


def is_out_of_range(error: KafkaError) -> bool:
    """Return whether a log begins after the next record to read, or ends before it."""
    return error.code() in (
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError._LOG_TRUNCATION,
        KafkaError.OFFSET_OUT_OF_RANGE,
    )


def check_consumed(error: KafkaError, topic: str | None, group: Rights = NO_RIGHTS) -> None:
    """Raise the meaning of an error that came in place of a message, or log it.

    `group`: the right on its group that the consumer needs.
    """
    if is_fenced(error):
        raise StopError(
            "another consumer has this process's place in its group: a second process of the same "
            "CJO_SLOT, perhaps on another machine, or, after an outage of the broker, this one "
            "itself, which begins anew when it is started again. If it comes again and again, "
            "give each process a CJO_SLOT of its own"
        )
    if is_fatal(error) or error.code() == KafkaError._MAX_POLL_EXCEEDED:
        raise StopError(
            f"this consumer is finished ({error}), and others may have its partitions: the "
            "process ends, and begins anew when it is started again"
        )
    if error.code() in MISSING:
        raise RefusalError(f"the topic {topic} is missing: run `cjo-stream topics create`")
    if is_out_of_range(error):
        raise StopError(
            f"topic {topic} no longer holds the record to be read next: it was cut, lost its end, "
            "or was created anew. The next start says which, and what to do"
        )
    if error.code() in _DAMAGED:
        raise damaged(topic or "read here", error.str())
    rights = {**group, **of_topic("Read", topic)} if topic else group
    check_allowed(error, f"to read {topic or 'here'}", rights)
    _LOG.warning("consumer: %s", error)


def damaged(topic: str, why: str) -> RefusalError:
    """Return the error for a record whose bytes have changed since they were written."""
    return RefusalError(
        f"a record of topic {topic} is damaged ({why}): a disk of the broker, or what lies "
        "between, changed its bytes. Nothing of it was taken. Let another replica lead the "
        "partition, or bring the log back from a copy; then start again"
    )


def away(error: Exception, what: str = "to ask", rights: Rights = NO_RIGHTS) -> RetryError:
    """Return the error for a broker that did not answer; a RetryError is returned as it is.

    Raises RefusalError if the broker did answer, and forbids `what`, which needs `rights`.
    """
    if isinstance(error, RetryError):
        return error
    said = str(error)
    if isinstance(error, KafkaException):
        check_allowed(error, what, rights)
        said = error.args[0].str()
        if error.args[0].code() in NO_COORDINATOR:
            return RetryError(
                f"the broker has no coordinator for us yet ({said}): it loads it, or has given it "
                "to another broker. If that lasts, see whether __consumer_offsets and "
                "__transaction_state have leaders, and what their brokers' logs say"
            )
        if error.args[0].code() > 0:  # of the protocol; librdkafka's own are negative
            return RetryError(
                f"the broker answers that it cannot ({said}). If that lasts, see what the "
                "broker's log says"
            )
    return RetryError(
        f"the broker does not answer ({said}); is it up, and does CJO_KAFKA__BOOTSTRAP_SERVERS "
        "have its address?"
    )
