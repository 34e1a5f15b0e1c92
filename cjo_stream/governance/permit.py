"""Whether a person may apply a set: owners, approvals, and the plan that the set follows."""

from __future__ import annotations

from cjo_stream.definition import DefinitionSet, compile_stored
from cjo_stream.errors import RefusalError
from cjo_stream.governance.difference import differences
from cjo_stream.governance.file import PlanFile, set_hash
from cjo_stream.governance.owner import approvals, owners_between, read_owners, trespasses
from cjo_stream.installation.known import came_between


class Permit:
    """Whether a candidate may follow the set in force.

    It is asked at the beginning, and again by `apply` once no other set can come in between. The
    candidate is refused where it changes another team's part, where a team that must approve it
    has not, where another set is in force than `plan` was made against, and where another set is
    in force than was `seen` at first.
    """

    def __init__(
        self,
        seen: bytes | None,
        candidate: DefinitionSet,
        team: str | None,
        plan: PlanFile | None,
    ) -> None:
        """Ask for the first time; raises as `check`, and UsageError for a team there is not."""
        self._seen = seen
        self._candidate = candidate
        self._team = team
        self._plan = plan
        if seen is None and team is not None:
            read_owners(candidate).check_team(team)
        self.check(seen)

    def check(self, running: bytes | None) -> None:
        """Raise RefusalError where the candidate may not follow `running`, the set in force."""
        if running is not None and set_hash(running) == set_hash(self._candidate.content):
            return  # an `apply` of it that was interrupted goes on
        if self._plan is not None:
            self._plan.check_live(running)
        if running is None:
            return
        if running != self._seen:
            raise RefusalError(came_between(running))
        live = DefinitionSet(compile_stored(running), running, [], "")
        changes = differences(live, self._candidate)
        if self._team is not None:
            rows = trespasses(live, self._candidate, changes, self._team)
            if rows:
                listed = "\n".join(f"{one.at}: {one.name}: {one.why}" for one in rows)
                owners = " and ".join(sorted({owner for one in rows for owner in one.owners}))
                raise RefusalError(
                    f"{listed}\n{self._team} may not change this: let {owners} change it"
                )
        asked = approvals(changes, owners_between(live, self._candidate))
        if self._plan is not None:
            self._plan.check_approved(asked)
        elif asked:
            raise RefusalError(
                f"{', '.join(asked)} must approve this: write a plan with `cjo-stream plan --out`,"
                " let it be approved with `cjo-stream approve`, and apply the plan"
            )
