"""What the broker allows this process's user: where it says no, waiting does not help."""

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
"""Code -> which operations an installation's user must be allowed."""
UNKNOWN_USER: Final = (
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
)


def refusal(error: KafkaException | KafkaError, what: str) -> RefusalError | None:
    """Return the error where the broker forbids this user `what` was asked; None for another."""
    told = error.args[0] if isinstance(error, KafkaException) else error
    operations = FORBIDDEN.get(told.code())
    if operations is None:
        return None
    return RefusalError(
        f"the broker forbids this process's user {what} ({told}): allow {operations} "
        "(kafka-acls.sh --add), or set the credentials of a user who may"
    )


def check_allowed(error: KafkaException | KafkaError, what: str) -> None:
    """Raise RefusalError where the broker forbids this user `what` was asked."""
    if (refused := refusal(error, what)) is not None:
        raise refused


def unknown_user(error: KafkaError) -> RefusalError:
    """Return the error for a broker that does not know this user."""
    return RefusalError(
        f"the broker does not take this process's credentials ({error}): set security.protocol "
        "and the properties sasl.* (CJO_KAFKA__SASL_USERNAME and so on) as it wants them"
    )
