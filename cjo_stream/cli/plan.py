"""`cjo-stream plan` and `approve`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.apply import candidate_of
from cjo_stream.cli.option import Json, Retire, Team, To, topology_folder
from cjo_stream.cli.place import State, installation_of
from cjo_stream.cli.terminal import (
    note,
    note_diagnostic,
    numbered,
    say,
    say_diagnostic,
    say_json,
)
from cjo_stream.errors import Diagnostic, UsageError

if TYPE_CHECKING:
    from cjo_stream.definition import DefinitionSet
    from cjo_stream.governance.file import Budget
    from cjo_stream.governance.plan import Plan
    from cjo_stream.installation.answer import Population

CHANGED: Final = 3
"""The exit code of `--exit-code` where something changes."""
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]+)?)%")


def plan(
    context: typer.Context,
    sets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LIVE] CANDIDATE",
            help="The folder that is live, and the one to put in force. Without LIVE: the set in "
            "force in --state, or on Kafka.",
        ),
    ] = None,
    to: To = None,
    state: State = None,
    team: Team = None,
    retire: Retire = False,
    most: Annotated[
        str | None,
        typer.Option(
            "--max-customers-changed",
            metavar="SHARE",
            help="Exit with 1 where more customers have an instance that moves or ends: a share "
            "of all, as 5%, or a number.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PLAN", help="Write the plan to a file, for `apply PLAN`."),
    ] = None,
    advice: Annotated[
        bool,
        typer.Option(
            "--advice", help="Also give the advice on the candidate that LIVE does not get."
        ),
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 3 where something changes.")
    ] = False,
    json: Json = False,
) -> int:
    """Show what a candidate changes: in the definitions, and for the customers in its journeys.

    The command itself changes nothing. The exit code is 1 where the candidate is refused, or
    changes too many customers.
    """
    from cjo_stream.governance.plan import make_plan

    live, candidate = _pair(context, sets or [], to, state)
    for found in candidate.warnings:
        note_diagnostic(found)
    planned = make_plan(live, candidate, team, retire=retire)
    budget = None if most is None else _budget(most)
    people = planned.people
    given = _advise(live, candidate) if advice else None
    if json:
        listed = {} if given is None else {"advice": [one._asdict() for one in given]}
        say_json({**planned.as_data(), **listed})
    else:
        _say(planned)
        for found in given or ():
            say_diagnostic(found)
    if planned.refused:
        note(f"error: refused for {numbered(len(planned.refused), 'reason')}")
        return 1
    if budget is not None and people.changed > budget.of(people.customers):
        changed = numbered(people.changed, "customer")
        note(f"error: {changed} would be changed, more than --max-customers-changed {most}")
        return 1
    if out is not None:
        from cjo_stream.governance.file import Budget, write_plan
        from cjo_stream.governance.file import planned as in_file

        # Two folders have no customers: a share is one of those that `apply` finds.
        if budget is not None and len(sets or []) != 2:
            budget = Budget(budget.of(people.customers))
        write_plan(
            out,
            in_file(planned, live.content, candidate, team=team, retire=retire, budget=budget),
        )
    return CHANGED if exit_code and planned.changes else 0


def _pair(
    context: typer.Context, sets: list[str], to: int | None, state: Path | None
) -> tuple[Population, DefinitionSet]:
    """Return the live set and the candidate; raises UsageError."""
    from cjo_stream.definition import load
    from cjo_stream.governance.plan import live_folder

    if len(sets) > 2 or (len(sets) == 2 and (state is not None or to is not None)):
        raise UsageError(
            "a plan compares two sets: give LIVE and CANDIDATE; or CANDIDATE alone, to compare it "
            "with the set in force on Kafka or in --state DIR"
        )
    if len(sets) == 2:
        live, candidate = (load(topology_folder(one)) for one in sets)
        return live_folder(live), candidate
    installation = installation_of(context, state)
    candidate = candidate_of(installation, sets[0] if sets else None, to)
    population = installation.population()
    if population is None:
        raise UsageError(f"nothing is applied to {installation.place} yet: name a folder as LIVE")
    return population, candidate


def _advise(live: Population, candidate: DefinitionSet) -> list[Diagnostic]:
    """Return the advice on the candidate that the set in force does not get."""
    from cjo_stream.definition import DefinitionSet, compile_stored
    from cjo_stream.definition.advice import advise_anew

    before = DefinitionSet(compile_stored(live.content), live.content, [], "")
    return advise_anew(before, candidate)


def _budget(most: str) -> Budget:
    """Return how many customers may be changed; raises UsageError."""
    from cjo_stream.governance.file import Budget

    written = _PERCENT.fullmatch(most)
    if written is not None and float(written[1]) <= 100:
        return Budget(percent=float(written[1]))
    if most.isascii() and most.isdigit():
        return Budget(int(most))
    raise UsageError(f"--max-customers-changed {most}: write a share, as 5%, or a whole number")


def _say(planned: Plan) -> None:
    from cjo_stream.governance.sentence import sentences

    for sentence in sentences(planned):
        say(sentence)
    for row in planned.refused:
        what = row.what if row.what == "owner" else f"{row.what}: {row.name}"  # `at` has the file
        note(f"{row.at}: error {what}: {row.why}")


def approve(
    file: Annotated[Path, typer.Argument(metavar="PLAN", help="A file of `plan --out`.")],
    team: Annotated[
        str, typer.Option("--as", metavar="TEAM", help="The team that approves the plan.")
    ],
    key: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="The file of the team's key, a secret of 16 bytes or more."
        ),
    ],
) -> None:
    """Approve a plan for a team: sign it with the team's key."""
    from cjo_stream.governance.file import approve as sign
    from cjo_stream.governance.file import read_key

    sign(file, team, read_key(key))
    say(f"{file} is approved by {team}")
