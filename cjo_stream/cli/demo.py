"""`cjo-stream demo`."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.option import Json, Out, topology_folder
from cjo_stream.cli.terminal import Ticker, count, note, numbered, say, say_json, say_table
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.core.learning.calibration import Calibration
    from cjo_stream.core.program.program import Program
    from cjo_stream.embedded.demo import DemoResult
    from cjo_stream.embedded.run import Summary
    from cjo_stream.simulate import Payoff
    from cjo_stream.simulate.score import Score
    from cjo_stream.simulate.world import Hidden

START_MS: Final = 1_767_571_200_000
"""2026-01-05, a Monday: fixed, so that every run has the same traffic."""
DAY_MS: Final = 86_400_000
QUIET_MS: Final = 3 * DAY_MS
"""The time after the last day in which people still answer and journeys end."""
TRAFFIC: Final = "traffic"
REPORT: Final = "report.html"
LAYER: Final = "layer"
INSIGHT: Final = ("duckdb", "pyarrow")
"""The modules of the extra `insight` that a report needs."""
_TIME_AT_END: Final = re.compile(r", [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]+Z$")


def demo(
    out: Out = Path("cjo-demo"),
    people: Annotated[int, typer.Option(min=1, help="Simulated people.")] = 1_000,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="Simulated days.")] = 28,
    seed: Annotated[int, typer.Option(help="Seed of the simulated people.")] = 1,
    topology: Annotated[str, typer.Option(help="shop or telco.")] = "shop",
    json: Json = False,
) -> None:
    """Simulate a shop and its customers: no server, about a minute.

    If it is killed, the same command continues where it stopped.
    """
    from cjo_stream import definition, ingest, simulate
    from cjo_stream.embedded import results
    from cjo_stream.embedded.demo import demo as run_demo
    from cjo_stream.embedded.loop import Span
    from cjo_stream.settings import DEMO_TENANT_KEY
    from cjo_stream.simulate.score import score

    folder = topology_folder(topology)
    definitions = definition.load(folder)
    end_ms = START_MS + days * DAY_MS
    world = simulate.open_world(
        definitions.program.topology,
        people=people,
        seed=seed,
        start_ms=START_MS,
        duration_ms=days * DAY_MS,
        quiet_ms=QUIET_MS,
    )
    hidden = world.hidden
    if hidden is None:
        raise UsageError(
            f"the people of {topology} answer nothing, which a demo needs: name shop or telco, or "
            f"use `cjo-stream simulate {topology}` and `cjo-stream run {topology}`"
        )
    lane = f"{definitions.program.topology}-{people}-{days}-{seed}"
    is_replaced = (out / "summary.json").exists()
    resumed = prepare(out, lane)
    if not json:
        note(
            f"{count(people)} simulated people, {numbered(days, 'day')}, through "
            f"{numbered(len(definitions.program.journeys), 'journey')} of {folder}"
            f"{': going on' if resumed else ''}"
            f"{f'; the results in {out} are replaced' if is_replaced else ''}"
        )
    population = simulate.People(world, definitions.program)
    with Ticker(quiet=json) as ticker:
        result = run_demo(
            definitions,
            population,
            ingest.decoder(definitions.program, DEMO_TENANT_KEY.encode()),
            out,
            lane=lane,
            span=Span(START_MS, end_ms + QUIET_MS, simulate.SOONEST_MS),
            report=ticker.show,
        )
    payoff = _payoff(hidden, out, days)
    if json:
        predicted = {name: one._asdict() for name, one in _predicted(out).items()}
        shown = {"people": len(population.met), "result": result, "payoff": payoff}
        say_json({**shown, "predictions": predicted})
        return
    _say_counts(result)
    _say_payoff(payoff)
    _say_lift(out, definitions.program)
    _say_predicted(_predicted(out))
    truth = simulate.truth(definitions.program.topology, people=people, seed=seed)
    found = score(truth, results.identifiers(out))
    _say_end(result.summary, len(population.met), found, folder, out)
    _report(out)


def _report(out: Path) -> None:
    """Write the report on the demo's journeys, and print where it is."""
    page, layer = out / REPORT, out / LAYER
    if not all(map(importlib.util.find_spec, INSIGHT)):
        say(
            f"  pip install 'cjo-stream[insight]'; cjo-stream insight sink {out} --layer {layer}; "
            f"cjo-stream report journeys --layer {layer} --html {page}   a report"
        )
        return
    from cjo_stream.cli.reports import ask, write
    from cjo_stream.insight.filling.sink import Sink
    from cjo_stream.insight.report.journeys import journeys

    shutil.rmtree(layer, ignore_errors=True)
    sink = Sink(str(layer))
    sink.take_run(out)
    sink.publish()
    write(journeys(ask(str(layer))), page)
    say(f"  {page}   a report on the journeys: open it in a browser")


def _payoff(hidden: Hidden, out: Path, days: int) -> Payoff:
    """Return the value of the choices, by the hidden model behind the people's answers."""
    from cjo_stream.simulate import payoff

    with (
        (out / "decisions.jsonl").open("rb") as decisions,
        (out / "actions.jsonl").open("rb") as commands,
    ):
        return payoff(
            decisions,
            commands,
            hidden,
            begin_ms=START_MS,
            span_ms=7 * DAY_MS,
            spans=max(1, days // 7),
        )


def prepare(out: Path, lane: str) -> bool:
    """Make `out` ready for the traffic `lane`; return whether an unfinished demo goes on.

    Raises UsageError where the folder holds something that is no demo's.
    """
    state = out / "state"
    if out.is_dir() and any(out.iterdir()):
        if not (state.exists() or (out / "summary.json").exists()):
            raise UsageError(f"{out} holds no demo's results: name another folder with --out")
        noted = state / TRAFFIC
        if noted.exists() and noted.read_text() == lane:
            return not (out / "summary.json").exists()
        # The state of another demo: its customers must not mix with ours.
        shutil.rmtree(state, ignore_errors=True)
    try:
        state.mkdir(parents=True, exist_ok=True)
        (state / TRAFFIC).write_text(lane)
    except OSError as error:
        raise UsageError(
            f"{out} cannot be written to ({error.strerror}): name another folder with --out"
        ) from None
    return False


def _say_counts(result: DemoResult) -> None:
    """Print the counts of the journeys' instances, of commands, and of stopped candidates."""
    say_table(
        "Journeys",
        ("journey", "#entered", "#goals", "ends by outcome"),
        (
            (
                name,
                of.entered,
                of.goals,
                ", ".join(f"{outcome} {count(by)}" for outcome, by in sorted(of.ends.items())),
            )
            for name, of in result.journeys.items()
        ),
    )
    say_table(
        "Action commands",
        ("channel", "#commands", "by action"),
        (
            (
                channel,
                sum(by.values()),
                ", ".join(f"{action} {count(n)}" for action, n in sorted(by.items())),
            )
            for channel, by in result.actions.items()
        ),
    )
    say_table(
        "Candidates that a gate stopped",
        ("gate", "#candidates", "by issue", "mostly by"),
        (
            (
                gate,
                of.candidates,
                ", ".join(f"{issue} {count(n)}" for issue, n in of.issues.items()),
                ", ".join(f"{rule} {count(n)}" for rule, n in _most(of.rules)),
            )
            for gate, of in result.gates.items()
        ),
    )


def _say_end(summary: Summary, people: int, found: Score, folder: Path, out: Path) -> None:
    """Print the totals, and where to look next."""
    say(
        f"{numbered(summary.events, 'event')} in {summary.wall_seconds:.1f} s "
        f"({count(round(summary.events_per_second))} events/s); {count(summary.repeated)} "
        f"repeated, {count(summary.late)} late, {numbered(summary.dead_letters, 'dead letter')}"
    )
    say(
        f"{count(people)} people came by, {count(summary.customers)} customers were found: of the "
        f"pairs of identifiers\nthat were joined {found.precision:.1%} are one person's, of those "
        f"of one person {found.recall:.1%} were joined"
    )
    say()
    say(f"The results are in {out}: actions.jsonl, transitions.jsonl, customers.jsonl, ...")
    say("What to look at next:")
    say(f"  {folder}/README.md   what ran, file by file")
    say(f"  head -3 {out}/actions.jsonl   what was sent")
    say(
        f"  tail -1 {out}/decisions.jsonl   every candidate, the gate that stopped it, its weights"
    )
    say(f"  cjo-stream dead-letters list {out}   records that the traffic breaks on purpose")
    say(f"  cjo-stream report lift {out} --value spend_365d   what the held-out spent")


def _say_payoff(payoff: Payoff) -> None:
    """Print the value of the choices, and of those that simpler policies would have made."""
    spans = [(f"week {number}", span) for number, span in enumerate(payoff.spans, 1)]
    single = "/".join(payoff.single) if payoff.single else "nothing"
    say_table(
        "Sales expected a choice, of what was sent and of what other rules would have sent",
        (
            *("", "#choices", "#sent", "#of the best", "#at random", f"#always {single}"),
            *("#fixed order", "#the best"),
        ),
        (
            (
                name,
                of.choices,
                f"{of.chosen / of.choices:.2f}",
                f"{of.chosen / of.best:.0%}",
                *(f"{sum_ / of.choices:.2f}" for sum_ in (of.uniform, of.single, of.ranking)),
                f"{of.best / of.choices:.2f}",
            )
            for name, of in [*spans, ("all", payoff.total)]
            if of.choices and of.best
        ),
    )
    say(
        "At each choice of `decide`, among the candidates that passed, by the hidden model of\n"
        "people's answers. `always` and `fixed order` are the best of their kind in hindsight;\n"
        "only a policy that knows the model could reach `the best`."
    )
    say()


def _say_lift(out: Path, program: Program) -> None:
    """Print the comparison of treated and held-out customers."""
    from cjo_stream.cli.lift import compare, holdouts_in, say_lift
    from cjo_stream.embedded.results import FileRecords
    from cjo_stream.insight.cohort import Cohorts

    cohorts = Cohorts()
    for record in holdouts_in(FileRecords([out])):
        cohorts.add(record)
    say_lift(compare(cohorts, program))
    say()


def _predicted(out: Path) -> dict[str, Calibration]:
    """Return how far each prediction was from what came."""
    from cjo_stream.core.learning.calibration import Outcomes
    from cjo_stream.core.record import Prediction
    from cjo_stream.embedded.results import FileRecords

    outcomes = Outcomes()
    for record in FileRecords([out]).read(Prediction):
        outcomes.add(record)
    return dict(outcomes.calibrations())


def _say_predicted(predicted: dict[str, Calibration]) -> None:
    if not predicted:
        return
    say_table(
        "Latest outcomes of predictions",
        ("prediction", "#outcomes", "#predicted", "#came true", "#calibration error"),
        (
            (name, of.outcomes, f"{of.predicted:.1%}", f"{of.came:.1%}", f"{of.error:.3f}")
            for name, of in predicted.items()
        ),
    )
    say()


def _most(rules: dict[str, int], most: int = 3) -> list[tuple[str, int]]:
    """Return the rules that stopped most candidates, the strongest first.

    A rule of consent ends with the time of its statement, by which it is not told apart here.
    """
    summed: Counter[str] = Counter()
    for rule, number in rules.items():
        summed[_TIME_AT_END.sub("", rule)] += number
    return sorted(summed.items(), key=lambda pair: (-pair[1], pair[0]))[:most]
