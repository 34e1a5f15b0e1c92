"""A plan in a file: the candidate, its impact, the set it was made against, and approvals.

line 1         the plan: hashes of both sets, the impact, the candidate itself
each further   an approval: a team, and the HMAC of line 1 by that team's key
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from cjo_stream.definition import DefinitionSet, authorship, compile_stored
from cjo_stream.definition.content import decode
from cjo_stream.engine.prospect import Fated
from cjo_stream.errors import RefusalError, UsageError
from cjo_stream.governance.difference import Difference
from cjo_stream.governance.plan import Plan
from cjo_stream.installation.known import applied

KEY_BYTES_MIN: Final = 16
_FORM: Final = 1
_TENTH: Final = 10


class Budget(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many customers may be changed: a number, or else a percentage of all customers."""

    number: int | None = None
    percent: float = 100

    def of(self, customers: int) -> int:
        """Return the number of customers, of all `customers`."""
        return int(customers * self.percent / 100) if self.number is None else self.number


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """Line 1. `live` and `candidate` are hashes of the sets' files; `content` is the candidate.

    `changed` customers were planned of `customers`; the `apply` may change those of `budget`.
    `approvals` are the matters that teams must approve.
    """

    form: int = _FORM
    topology: str
    live: str
    candidate: str
    team: str | None
    retire: bool
    customers: int
    changed: int
    budget: Budget
    owners: list[str]
    approvals: Mapping[str, list[str]]
    changes: list[Difference]
    instances: list[Fated]
    content: bytes
    digest: str


class _Approved(msgspec.Struct, frozen=True):
    """A further line."""

    team: str
    signature: str


class PlanFile(msgspec.Struct, frozen=True):
    """A plan that was read; `approved` are the teams whose signature is right."""

    planned: Planned
    approved: frozenset[str]

    @property
    def definitions(self) -> DefinitionSet:
        """The candidate."""
        planned = self.planned
        program = compile_stored(planned.content)
        return DefinitionSet(program, planned.content, [], planned.digest)

    def check_approved(self, asked: Mapping[str, list[str]]) -> None:
        """Raise RefusalError if a team that must approve the plan has not.

        `asked` are the matters by team, as the sets have them: a plan that nobody has signed may
        have been changed.
        """
        missing = sorted(asked.keys() - self.approved)
        if missing:
            matters = "; ".join(f"{team} ({', '.join(asked[team])})" for team in missing)
            raise RefusalError(
                f"the plan is not approved by {matters}, or the key to check it is not given: let "
                "each team run `cjo-stream approve PLAN --as TEAM --key FILE`, then apply the "
                "plan with --key TEAM=FILE for each"
            )

    def check_live(self, content: bytes | None) -> None:
        """Raise RefusalError if another set is in force than the one that was planned against."""
        if content is None or set_hash(content) != self.planned.live:
            by = authorship(content) if content is not None else None
            raise RefusalError(
                "another set is in force than the plan was made against"
                f"{f' ({applied(by)})' if by is not None else ''}: make a new plan with "
                "`cjo-stream plan`"
            )

    def check_changed(self, changed: int, customers: int) -> None:
        """Raise RefusalError if more of all `customers` would be changed than the plan allows."""
        most = self.planned.budget.of(customers)
        if changed > most:
            raise RefusalError(
                f"{changed:,} customers would be changed now; the plan counted "
                f"{self.planned.changed:,}, and allows {most:,}: make a new plan "
                "with `cjo-stream plan`"
            )


def set_hash(content: bytes) -> str:
    """Return the SHA-256 of a stored set's files, in hex."""
    sources = sorted(decode(content).sources.items())
    return hashlib.sha256(msgspec.msgpack.encode(sources)).hexdigest()


def planned(
    plan: Plan,
    live: bytes,
    candidate: DefinitionSet,
    *,
    team: str | None,
    retire: bool,
    budget: Budget | None,
) -> Planned:
    """Return a plan for a file; without a budget it allows a tenth more customers than planned."""
    changed = plan.people.changed
    return Planned(
        topology=candidate.program.topology,
        live=set_hash(live),
        candidate=set_hash(candidate.content),
        team=team,
        retire=retire,
        customers=plan.people.customers,
        changed=changed,
        budget=budget or Budget(changed + changed // _TENTH),
        owners=plan.owners,
        approvals=plan.approvals,
        changes=plan.changes,
        instances=plan.people.instances,
        content=candidate.content,
        digest=candidate.digest,
    )


def write_plan(path: Path, plan: Planned) -> None:
    """Write a plan file; raises UsageError where it cannot be written."""
    try:
        path.write_bytes(msgspec.json.encode(plan) + b"\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}): name another") from None


def read_plan(path: Path, keys: Mapping[str, bytes]) -> PlanFile:
    """Return a plan file; signatures of teams whose key is here are checked.

    Raises UsageError where it is no plan of this release, RefusalError for a wrong signature.
    """
    first, *rest = _lines(path)
    try:
        plan = msgspec.json.decode(first, type=Planned)
        lines = [msgspec.json.decode(line, type=_Approved) for line in rest]
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{path} is no plan ({error}): make one with `cjo-stream plan --out`"
        ) from None
    if plan.form != _FORM or set_hash(plan.content) != plan.candidate:
        raise UsageError(f"{path} is no whole plan of this release: make a new one")
    approved = set()
    for one in lines:
        key = keys.get(one.team)
        if key is None:
            continue
        if not hmac.compare_digest(_signature(first, key), one.signature):
            raise RefusalError(
                f"the approval of {one.team} in {path} is not signed with its key, or the plan "
                "was changed since: check the key's file, or make a new plan and let it be "
                "approved"
            )
        approved.add(one.team)
    return PlanFile(plan, frozenset(approved))


def read_key(path: Path) -> bytes:
    """Return a team's key from its file; raises UsageError."""
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): name a key's file") from None
    if len(key) < KEY_BYTES_MIN:
        raise UsageError(
            f"{path} has fewer than {KEY_BYTES_MIN} bytes: write a longer secret to it"
        )
    return key


def approve(path: Path, team: str, key: bytes) -> None:
    """Sign a plan for a team.

    Raises as `read_plan` does, and UsageError if the plan does not need it.
    """
    found = read_plan(path, {team: key})
    asked = found.planned.approvals
    if team not in asked:
        whose = f"only of {', '.join(asked)}" if asked else "nor of any other team"
        raise UsageError(f"the plan needs no approval of {team}, {whose}")
    if team in found.approved:
        return
    line = msgspec.json.encode(_Approved(team, _signature(_lines(path)[0], key)))
    end = b"" if path.read_bytes().endswith(b"\n") else b"\n"
    with path.open("ab") as file:
        file.write(end + line + b"\n")


def _signature(line: bytes, key: bytes) -> str:
    return hmac.new(key, line, hashlib.sha256).hexdigest()


def _lines(path: Path) -> list[bytes]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): name a plan file") from None
    return lines or [b""]
