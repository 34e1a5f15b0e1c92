"""What the engine foresees for each live instance of a state folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Customer, Instance
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine import codec
from cjo_stream.engine.prospect import Fated, people, timer_name
from tests.world.stored import actor_states

Key = tuple[str, str]
"""A customer, and an instance's id."""
RowKey = tuple[str, int, str, str]
"""A journey, version, state and fate: a row of a plan."""


class Stored(NamedTuple):
    """What a state folder holds."""

    clock: int
    customers: dict[str, Customer]

    def instances(self) -> dict[Key, Instance]:
        """Return the live instances, by customer and id."""
        return {
            (customer.id, one.id): one
            for customer in self.customers.values()
            for one in customer.instances
            if one.state is not None
        }


class Told(NamedTuple):
    """What was told of one instance."""

    row: Fated
    version: int
    """The one that it lives in afterwards."""
    left: dict[str, int]
    """What is left of its timers, ms; of one that stays, of those that go on."""


def stored(state: Path) -> Stored:
    """Return the clock and the present customers of a state folder."""
    with closing(StateFolder(state)) as folder:
        stores = folder.tasks()
        metas = [codec.decode_meta(store.get(codec.META_KEY) or b"") for store in stores]
        customers = {
            one.id: one
            for _, one in actor_states(stores)
            if isinstance(one, Customer) and not one.redirect and one.erased_at is None
        }
        return Stored(max(meta.clock for meta in metas), customers)


def foresee(before: Stored, after: Program) -> Iterator[tuple[Key, Told]]:
    """Yield what the engine foresees for each live instance, by customer and id."""
    for customer in before.customers.values():
        for one in customer.instances:
            alone = msgspec.structs.replace(customer, instances=[one])
            impact = people([alone], after, before.clock)
            for row, spans in zip(impact.instances, impact.left, strict=True):
                left = {name: low for name, (low, _) in spans.items()}
                version = one.version
                if row.fate == "move":
                    version = after.journeys[one.journey].version
                else:
                    rules = after.versions[one.journey, version].states[row.state].timers
                    left = {timer_name(rules[t.ordinal]): t.due - before.clock for t in one.timers}
                yield (customer.id, one.id), Told(row, version, left)


def lacking(after: Program, row: Fated) -> set[str]:
    """Return the variables that instances which move will lack."""
    if row.fate != "move" or row.outcome is not None:
        return set()
    old = after.versions[row.journey, row.version].data
    return set(after.journeys[row.journey].data.keys() - old.keys())


def fate_name(its: Told) -> str:
    """Return a fate in a few words, to be counted."""
    row = its.row
    if row.fate == "end":
        return f"ends {row.outcome}"
    if row.fate == "stay":
        return "stays" if min(its.left.values(), default=1) > 0 else "stays, with what is due"
    if row.outcome is not None:
        return "moves and ends"
    return f"moves{'' if row.to == row.state else ' to another state'}, timers {row.timers}"


def rows_of(told: dict[Key, Told]) -> list[dict[str, Any]]:
    """Return the rows of a plan that these instances make, counted anew."""
    groups: dict[RowKey, list[tuple[str, Told]]] = defaultdict(list)
    for (customer, _), its in told.items():
        row = its.row
        groups[row.journey, row.version, row.state, row.fate].append((customer, its))
    found = []
    for key in sorted(groups):
        members = groups[key]
        row = msgspec.to_builtins(members[0][1].row)
        row["live"], row["customers"] = len(members), len({customer for customer, _ in members})
        if any(its.row.timers == "restarted" for _, its in members):
            row["timers"] = "restarted"
        found.append(row)
    return found
