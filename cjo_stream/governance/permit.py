"""Whether a set may be applied by who applies it: owners, approvals, and the plan it follows."""

from __future__ import annotations

from cjo_stream.definition import DefinitionSet, compile_stored
from cjo_stream.errors import RefusalError
from cjo_stream.governance.difference import differences
from cjo_stream.governance.file import PlanFile
from cjo_stream.governance.owner import approvals, owners_between, read_owners, trespasses


def check_permit(
    running: bytes | None, candidate: DefinitionSet, team: str | None, plan: PlanFile | None
) -> None:
    """Raise RefusalError where the candidate may not follow `running`, the set in force.

    That is: it changes what is not `team`'s, or what a team must approve and has not, or another
    set is in force than `plan` was made against. Raises UsageError for a team that there is not.
    """
    if plan is not None:
        plan.check_live(running)
    if running is None:
        if team is not None:
            read_owners(candidate).check_team(team)
        return
    live = DefinitionSet(compile_stored(running), running, [], "")
    changes = differences(live, candidate)
    if team is not None:
        rows = trespasses(live, candidate, changes, team)
        if rows:
            listed = "\n".join(f"{one.at}: {one.name}: {one.why}" for one in rows)
            owners = sorted({owner for one in rows for owner in one.owners})
            raise RefusalError(
                f"{listed}\n{team} may not change this: let {' and '.join(owners)} change it"
            )
    asked = approvals(changes, owners_between(live, candidate))
    if plan is not None:
        plan.check_approved()
    elif asked:
        raise RefusalError(
            f"{', '.join(asked)} must approve this: write a plan with `cjo-stream plan --out`, "
            "let it be approved with `cjo-stream approve`, and apply the plan"
        )
