"""The tenant key of an installation on Kafka: one for all processes and commands.

Its fingerprint stands in the definition topic, and a process with another key refuses to work
(`definition.DefinitionLog`). Processes without a key (dispatch, learn, commands that only read
topics) need none.
"""

from __future__ import annotations

import msgspec

from cjo_stream.ingest.tenant import fingerprint
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.definition.log import (
    TENANT_KEY,
    DefinitionLog,
    Fingerprint,
    no_fingerprint,
    read_definitions,
)
from cjo_stream.kafka.definition.writer import Writer
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings


def check_key(settings: Settings) -> None:
    """Raise RefusalError where the installation has another key than the settings."""
    Admin(settings).require([Names(settings.topic_prefix).definition])
    read_definitions(settings, pointed=False)


def fixes_key(log: DefinitionLog, topic: str, *, keep_key: bool) -> bool:
    """Return whether an `apply` fixes the tenant key; `keep_key` is the operator's confirmation.

    Raises RefusalError where sets were applied with a key that is no longer known.
    """
    if log.fingerprint is None and log.sets and not keep_key:
        raise no_fingerprint(topic, "there is none")
    return log.fingerprint is None


def keep_key(settings: Settings) -> None:
    """Fix the tenant key of an installation to which nothing was applied yet.

    Raises RefusalError where another one is fixed already; RetryError.
    """
    if settings.tenant_key_is_demo:
        return  # neither intake nor worker starts with that key
    with Writer(settings) as writer:
        log = read_definitions(settings, pointed=False)
        if log.fingerprint is None and not log.sets:
            writer.write(fingerprint_record(settings))


def fingerprint_record(settings: Settings) -> dict[str, bytes | None]:
    """Return the record of the fingerprint, by its key."""
    kept = Fingerprint(fingerprint(settings.tenant_key_bytes()))
    return {TENANT_KEY: msgspec.json.encode(kept)}
