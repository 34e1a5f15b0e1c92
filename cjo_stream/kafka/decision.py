"""Decision records, read back from their topic."""

from __future__ import annotations

from cjo_stream.kafka.client import Admin
from cjo_stream.kafka.contents import contents
from cjo_stream.kafka.topic import Names
from cjo_stream.settings import Settings


def find(settings: Settings, decision_id: str) -> bytes | None:
    """Return the record of a decision as JSON; None where its topic holds it not, or no longer.

    Looks through the whole topic. Raises RefusalError where that is missing, RetryError where the
    broker is away.
    """
    name = Names(settings.topic_prefix).out("decision")
    wanted = f'"decision_id":"{decision_id}"'.encode()
    for number in range(Admin(settings).require([name])[name].partitions):
        for message in contents(settings, (name, number)):
            value = message.value()
            if isinstance(value, bytes) and wanted in value:
                return value
    return None
