"""The layer finds the customers that the engine has, whatever happened: over random histories.

Their records come on several lanes, many at the same time. A layer is the same however it was
filled. `CJO_LONG=1`: many more.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from cjo_stream.core.event import Event
from cjo_stream.core.message import seed_of
from cjo_stream.core.record import IdentityChange
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.identifier import identifier_hash
from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.filling.source import EventRow
from cjo_stream.insight.layer.manifest import latest
from cjo_stream.insight.layer.reading import Layer
from cjo_stream.insight.layer.table import SOURCES, Row, identity_rows
from cjo_stream.insight.layer.who import Who
from tests.simulation.identity import ANYTHING, ERASED, PARTED, TENANT_KEY, UNMERGED, Kind, live
from tests.simulation.identity_oracle import End
from tests.world.mesh import Retold
from tests.world.situation import Witness

SEEDS: Final = 250 if "CJO_LONG" in os.environ else 25
KNOWN: Final = {ANYTHING: (72, 250), PARTED: (1, 5, 11, 52, 277), UNMERGED: ()}
"""Seeds that once showed another customer."""
FILLED: Final = 20 if "CJO_LONG" in os.environ else 1
"""Histories by which a layer is filled in several ways."""
[IDENTITY] = [one for one in SOURCES if one.kind.name == "identity"]


class Change(NamedTuple):
    """An identity change as it was published."""

    lane: str
    place: int
    value: bytes


class History(NamedTuple):
    """What was published in a history, its events, and how it ended."""

    changes: list[Change]
    events: list[Event]
    end: End
    is_bounded: bool

    def rows(self) -> Iterator[Row]:
        """Yield the changes as rows of a layer."""
        for lane, place, value in self.changes:
            [(_, row)] = identity_rows(msgspec.json.decode(value, type=IdentityChange))
            yield (*row, lane, place)


def history(seed: int, kind: Kind) -> History:
    mesh, lived = live(seed, kind, faults=0.0)
    told = Retold(mesh)
    changes: list[Change] = []
    seen = 0
    for partition in told.records(Witness()):
        changes += [
            Change(f"lane {partition}", seen + place, effect.value)
            for place, effect in enumerate(told.effects[seen:])
            if effect.kind == "identity" and effect.value
        ]
        seen = len(told.effects)
    return History(changes, lived.events, End(told), bool(mesh.bounds))


@pytest.mark.parametrize("kind", KNOWN, ids=lambda kind: kind.name)
def test_the_customers_are_those_of_the_engine(kind: Kind) -> None:
    parted = 0
    for seed in dict.fromkeys((*KNOWN[kind], *range(SEEDS))):
        lived = history(seed, kind)
        roots = {id_: one for id_, one in lived.end.roots.items() if one.is_recorded}
        people = Who(lived.rows(), lambda _: []).people
        members = {
            f"{one.type}:{one.value}": id_
            for id_, root in roots.items()
            for one in root.members.values()
        }
        holders = {name: people.present(id_) for name, id_ in people.holders.items()}
        assert holders == members, (kind.name, seed)
        absorbed = {id_: root for root, one in roots.items() for id_ in one.aliases}
        found = people.absorbed()
        if lived.is_bounded:  # the engine keeps some of the former ids
            found = {id_: root for id_, root in found.items() if id_ in absorbed}
        assert found == absorbed, (kind.name, seed)
        for row in lived.rows():
            if row[0] in ("created", "unmerged"):
                type_, _, value = row[3][0].partition(":")
                assert seed_of(row[1]) == identifier_hash(TENANT_KEY, type_, value)
            parted += row[0] == "unmerged"
    assert parted


Batch = tuple[Sequence[Change], Sequence[Event]]


def filled(url: Path, batches: Iterable[Batch], *, anew: bool) -> dict[str, list[Any]]:
    """Return what a layer holds after some batches, each by a sink that is opened anew, or not."""
    sink = Sink(str(url), tenant_key=TENANT_KEY)
    for changes, events in batches:
        if anew:
            sink = Sink(str(url), tenant_key=TENANT_KEY)
        for one in changes:
            sink.add(IDENTITY, *one)
        for event in events:
            names = [f"{one.type}:{one.value}" for one in event.identifiers]
            row = event.id, "visit", "web", event.time, names, len(names), event.time, "{}"
            sink.add_event(EventRow(0, "", [(*row, "events", 0)], None))
        sink.positions["batch"] = {"": sink.generation}
        sink.publish()
    folder = Folder(str(url))
    connection = Layer(folder, latest(folder).parts).with_views().connection
    tables = ("part.present", "part.holder", "part.forgotten", "part.identity", "event")
    return {one: sorted(connection.execute(f"FROM {one}").fetchall(), key=repr) for one in tables}


def erased_in_good_time(lived: History) -> bool:
    """Return whether somebody was erased, and nobody had an identifier anew in that very ms.

    A layer then cannot tell, and takes it for the erased customer's.
    """
    rows = list(lived.rows())
    times = {row[6]: place for place, row in enumerate(rows) if row[0] == "erased"}
    after = (row[6] for place, row in enumerate(rows) if place > times.get(row[6], place))
    return bool(times) and not any(after)


def test_a_layer_is_the_same_however_it_was_filled(tmp_path: Path) -> None:
    """At once, piece by piece, by one sink or by many, and with events that come behind all."""
    tried = 0
    for seed in range(1_000):
        if tried == FILLED:
            break
        lived = history(seed, ERASED if seed % 2 else ANYTHING)
        changes, events = lived.changes, lived.events
        if not erased_in_good_time(lived):
            continue
        tried += 1
        draw = random.Random(seed)
        cut, other = draw.randrange(len(changes)), draw.randrange(len(events))
        pieces = [(changes[:cut], events[:other]), (changes[cut:], events[other:])]
        folder = tmp_path / str(seed)
        wanted = filled(folder / "at once", [(changes, events)], anew=False)
        assert wanted["part.forgotten"]
        for name, batches, anew in (
            ("one sink", pieces, False),
            ("many", pieces, True),
            ("events last", [(changes, ()), ((), events)], True),
        ):
            assert filled(folder / name, batches, anew=anew) == wanted, (seed, name)
