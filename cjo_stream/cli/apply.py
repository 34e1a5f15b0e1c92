"""`cjo-stream apply` and `status`."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cjo_stream.cli.canary import became, side
from cjo_stream.cli.hold import sentences, warn_behind
from cjo_stream.cli.option import Json, Retire, Team, To, Yes, login, topology_folder
from cjo_stream.cli.place import State, installation_of
from cjo_stream.cli.terminal import (
    confirm,
    count,
    note,
    note_diagnostic,
    numbered,
    ranges,
    say,
    say_json,
    warn,
)
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.definition import Authorship, DefinitionSet
    from cjo_stream.governance.file import PlanFile
    from cjo_stream.installation.answer import Applied, TakenFile
    from cjo_stream.installation.port import Installation

Key = TypeVar("Key", bound=Hashable)


def apply(
    context: typer.Context,
    topology: Annotated[
        str | None,
        typer.Argument(
            metavar="[TOPOLOGY]",
            help="A folder of definitions, the name of a bundled topology, or the file of a plan.",
        ),
    ] = None,
    to: To = None,
    why: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Why: kept with the set, and shown by `status`."),
    ] = None,
    yes: Yes = False,
    keep_key: Annotated[
        bool,
        typer.Option(
            "--keep-key",
            help="On Kafka: store the tenant key of an installation that has none stored yet.",
        ),
    ] = False,
    state: State = None,
    team: Team = None,
    retire: Retire = False,
    key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEAM=FILE",
            help="The file of a team's key, to check its approval of a plan. May be repeated.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Put a topology in force, or a plan; return when it is in force everywhere.

    A plan is the file of `plan --out`. It is refused if another set has come into force since, or
    if it would change more customers than it allows. With --to, a former set comes into force
    again, as a new one.

    If it is interrupted, the same command continues where it stopped.
    """
    from cjo_stream.governance.permit import Permit

    installation = installation_of(context, state, keep_key=keep_key)
    plan = _plan(topology, key or [])
    definitions = (
        plan.definitions if plan is not None else candidate_of(installation, topology, to)
    )
    for found in definitions.warnings:
        note_diagnostic(found)
    if plan is not None:
        team, retire = team or plan.planned.team, retire or plan.planned.retire
    permit = Permit(installation.in_force(), definitions, team, plan)
    _show_impact(installation, definitions, plan, retire=retire)
    program = definitions.program
    confirm(
        f"Apply {program.topology} ({numbered(len(program.journeys), 'journey')}, "
        f"{numbered(len(program.actions), 'action')}) to {installation.place}?",
        yes,
    )
    signed = definitions.signed(_authorship(team, why))
    applied = installation.apply(signed, note, permit.check, retire=retire)
    if json:
        say_json(applied)
    else:
        say_applied(applied)


def candidate_of(
    installation: Installation, topology: str | None, to: int | None
) -> DefinitionSet:
    """Return the set that is to follow: of a folder, or a former one; raises UsageError."""
    from cjo_stream import definition

    if (topology is None) == (to is None):
        raise UsageError(
            "which set? Name a folder of definitions, or a former set by --to and its number in "
            "`cjo-stream status`; not both"
        )
    if to is not None:
        return definition.reload(installation.former(to))
    assert topology is not None
    return definition.load(topology_folder(topology))


def _authorship(team: str | None, why: str | None) -> Authorship:
    """Return the author of a set: the team, or else the login name on this machine."""
    from cjo_stream.definition import Authorship

    return Authorship(at=time.time_ns() // 1_000_000, who=team or login(), why=why)


def _plan(topology: str | None, keys: list[str]) -> PlanFile | None:
    """Return the plan to apply, if a file is named; raises UsageError."""
    path = Path(topology) if topology is not None else None
    if path is None or not path.is_file():
        if keys:
            raise UsageError("--key is for approvals: apply the file of a plan")
        return None
    from cjo_stream.governance.file import read_key, read_plan

    files = {}
    for written in keys:
        team, is_, file = written.partition("=")
        if not is_:
            raise UsageError(f"--key {written}: write TEAM=FILE, as growth=growth.key")
        files[team] = read_key(Path(file))
    return read_plan(path, files)


def _show_impact(
    installation: Installation, definitions: DefinitionSet, plan: PlanFile | None, *, retire: bool
) -> None:
    """Print a set's impact; raise RefusalError if it changes more customers than a plan allows."""
    from cjo_stream.governance.plan import make_plan
    from cjo_stream.governance.sentence import impact_sentences

    population = installation.population()
    if population is None:
        return
    now = make_plan(population, definitions, retire=retire)
    if not now.changes:
        return
    for sentence in impact_sentences(now):
        note(sentence)
    if plan is not None:
        plan.check_changed(now.people.changed, now.people.customers)


def say_applied(applied: Applied) -> None:
    """Print the result of an `apply`, and the slots of intake that have not switched yet."""
    number = applied.number
    if applied.changed:
        say(f"set {number} is in force")
    else:
        say(f"nothing changed: set {number} was in force already")
    if applied.behind:
        warn(
            f"intake has not switched to it yet in {', '.join(applied.behind)}: is it running? "
            "It switches before it takes new records"
        )


def status(context: typer.Context, state: State = None, json: Json = False) -> int:
    """Print which definition set is in force where; exit 1 if a partition does not answer."""
    from cjo_stream.installation.known import applied
    from cjo_stream.installation.unrecorded import unrecorded

    found = installation_of(context, state).status()
    silent = [number for number, active in found.partitions.items() if active is None]
    if json:
        say_json(found)
        return 1 if silent else 0
    if found.topology is None:
        to = "" if state is None else f" --state {state}"
        say(f"nothing is applied yet: run `cjo-stream apply TOPOLOGY{to}`")
    else:
        say(f"{found.topology}, definition set {found.applied}")
    for one in found.sets:
        say(f"set {one.number}: {'put in force by a run' if one.by is None else applied(one.by)}")
    for sentence in unrecorded(one.switched for one in found.sets):
        say(sentence)
    pairs = ((active, number) for number, active in found.partitions.items())
    for active, numbers in _gathered(pairs).items():
        what = "partition" if len(numbers) == 1 else "partitions"
        say(f"{what} {ranges(numbers)}: {'no answer' if active is None else f'set {active}'}")
    for number, reached in found.rolling_out.items():
        say(f"partition {number}: reaching sleeping customers, {count(reached)} so far")
    for journey, versions in sorted(found.instances.items()):
        for version, states in sorted(versions.items()):
            live = ", ".join(f"{count(n)} in {state}" for state, n in sorted(states.items()))
            if live:
                say(f"live: {journey} {version}: {live}")
    for canary in found.canaries:
        decided = f", {became(canary.verdict)}" if canary.verdict else ""
        share = f"{canary.share * 100:.4g}% of customers"
        say(f"canary: {canary.journey} {canary.version}: {share}{decided}")
        for guard in canary.guards:
            inside = side(guard.inside, guard.inside_value)
            say(f"  {guard.metric}: {inside}; outside {side(guard.outside, guard.outside_value)}")
    for sentence in sentences(found.holding):
        say(sentence)
    if found.holding.holds:
        warn_behind(found.holding)
    for file in found.files:
        say(f"taken: {_taken(file)}")
    for (topic, set_), numbers in sorted(_gathered(_intake(found.intake or {})).items()):
        say(f"intake {topic}/{ranges(numbers)}: set {set_}")
    if found.engine == "compiled":
        say("engine here: compiled")
    if found.begun > found.applied:
        warn(f"set {found.begun} was not applied completely: run the same command again")
    if found.intake is None:
        warn("which set intake uses cannot be told now: ask again")
    for difference in found.libraries:
        warn(f"{difference}: install that version, or apply the topology again with the new one")
    if silent:
        warn(f"partitions {silent} do not answer: are worker and dispatch running?")
    return 1 if silent else 0


def _intake(places: Mapping[str, int]) -> Iterator[tuple[tuple[str, int], int]]:
    """Yield (topic, set) and partition of each place of intake, as topic/partition."""
    for place, set_ in places.items():
        topic, _, partition = place.rpartition("/")
        yield (topic, set_), int(partition)


def _gathered(pairs: Iterable[tuple[Key, int]]) -> dict[Key, list[int]]:
    """Return the numbers of each key, rising."""
    found: dict[Key, list[int]] = {}
    for key, number in sorted(pairs, key=lambda pair: pair[1]):
        found.setdefault(key, []).append(number)
    return found


def _taken(file: TakenFile) -> str:
    """Return what was taken of a file, in words; its path from here, if it lies below."""
    path = Path(file.path) if file.path is not None else Path("standard input")
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    rows = "the rest given up" if file.is_given_up else numbered(file.rows, "row")
    refused = f", {count(file.refused)} of them refused" if file.refused else ""
    return f"{shown}, {rows}{refused} ({numbered(file.bytes, 'byte')})"
