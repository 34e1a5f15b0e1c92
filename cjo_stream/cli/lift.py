"""`cjo-stream report lift`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cjo_stream.cli.attribution import shares_in, warn_of_sizes
from cjo_stream.cli.option import Json, Shares
from cjo_stream.cli.place import Results, records_of
from cjo_stream.cli.terminal import count, say, say_json, say_table
from cjo_stream.cli.unrecorded import note_unrecorded
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.core.program.program import Program
    from cjo_stream.core.record import Decision, IdentityChange, Transition
    from cjo_stream.insight.cohort import Cohorts, Lift
    from cjo_stream.insight.estimate import Estimate
    from cjo_stream.insight.lift import Difference
    from cjo_stream.installation.port import Records

UNIVERSAL: Final = "(universal)"


def lift(
    context: typer.Context,
    results: Results = None,
    value: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Also compare this trait or fact; needs DIR.",
        ),
    ] = None,
    topology: Shares = None,
    json: Json = False,
) -> None:
    """Compare held-out and treated customers.

    It prints the effect on a customer and on all treated ones together, and the smallest effect
    that this sample can detect. The comparison
    starts with the first choice made for each customer. Customers that were in both groups
    before a merge are left out; how many were in which group first is said.
    """
    from cjo_stream.insight.cohort import Cohorts

    if results is None and value is not None:
        raise UsageError("--value reads customers.jsonl: name the results of a `run`")
    cohorts = Cohorts()
    records = records_of(context, results)
    for record in holdouts_in(records):
        cohorts.add(record)
    note_unrecorded(records.switched(), "transition", "decision")
    values = _values(results, value) if results is not None and value is not None else None
    found = compare(cohorts, None if topology is None else _program(topology), values)
    if json:
        say_json([_summary(one) for one in found])
    elif found:
        say_lift(found, value)
    else:
        say(_why_nothing(cohorts.held_out_journeys()))


def _why_nothing(journeys: list[str]) -> str:
    """Return why nothing can be compared; `journeys` are those with held-out customers."""
    if journeys:
        return (
            f"no choice has been made yet for a customer held out of {', '.join(journeys)}: "
            "customers are compared from their first choice on"
        )
    return (
        "no customer has been held out yet: a journey's `holdout` counts once a held-out customer "
        "has entered, the policy's once it has stopped an action"
    )


def holdouts_in(records: Records) -> Iterator[Decision | Transition | IdentityChange]:
    """Yield the records that show holdouts."""
    from cjo_stream.core import record

    yield from records.read(record.IdentityChange)
    yield from records.read(record.Transition)
    yield from records.read(record.Decision)


def _values(results: Path, name: str) -> dict[str, float]:
    from cjo_stream.embedded.results import values

    return values(results, name)


def _program(topology: str) -> Program:
    from cjo_stream.cli.option import topology_folder
    from cjo_stream.definition import load

    return load(topology_folder(topology)).program


def compare(
    cohorts: Cohorts, program: Program | None, values: dict[str, float] | None = None
) -> list[Lift]:
    """Return the comparisons; warn of those that are withheld, by the shares of a program."""
    shares: dict[str | None, float] = {}
    if program is not None:
        shares[None] = program.policy.holdout
        shares.update(shares_in(program).items())
    found = cohorts.compare(values, shares)
    for one in found:
        if one.is_withheld and one.share is not None and one.chance is not None:
            sizes = one.treated.customers, one.held_out.customers
            warn_of_sizes(one.journey or UNIVERSAL, sizes, (one.share, one.chance))
    return found


def _summary(one: Lift) -> dict[str, Any]:
    import msgspec

    return {**msgspec.to_builtins(one), "journey": one.journey}


def say_lift(found: list[Lift], value: str | None = None) -> None:
    """Print a table of comparisons; with `value`, also of that trait or fact."""
    rows: list[tuple[str, ...]] = []
    for one in found:
        sizes = (one.treated.customers, one.held_out.customers)
        none = "withheld" if one.is_withheld else "too few"
        rows.append((one.journey or UNIVERSAL, *_row(one.rate, sizes, "{:.2%}", none)))
        rows += _gained("goals, in all", one.goals_gained, "{:,.1f}")
        if value is not None:
            rows.append((f"  {value}", *_row(one.value, sizes, "{:,.2f}", none)))
            rows += _gained("in all", one.value_gained, "{:,.0f}")
    columns = ("holdout", "#treated", "#held out", "#lift", "#from", "#to (95 %)", "#seen from")
    say_table("Lift of the goal rate", columns, rows)
    for one in found:
        if one.mixed.customers:
            say(f"{one.journey or UNIVERSAL}: {one.mixed.told}")
    if any(one.rate is not None and not one.rate.is_seen for one in found):
        say(
            "An interval around 0 means that no effect was detected, not that there is none: "
            "groups of this size detect a lift of `seen from` or more in four of five cases"
        )


def _row(
    difference: Difference | None, sizes: tuple[int, int], form: str, none: str
) -> tuple[str, str, str, str, str, str]:
    treated, held_out = (count(size) for size in sizes)
    if difference is None:
        return (f"({treated})", f"({held_out})", none, "", "", "")
    lift = difference.lift
    return (
        f"{form.format(difference.treated)} ({treated})",
        f"{form.format(difference.held_out)} ({held_out})",
        form.format(lift.value),
        form.format(lift.low),
        form.format(lift.high),
        form.format(difference.detectable),
    )


def _gained(of: str, found: Estimate | None, form: str) -> list[tuple[str, ...]]:
    if found is None:
        return []
    limits = (form.format(one) for one in (found.value, found.low, found.high))
    return [(f"  {of}", "", "", *limits, "")]
