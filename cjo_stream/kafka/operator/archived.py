"""Whether intake has archived the records that its topics held at the time of the question."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from cjo_stream.core.program.program import Program
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import group_id
from cjo_stream.kafka.position.position import INTAKE, reaches
from cjo_stream.kafka.stage.route import sources
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings

LONGER_S: Final = 30.0
"""Than the time after which intake makes a file: for the file itself, and a commit."""
_ASK_S: Final = 1.0


def unarchived(settings: Settings, program: Program, on_wait: Callable[[], None]) -> list[str]:
    """Wait until intake has archived all earlier records; return the topic/partitions that lag.

    Intake commits a position once all before it is archived. Raises RetryError where the broker
    is away.
    """
    admin = Admin(settings)
    topics = admin.require(sources(program, Names(settings.topic_prefix)))
    places = [(name, n) for name, topic in topics.items() for n in range(topic.partitions)]
    firsts, ends = admin.firsts(places), admin.ends(places, committed=True)
    until_s = time.monotonic() + settings.archive_interval_s + LONGER_S
    while True:
        reached = reaches(admin, group_id(settings, INTAKE))
        behind = [
            f"{place[0]}/{place[1]}"
            for place in sorted(places)
            if reached.get(place, firsts[place]) < ends[place]
        ]
        if not behind or time.monotonic() >= until_s:
            return behind
        on_wait()
        time.sleep(_ASK_S)
