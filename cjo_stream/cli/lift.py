"""`cjo-stream report lift`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cjo_stream.cli.option import Json, operator_settings
from cjo_stream.cli.terminal import count, say, say_json, say_table
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.core.evaluation.cohort import Lift
    from cjo_stream.core.evaluation.lift import Difference
    from cjo_stream.core.record import Decision, IdentityChange, Transition


def lift(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="The results of a `run` or a demo; none: on Kafka."),
    ] = None,
    value: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A trait or fact that says what a customer is worth; of results in DIR.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Compare held-out and treated customers: what it changed, and what could have been seen.

    From the first choice that was made for a customer on. Those who were in both groups before
    they were known to be one are left out.
    """
    from cjo_stream.core.evaluation.cohort import Cohorts

    if folder is None and value is not None:
        raise UsageError("--value reads customers.jsonl: name the results of a `run`")
    cohorts = Cohorts()
    for record in _on_kafka(context) if folder is None else _in(folder):
        cohorts.take(record)
    values = _values(folder, value) if folder is not None and value is not None else None
    found = cohorts.compare(values)
    if json:
        say_json([_figures(one) for one in found])
    elif found:
        _say(found, value)
    else:
        say("nobody was held out: give a journey or the policy a `holdout`")


def _in(folder: Path) -> Iterator[Decision | Transition | IdentityChange]:
    from cjo_stream.embedded import results

    yield from results.identities(folder)
    yield from results.transitions(folder)
    yield from results.decisions(folder)


def _values(folder: Path, name: str) -> dict[str, float]:
    from cjo_stream.embedded import results

    return results.values(folder, name)


def _on_kafka(context: typer.Context) -> Iterator[Decision | Transition | IdentityChange]:
    from cjo_stream.core import record
    from cjo_stream.kafka import records

    settings = operator_settings(context)
    yield from records.read(settings, "identity", record.IdentityChange)
    yield from records.read(settings, "transition", record.Transition)
    yield from records.read(settings, "decision", record.Decision)


def _figures(one: Lift) -> dict[str, Any]:
    import msgspec

    return {**msgspec.to_builtins(one), "journey": one.journey}


def _say(found: list[Lift], value: str | None) -> None:
    rows = []
    for one in found:
        name = one.journey or "(all: universal holdout)"
        sizes = (count(one.treated.customers), count(one.held_out.customers))
        rows.append((name, "goal rate", *sizes, *_row(one.rate, "{:.2%}")))
        if value is not None:
            rows.append((name, value, *sizes, *_row(one.value, "{:.2f}")))
    columns = ("holdout", "of", "#treated", "#held out", "#treated", "#held out", "#lift")
    say_table("Lift", (*columns, "95 % interval", "#detectable"), rows)
    mixed = sum(one.mixed for one in found)
    if mixed:
        say(f"{count(mixed)} customers left out: they were in both groups, and then merged")
    unseen = [one for one in found if one.rate is not None and not one.rate.is_seen]
    if unseen:
        say(
            "An interval around 0 says that nothing was seen, not that nothing is there: "
            "`detectable` is the rise that groups of this size show in four of five cases"
        )


def _row(difference: Difference | None, form: str) -> tuple[str, str, str, str, str]:
    if difference is None:
        return ("", "", "", "too few", "")
    lift = difference.lift
    return (
        form.format(difference.treated),
        form.format(difference.held_out),
        form.format(lift.value),
        f"{form.format(lift.low)} to {form.format(lift.high)}",
        form.format(difference.detectable),
    )
