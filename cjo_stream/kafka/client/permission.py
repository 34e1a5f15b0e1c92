"""Errors for what the broker forbids this process's user: waiting does not help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from cjo_stream.errors import RefusalError

FORBIDDEN: Final = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "Read, Write, Describe and DescribeConfigs of topics",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "Read and Describe of groups",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "Write of transactional ids",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "Describe and IdempotentWrite of the cluster",
}
"""Code -> what may be missing, where a question does not say which right it needs."""
UNKNOWN_USER: Final = (
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
)


Rights = Mapping[int, str]
"""Code -> the right that a question needs, which is missing where the broker answers so."""
NO_RIGHTS: Final[Rights] = {}


def of_topic(operation: str, *names: str) -> Rights:
    """Return a right on each of some topics."""
    needed = " and ".join(f"{operation} of the topic {name}" for name in names)
    return {KafkaError.TOPIC_AUTHORIZATION_FAILED: needed}


def of_group(operation: str, name: str) -> Rights:
    """Return a right on a group."""
    return {KafkaError.GROUP_AUTHORIZATION_FAILED: f"{operation} of the group {name}"}


def of_writer(name: str) -> Rights:
    """Return the right on a transactional id."""
    code = KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    return {code: f"Write of the transactional id {name}"}


def refusal(error: KafkaException | KafkaError, what: str, rights: Rights) -> RefusalError | None:
    """Return the error if the broker forbids `what` to this user; None for another error."""
    cause = error.args[0] if isinstance(error, KafkaException) else error
    if cause.code() not in FORBIDDEN:
        return None
    right = rights.get(cause.code(), FORBIDDEN[cause.code()])
    return RefusalError(
        f"the broker forbids this process's user {what} ({cause}): allow {right} "
        "(kafka-acls.sh --add; `cjo-stream topics acl TOPOLOGY` has all that each process "
        "needs), or set the credentials of a user who may"
    )


def check_allowed(error: KafkaException | KafkaError, what: str, rights: Rights) -> None:
    """Raise RefusalError if the broker forbids `what` to this user."""
    if (refused := refusal(error, what, rights)) is not None:
        raise refused


def unknown_user(error: KafkaError) -> RefusalError:
    """Return the error for a broker that does not know this user."""
    return RefusalError(
        f"the broker does not accept this process's credentials ({error}): set security.protocol "
        "and the properties sasl.* (CJO_KAFKA__SASL_USERNAME and so on) as the broker wants them"
    )
