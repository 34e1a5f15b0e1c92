"""Where a task stands: the position in its store, and what a step adds to its figures."""

from __future__ import annotations

from collections.abc import Mapping

from cjo_stream.core.journey.instance import LIVE
from cjo_stream.core.state import Customer
from cjo_stream.engine import codec
from cjo_stream.engine.port import Log, Store
from cjo_stream.errors import RefusalError

Counts = Mapping[tuple[str, ...], int | float]


def open_position(store: Store, partition: int, partitions: int, log: Log) -> codec.Meta:
    """Return the store's position; raises RefusalError where the store is not this task's."""
    value = store.get(codec.META_KEY)
    if value is None:
        return codec.Meta(topic_id=log.topic_id, partition=partition, partitions=partitions)
    meta = codec.decode_meta(value)
    if (meta.topic_id, meta.partition) != (log.topic_id, partition):
        raise RefusalError(
            f"the store of partition {partition} belongs to partition {meta.partition} of topic "
            f"{meta.topic_id}, not to topic {log.topic_id}: the internal topic was created anew, "
            "or the folder is another installation's. Restore that topic, or start with empty ones"
        )
    if meta.partitions != partitions:
        raise RefusalError(
            f"this installation has {meta.partitions} partitions, not {partitions}: the number is "
            "fixed. Set it back; or move the customers by `cjo-stream base export` and `import`"
        )
    if meta.behaviour > codec.BEHAVIOUR:
        raise RefusalError(
            f"the store of partition {partition} was left by a release of behaviour "
            f"{meta.behaviour}; this one is {codec.BEHAVIOUR}. Start that release, or a later one"
        )
    if meta.behaviour < codec.BEHAVIOUR and not meta.clean:
        raise RefusalError(
            f"a release of behaviour {meta.behaviour} left the store in the middle; this one is "
            f"{codec.BEHAVIOUR}. Start that release once more, stop it cleanly, then upgrade"
        )
    meta.behaviour = codec.BEHAVIOUR
    if meta.live_by_state:
        meta.live, meta.live_by_state = count_live(store), {}
    return meta


def count_live(store: Store) -> dict[str, dict[int, dict[str, int]]]:
    """Return the numbers of live instances, counted anew."""
    live: dict[str, dict[int, dict[str, int]]] = {}
    for key, value in store.scan(*codec.CUSTOMERS):
        state = codec.decode_actor(codec.read_actor_key(key), value)
        for one in state.instances if isinstance(state, Customer) else ():
            if one.state is not None:
                states = live.setdefault(one.journey, {}).setdefault(one.version, {})
                states[one.state] = states.get(one.state, 0) + 1
    return live


def live_now(meta: codec.Meta, counts: Counts) -> dict[str, dict[int, dict[str, int]]]:
    """Return the numbers of live instances, with the changes since the position was written."""
    counted = [key for key in counts if key[0] == LIVE]
    if not counted:
        return meta.live
    live = dict(meta.live)
    for key in counted:
        _, journey, version, state = key
        versions = live[journey] = dict(live.get(journey, ()))
        states = versions[int(version)] = dict(versions.get(int(version), ()))
        states[state] = states.get(state, 0) + int(counts[key])
        if not states[state]:
            del states[state]
        if not states:
            del versions[int(version)]
    return live


def events_now(meta: codec.Meta, counts: Counts) -> dict[str, int]:
    """Return the events so far by result, with those since the position was written."""
    events = dict(meta.events)
    for key, by in counts.items():
        if key[0] == "cjo_events_total":
            events[key[2]] = events.get(key[2], 0) + int(by)
    return events
