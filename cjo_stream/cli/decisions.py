"""`cjo-stream decisions`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cjo_stream.cli.explain import explain
from cjo_stream.cli.option import Json, read_duration, topology_folder
from cjo_stream.cli.terminal import count, say, say_json, say_table
from cjo_stream.cli.unrecorded import note_unrecorded
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.core.record import Decision
    from cjo_stream.insight.case import Row
    from cjo_stream.insight.estimate import Case, Evaluation
    from cjo_stream.insight.policy import Policy

UNIFORM: Final = "uniform"
FIXED: Final = "fixed:"
NO_CLIP: Final = 0.0

app: Final = typer.Typer(
    help="Explain decisions, and estimate what other policies would have earned.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Decisions that were made."""


app.command()(explain)


@app.command()
def evaluate(
    log: Annotated[
        Path,
        typer.Argument(
            metavar="LOG",
            help="The --out folder of a `run`, or a file of choices: .jsonl or .csv (also .gz).",
        ),
    ],
    candidate: Annotated[
        str,
        typer.Argument(
            metavar="CANDIDATE", help="A topology, `uniform`, or `fixed:ACTION/CHANNEL`."
        ),
    ],
    window: Annotated[
        str | None,
        typer.Option(metavar="7d", help="The reward window, if CANDIDATE is no topology."),
    ] = None,
    clip: Annotated[
        float, typer.Option(min=0.0, help="The largest weight of one choice; 0 means no limit.")
    ] = 100.0,
    action: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Of a log that is a file. Default: action."),
    ] = None,
    reward: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Of a log that is a file. Default: reward."),
    ] = None,
    probability: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Of a log that is a file. Default: probability."),
    ] = None,
    json: Json = False,
) -> int:
    """Estimate what another policy would have earned, from the choices that were made.

    The choices must have been made with some chance (`explore`). Exit 1 if the effective sample
    is too small for an estimate.
    """
    import math

    from cjo_stream.insight.estimate import evaluate

    pending = 0
    if log.is_dir():
        if action or reward or probability:
            raise UsageError("--action, --reward and --probability are for a log that is a file")
        cases, pending = _of_run(log, candidate, window)
    else:
        if window is not None:
            raise UsageError("--window is for the folder of a run: a file has the rewards")
        columns = action or "action", reward or "reward", probability or "probability"
        cases = _of_rows(log, candidate, columns)
    found = evaluate(cases, clip=math.inf if clip == NO_CLIP else clip)
    if json:
        say_json({"candidate": candidate, "pending": pending, **_summary(found)})
    else:
        _say(found, candidate, pending)
    return 0 if found.is_enough else 1


def _of_run(out: Path, candidate: str, window: str | None) -> tuple[list[Case], int]:
    from cjo_stream.core.record import Decision, Reward
    from cjo_stream.embedded.results import FileRecords
    from cjo_stream.insight.case import cases_of_decisions

    records = FileRecords([out])
    note_unrecorded(records.switched(), "decision", "reward")
    policy, window_ms = _policy(candidate)
    if window is not None:
        if candidate != UNIFORM and not candidate.startswith(FIXED):
            raise UsageError("--window is for `uniform` and fixed: a topology has its own")
        window_ms = read_duration(window, "--window")
    known: set[str] = set()
    decisions = _noting(records.read(Decision), known)
    found = cases_of_decisions(decisions, records.read(Reward), policy, window_ms)
    if candidate.startswith(FIXED):
        _check_is_known(candidate.removeprefix(FIXED), known)
    return found.cases, found.pending


def _noting(decisions: Iterable[Decision], known: set[str]) -> Iterator[Decision]:
    """Yield decisions; note the ACTION/CHANNEL of each candidate."""
    for decision in decisions:
        known.update(f"{one.action}/{one.channel}" for one in decision.candidates)
        yield decision


def _check_is_known(treatment: str, known: set[str]) -> None:
    """Raise UsageError for an ACTION/CHANNEL that no decision had among its candidates."""
    from cjo_stream.core.likeness import nearest

    if known and treatment not in known:
        near = nearest(treatment, known)
        meant = f"did you mean {FIXED}{near}?" if near else f"there are {', '.join(sorted(known))}"
        raise UsageError(f"no choice of this run was between {treatment} and others: {meant}")


def _policy(candidate: str) -> tuple[Policy, int]:
    """Return a policy by its name on the command line, and its reward window in ms."""
    from cjo_stream.core.program.program import Program
    from cjo_stream.definition import load
    from cjo_stream.insight import policy

    usual_ms: int = Program(topology="", channels={}, identifiers={}).reward_window_ms
    if candidate == UNIFORM:
        return policy.uniform, usual_ms
    if candidate.startswith(FIXED):
        action, slash, channel = candidate.removeprefix(FIXED).partition("/")
        if not (action and slash and channel):
            raise UsageError(f"{candidate}: write fixed:ACTION/CHANNEL")
        return policy.fixed(action, channel), usual_ms
    program = load(topology_folder(candidate)).program
    return policy.arbitrated(program), program.reward_window_ms


def _of_rows(path: Path, candidate: str, columns: tuple[str, str, str]) -> list[Case]:
    from cjo_stream.insight import case

    rows = list(_rows(path, columns))
    if candidate == UNIFORM:
        return case.cases_of_rows(rows)
    action = candidate.removeprefix(FIXED)
    if action == candidate or not any(row.action == action for row in rows):
        raise UsageError(f"{candidate}: of a file, `uniform` or fixed:ACTION with one of its own")
    return case.cases_of_rows(rows, action)


def _rows(path: Path, columns: tuple[str, str, str]) -> Iterator[Row]:
    from cjo_stream.ingest import files
    from cjo_stream.insight.case import Row

    for number, written in files.objects(str(path)):
        action, reward, probability = (_cell(written, name, path, number) for name in columns)
        try:
            row = Row(str(action), float(reward), float(probability))
        except (TypeError, ValueError):
            raise UsageError(
                f"{path}, line {number}: reward and probability are numbers: write them so"
            ) from None
        if not 0.0 < row.probability <= 1.0:
            raise UsageError(
                f"{path}, line {number}: a choice has a probability above 0, up to 1: write that"
            )
        yield row


def _cell(row: Mapping[str, Any], name: str, path: Path, number: int) -> Any:
    if name not in row:
        raise UsageError(
            f"{path}, line {number}: there is no `{name}`, only {', '.join(row)}: name the "
            "columns with --action, --reward, --probability"
        )
    return row[name]


def _summary(found: Evaluation) -> dict[str, Any]:
    import msgspec

    return {**msgspec.to_builtins(found), "enough": found.is_enough}


def _say(found: Evaluation, candidate: str, pending: int) -> None:
    rows = [("the choices made", found.logged)]
    rows += [
        (name, estimate)
        for name, estimate in (
            (f"{candidate}, IPW", found.ipw),
            (f"{candidate}, SNIPW", found.snipw),
            (f"{candidate}, doubly robust", found.dr),
        )
        if estimate is not None
    ]
    say_table(
        "Reward a choice",
        ("", "#estimate", "#from", "#to (95 %)"),
        ((name, f"{e.value:.6g}", f"{e.low:.6g}", f"{e.high:.6g}") for name, e in rows),
    )
    say(
        f"{count(found.cases)} choices, worth {found.effective:,.0f} equally weighted ones; "
        f"{count(found.clipped)} weights cut; {count(pending)} choices left out because their "
        "reward windows are still open"
    )
    if not found.is_enough:
        say(
            "No estimate: too few of these choices would have been the candidate's. Explore more, "
            "or wait for more"
        )
