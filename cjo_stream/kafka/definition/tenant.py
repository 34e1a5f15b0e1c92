"""The tenant key of an installation on Kafka: one for all processes and commands.

Its fingerprint stands in the definition topic, and a process with another key refuses to work
(`definition.DefinitionLog`). Processes without a key (dispatch, learn, commands that only read
topics) need none.
"""

from __future__ import annotations

from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.definition.log import read_definitions
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings


def check_key(settings: Settings) -> None:
    """Raise RefusalError where the installation has another key than the settings."""
    Admin(settings).require([Names(settings.topic_prefix).definition])
    read_definitions(settings, pointed=False)
