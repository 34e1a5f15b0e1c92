"""Which partitions of commands `cjo-stream webhook` has not said of that it heeds every hold.

Numbers above `seen` are of a topic of holds that was deleted and created anew. Or a hold has come
since `seen` was asked for, and the next look shows it.
"""

from __future__ import annotations

from typing import Final

from cjo_stream.kafka.channel.reached import heeded_by
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import group_id
from cjo_stream.settings import Settings

WEBHOOK: Final = "webhook"
"""The stage whose group takes commands to endpoints."""


def unheeding(settings: Settings, admin: Admin, seen: int) -> list[str]:
    """Return each topic/partition whose position does not have just the holds before `seen`.

    Raises RetryError, and RefusalError where the broker forbids the question.
    """
    committed = admin.committed(group_id(settings, WEBHOOK), admin.places())
    return sorted(
        f"{topic}/{number}"
        for (topic, number), at in committed.items()
        if heeded_by(at.metadata or "") != seen
    )
