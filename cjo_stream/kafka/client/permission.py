"""Errors for what the broker forbids this process's user: waiting does not help."""

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaError, KafkaException

from cjo_stream.errors import RefusalError

FORBIDDEN: Final = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "Read, Write, Describe and DescribeConfigs of topics",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "Read and Describe of groups",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "Write and Describe of transactional ids",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "Describe and IdempotentWrite of the cluster",
}
"""Code -> the operations that an installation's user must be allowed."""
UNKNOWN_USER: Final = (
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
)


def refusal(error: KafkaException | KafkaError, what: str) -> RefusalError | None:
    """Return the error if the broker forbids `what` to this user; None for another error."""
    cause = error.args[0] if isinstance(error, KafkaException) else error
    operations = FORBIDDEN.get(cause.code())
    if operations is None:
        return None
    return RefusalError(
        f"the broker forbids this process's user {what} ({cause}): allow {operations} "
        "(kafka-acls.sh --add; `cjo-stream topics acl TOPOLOGY` has what each process needs), or "
        "set the credentials of a user who may"
    )


def check_allowed(error: KafkaException | KafkaError, what: str) -> None:
    """Raise RefusalError if the broker forbids `what` to this user."""
    if (refused := refusal(error, what)) is not None:
        raise refused


def unknown_user(error: KafkaError) -> RefusalError:
    """Return the error for a broker that does not know this user."""
    return RefusalError(
        f"the broker does not accept this process's credentials ({error}): set security.protocol "
        "and the properties sasl.* (CJO_KAFKA__SASL_USERNAME and so on) as the broker wants them"
    )
