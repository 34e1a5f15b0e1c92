"""Topics and their partitions, as the broker has them."""

from __future__ import annotations

import msgspec

Place = tuple[str, int]
"""(topic, partition)"""


class Topic(msgspec.Struct, frozen=True):
    """A topic as the broker has it. A topic that is created anew has another `id`."""

    name: str
    id: str
    partitions: int
    replicas: int
