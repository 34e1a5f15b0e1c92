"""The layer finds the customers that the engine has, whatever happened: over random histories.

Their records come on several lanes, many at the same time. `CJO_LONG=1`: ten times as many.
"""

from __future__ import annotations

import os
from typing import Final

import msgspec
import pytest

from cjo_stream.core.message import seed_of
from cjo_stream.core.record import IdentityChange
from cjo_stream.ingest.identifier import identifier_hash
from cjo_stream.insight.layer.table import Row, identity_rows
from cjo_stream.insight.layer.who import Who
from tests.simulation.identity import ANYTHING, PARTED, TENANT_KEY, UNMERGED, Kind, live
from tests.simulation.identity_oracle import End
from tests.world.mesh import Retold
from tests.world.situation import Witness

SEEDS: Final = 250 if "CJO_LONG" in os.environ else 25
KNOWN: Final = {ANYTHING: (72, 250), PARTED: (1, 5, 11, 52, 277), UNMERGED: ()}
"""Seeds that once showed another customer."""


def history(seed: int, kind: Kind) -> tuple[list[Row], End, bool]:
    """Return the identity changes of a history, where it ended, and whether bounds are small."""
    mesh, _ = live(seed, kind, faults=0.0)
    told = Retold(mesh)
    rows: list[Row] = []
    seen = 0
    for partition in told.records(Witness()):
        for effect in told.effects[seen:]:
            if effect.kind == "identity" and effect.value:
                change = msgspec.json.decode(effect.value, type=IdentityChange)
                [(_, row)] = identity_rows(change)
                rows.append((*row, f"lane {partition}", len(rows)))
        seen = len(told.effects)
    return rows, End(told), bool(mesh.bounds)


@pytest.mark.parametrize("kind", KNOWN, ids=lambda kind: kind.name)
def test_the_customers_are_those_of_the_engine(kind: Kind) -> None:
    parted = 0
    for seed in dict.fromkeys((*KNOWN[kind], *range(SEEDS))):
        rows, end, is_bounded = history(seed, kind)
        roots = {id_: one for id_, one in end.roots.items() if one.is_recorded}
        people = Who(rows, lambda _: []).people
        members = {
            f"{one.type}:{one.value}": id_
            for id_, root in roots.items()
            for one in root.members.values()
        }
        holders = {name: people.present(id_) for name, id_ in people.holders.items()}
        assert holders == members, (kind.name, seed)
        absorbed = {id_: root for root, one in roots.items() for id_ in one.aliases}
        found = people.absorbed()
        if is_bounded:  # the engine keeps some of the former ids
            found = {id_: root for id_, root in found.items() if id_ in absorbed}
        assert found == absorbed, (kind.name, seed)
        for row in rows:
            if row[0] in ("created", "unmerged"):
                type_, _, value = row[3][0].partition(":")
                assert seed_of(row[1]) == identifier_hash(TENANT_KEY, type_, value)
        parted += sum(row[0] == "unmerged" for row in rows)
    assert parted
