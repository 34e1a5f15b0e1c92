"""`cjo-stream report identity`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cjo_stream.cli.option import Json
from cjo_stream.cli.terminal import count, say, say_json, say_table
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.simulate.score import Score


def identity(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The --out folder of a `run`.")],
    truth: Annotated[
        Path,
        typer.Option(metavar="TRUTH.jsonl", help="The truth that `simulate --truth` wrote."),
    ],
    json: Json = False,
) -> None:
    """Compare a run's customers with the simulated people: precision and recall over pairs."""
    from cjo_stream import simulate
    from cjo_stream.embedded import results
    from cjo_stream.simulate.score import score

    found = score(simulate.read_truth(truth), results.identifiers(out))
    if not found.people:
        raise UsageError(
            f"no customer of {out} is in {truth}: name the truth that the same `simulate` wrote "
            "with those events"
        )
    if json:
        say_json(_summary(found))
    else:
        _say(found)


def _summary(found: Score) -> dict[str, object]:
    import msgspec

    ratios = {"precision": found.precision, "recall": found.recall, "f1": found.f1}
    rounded = {name: round(share, 6) for name, share in ratios.items()}
    return {**rounded, **msgspec.structs.asdict(found)}


def _say(found: Score) -> None:
    say_table(
        "Pairs of identifiers",
        ("", "#pairs", "#share"),
        (
            ("joined", found.joined, ""),
            ("joined, and one person's: precision", found.right, f"{found.precision:.2%}"),
            ("of one person", found.belonging, ""),
            ("of one person, and joined: recall", found.right, f"{found.recall:.2%}"),
        ),
    )
    say(f"F1 {found.f1:.4f}")
    say(
        f"{count(found.people)} people, {count(found.customers)} customers: {count(found.exact)} "
        f"are exactly one person, {count(found.mixed)} mix several; "
        f"{count(found.split)} people are several customers"
    )
    say(
        f"Left out: {count(found.shared)} identifiers that several people share, and "
        f"{count(found.unknown)} that are not in the truth"
    )
