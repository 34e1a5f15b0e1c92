"""What still holds events and records of an erased customer, and for how long."""

from __future__ import annotations

import msgspec

from cjo_stream.core.catalogue import PROFILE
from cjo_stream.core.program.program import Program
from cjo_stream.errors import RetryError
from cjo_stream.installation.answer import UNTIL_RELEASED, Kept
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.place import Topic
from cjo_stream.kafka.position.folder import Folder, left, read_folders
from cjo_stream.kafka.topic.check import configs_of
from cjo_stream.kafka.topic.name import Names
from cjo_stream.kafka.topic.wanted import wanted_topics
from cjo_stream.kafka.worker.state import former_checkpoints
from cjo_stream.settings import Settings
from cjo_stream.store.checkpoint import GRACE_S


def kept(settings: Settings, program: Program) -> list[Kept]:
    """Return the topics with personal data, as the broker keeps them; checkpoints; folders.

    The folders are those of workers that had a partition before its present owner, as these
    workers recorded them. A record lies in a segment with later ones and is deleted with the last
    of them, so the time that a topic keeps it includes that of a segment.

    Raises RetryError where the broker is away. Missing topics are left out.
    """
    admin = Admin(settings)
    wanted = wanted_topics(settings, program)
    holds = {topic.name: topic.holds for topic in wanted if topic.holds is not None}
    there = admin.describe(holds)
    configs = configs_of(admin, [name for name in holds if name in there])
    found = [_kept(name, what, configs[name]) for name, what in holds.items() if name in configs]
    names = Names(settings.topic_prefix)
    profile = names.out(PROFILE)
    found = [withdrawn(one, configs[profile]) if one.place == profile else one for one in found]
    found = [
        msgspec.structs.replace(one, how=UNTIL_RELEASED) if one.place == names.held else one
        for one in found
    ]
    if settings.checkpoint_url:
        found.append(_checkpoints(settings))
        internal = admin.require([names.internal])[names.internal]
        found += _former(settings, internal)
    folders = left(read_folders(settings))
    has_checkpoints = bool(settings.checkpoint_url)
    return [*found, *(_folder(one, has_checkpoints=has_checkpoints) for one in folders)]


def _kept(name: str, holds: str, config: dict[str, str]) -> Kept:
    policies = config.get("cleanup.policy", "delete").split(",")
    retention_ms = int(config.get("retention.ms", "-1"))
    if "delete" in policies and retention_ms >= 0:
        segment_ms = int(config.get("segment.ms", "0"))
        how = f"{_span(retention_ms)}, and until its segment is full, {_span(segment_ms)} at most"
        return Kept(name, holds, retention_ms + segment_ms, how)
    if "compact" in policies:
        how = "for ever, if no later record of the same key comes: it is compacted, and no null "
        return Kept(name, holds, None, how + "value is written to it. Write one a key yourself")
    return Kept(name, holds, None, "for ever: its retention.ms is -1")


def withdrawn(profile: Kept, config: dict[str, str]) -> Kept:
    """Return how long profiles are kept; only in their topic an erasure writes null values."""
    if profile.kept_ms is not None or "compact" not in config.get("cleanup.policy", ""):
        return profile
    null_ms = int(config.get("delete.retention.ms", "86400000"))
    how = (
        "until the broker's cleaner runs: a null value is the last record of each id that the "
        f"customer had; it is itself deleted {_span(null_ms)} later"
    )
    return msgspec.structs.replace(profile, how=how)


def _folder(folder: Folder, *, has_checkpoints: bool) -> Kept:
    """Return what a former owner's folder holds, and for how long."""
    holds = f"partition {folder.partition} as it was"
    if "." in folder.name:
        holds, how = "a state that could not be read", "until it is repaired, or you delete it"
    elif has_checkpoints:
        how = (
            "until its worker runs, and another and a checkpoint are beyond it; or you delete it "
            "and what lies by it"
        )
    else:
        how = (
            "until you delete it and what lies by it: without a checkpoint store, its worker does "
            "so only while the internal log still begins at offset 0 and another is beyond it"
        )
    place = f"slot {folder.slot} on {folder.host}: {folder.path}"
    return Kept(place, holds, None, how)


def _checkpoints(settings: Settings) -> Kept:
    """Return how long earlier checkpoints are kept."""
    newer_s = settings.checkpoints_kept * settings.checkpoint_interval_s
    kept_ms = int(1000 * (newer_s + GRACE_S))
    how = f"until {settings.checkpoints_kept} newer ones are made: {_span(kept_ms)} or so"
    return Kept(settings.checkpoint_url or "", "states as they were before", kept_ms, how)


def _former(settings: Settings, internal: Topic) -> list[Kept]:
    """Return the checkpoints of internal topics that are no more: nobody deletes them."""
    holds = "states as they were before the internal topic was made anew"
    try:
        places = former_checkpoints(settings, internal)
    except RetryError as error:
        unseen = f"if there are any: this machine could not look ({error})"
        return [Kept(settings.checkpoint_url or "", holds, None, unseen)]
    how = "until you delete them: nothing reads them"
    return [Kept(place, holds, None, how) for place in places]


def _span(ms: int) -> str:
    """Return a duration in its largest unit.

    >>> [_span(90_000), _span(604_800_000)]
    ['1.5 minutes', '7 days']
    """
    for unit_ms, unit in ((86_400_000, "days"), (3_600_000, "hours"), (60_000, "minutes")):
        if ms >= unit_ms:
            return f"{ms / unit_ms:.3g} {unit}"
    return f"{ms / 1000:.3g} seconds"
