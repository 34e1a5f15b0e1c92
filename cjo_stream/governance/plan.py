"""A plan: the changes of a candidate against a live set, in definitions and for customers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from cjo_stream.core.program.program import Program
from cjo_stream.definition import (
    DefinitionSet,
    Refused,
    compile_stored,
    compose,
    succeed,
)
from cjo_stream.engine.prospect import People
from cjo_stream.governance.difference import Difference, differences
from cjo_stream.governance.owner import Owners, approvals, owners_between, path_of, trespasses
from cjo_stream.governance.reach import reached, rivals
from cjo_stream.installation.answer import Population


class Plan(msgspec.Struct, frozen=True):
    """The changes of a candidate. `after` is None where it cannot be put in force."""

    changes: list[Difference]
    people: People
    refused: list[Refused]
    owners: list[str]
    approvals: Mapping[str, list[str]]
    before: Program
    after: Program | None

    def as_data(self) -> dict[str, Any]:
        """Return the plan as `plan --json` prints it."""
        return {
            "changes": self.changes,
            "instances": self.people.instances,
            "refused": self.refused,
            "owners": self.owners,
            "approvals": self.approvals,
            "customers": self.people.customers,
            "changed": self.people.changed,
            "reach": [*self._reach()],
        }

    def _reach(self) -> Iterator[dict[str, Any]]:
        """Yield the changes that may concern journeys, or compete, beyond their own document."""
        if self.after is None:
            return
        for one in self.changes:
            journeys = reached(one, self.before, self.after)
            competes = rivals(one, self.before, self.after)
            if journeys or competes:
                yield {
                    "kind": one.kind,
                    "name": one.name,
                    "at": one.at,
                    "journeys": journeys,
                    "competes": competes,
                }


def live_folder(definitions: DefinitionSet) -> Population:
    """Return a set as if it had just been applied for the first time; any instance may live."""
    content = succeed(definitions, None)
    return Population(content=content, living=None, foresee=lambda _: People())


def make_plan(
    live: Population, candidate: DefinitionSet, team: str | None = None, *, retire: bool = False
) -> Plan:
    """Return the changes of the candidate; nothing is changed.

    `team` makes the change, and may not touch another team's parts; `retire`: journeys whose
    files are gone are retired. Raises UsageError for a team that there is not.
    """
    before = DefinitionSet(compile_stored(live.content), live.content, [], "")
    changes = differences(before, candidate)
    content, refusals = compose(candidate, live.content, live.living, retire=retire)
    refused = [one.row for one in refusals]
    if team is not None:
        refused += [
            Refused("owner", path_of(one.at), one.at, f"{one.why}: ask {' or '.join(one.owners)}")
            for one in trespasses(before, candidate, changes, team)
        ]
    after = compile_stored(content) if content is not None else None
    owners = owners_between(before, candidate)
    return Plan(
        changes=changes,
        people=live.foresee(content) if content is not None else People(),
        refused=refused,
        owners=_owners(changes, owners),
        approvals=approvals(changes, owners),
        before=before.program,
        after=after,
    )


def _owners(changes: Iterable[Difference], owners: Owners) -> list[str]:
    """Return the teams to whom the changes belong."""
    if owners.teams:
        return sorted({team for one in changes for team in owners.of_difference(one)})
    return sorted({one.owner for one in changes if one.owner is not None})
