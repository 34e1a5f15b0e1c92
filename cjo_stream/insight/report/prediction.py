"""The section on predictions: what was predicted, and what came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cjo_stream.insight.figure.prediction import counting, open_predictions
from cjo_stream.insight.report import word
from cjo_stream.insight.report.asking import Asking, Row
from cjo_stream.insight.report.content import Cell, Findings, Section, Sentence, Table


def predicted(asking: Asking) -> list[Section]:
    """Return the section; none where nothing was predicted in the period."""
    asking.forget_list()
    open_predictions(asking.connection, asking.period.begin, asking.period.end)
    rows = asking.query(counting())
    totals = [row for row in rows if row["bin"] is None]
    if not totals:
        return []
    command = asking.command("predictions")
    names = _names(totals)
    bins: list[list[Cell]] = [
        [
            names[_key(row)],
            row["bin"],
            row["count"],
            word.share(row["mean_probability"]),
            word.share(row["came_true"]),
        ]
        for row in rows
        if row["bin"] is not None
    ]
    columns = ["prediction", "#tenth", "#predictions", "#predicted", "#came true"]
    said = [Sentence(sentence(names[_key(row)], row), command) for row in totals]
    table = Table(
        "Predicted and come true, by tenths of the predictions", columns, bins, command,
        "The least likely tenth comes first.",
    )  # fmt: skip
    note = "Predictions that were made in the period, and whose time is over."
    return [Section("Predictions", [Findings(said), table], note)]


def sentence(name: str, row: Row) -> str:
    """Return what came of a prediction, and whether it beat plain guesses."""
    losses = {
        "the base rate": row["log_loss_base_rate"],
        "the last state alone": row["log_loss_last_state"],
    }
    won = [guess for guess, loss in losses.items() if row["log_loss"] < loss]
    lost = [guess for guess in losses if guess not in won]
    verdict = [
        f"{what} than {' and '.join(guesses)}"
        for what, guesses in (("better", won), ("no better", lost))
        if guesses
    ]
    error = row["calibration_error"]
    return (
        f"{name} was predicted {word.many(row['count'], 'time')}, at "
        f"{word.share(row['mean_probability'])} on average, and came true in "
        f"{word.share(row['came_true'])}. Its calibration error is {error:.3f}; "
        f"by log-loss it was {', '.join(verdict)}."
    )


def _names(totals: Sequence[Row]) -> dict[tuple[str, str], str]:
    """Return the names to show; one that was redefined is shown with its digests."""
    often = Counter(row["predict"] for row in totals)
    return {
        _key(row): row["predict"] if often[row["predict"]] == 1 else " ".join(_key(row))
        for row in totals
    }


def _key(row: Row) -> tuple[str, str]:
    return row["predict"], row["definition"]
