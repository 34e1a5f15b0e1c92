"""The performance spectrum: the passages of a segment over time, by how long they took.

Parallel lines are passages that take alike; a fan is a queue that is worked off; lines that end at
one time are a batch (Denisov et al. 2018, BPM Demo Track: "The Performance Spectrum Miner").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cjo_stream.insight.report import word
from cjo_stream.insight.report.asking import Asking, Row
from cjo_stream.insight.report.content import Passages, Spectrum

DRAWN_MAX: Final = 400
"""Passages of a segment that are drawn."""
SEGMENTS: Final = 2
"""Segments of a journey."""
_SAMPLE: Final = """
SELECT began, ended FROM (
    SELECT
        began,
        ended,
        row_number() OVER (ORDER BY began, ended, customer_id) - 1 AS place,
        greatest(1, ceil(count(*) OVER () / $most)::BIGINT) AS every
    FROM list
    WHERE journey = $journey AND version = $version AND "from" = $source AND "to" = $target
)
WHERE place % every = 0
ORDER BY ALL
"""


def spectra(asking: Asking, segments: Sequence[Row]) -> dict[str, list[Spectrum]]:
    """Return the spectra of the main segments, by journey.

    Segments whose passages all take alike, and ways back to the same state, are left out.
    `segments` are the rows of the figure; it must be the one that was asked for last.
    """
    found: dict[str, list[Spectrum]] = {}
    varied = [
        row
        for row in segments
        if row["to"] not in (None, row["from"]) and row["p50_ms"] < row["p90_ms"]
    ]
    for row in sorted(varied, key=lambda row: (-row["passages"], row["from"], row["to"])):
        of = found.setdefault(row["journey"], [])
        if len(of) < SEGMENTS:
            of.append(_spectrum(asking, row))
    return found


def _spectrum(asking: Asking, row: Row) -> Spectrum:
    values = {
        "most": DRAWN_MAX, "journey": row["journey"], "version": row["version"],
        "source": row["from"], "target": row["to"],
    }  # fmt: skip
    times = [(one["began"], one["ended"]) for one in asking.query(_SAMPLE, values)]
    limits = (row["p50_ms"], row["p75_ms"], row["p90_ms"], None)
    classes: list[list[tuple[int, int]]] = [[] for _ in limits]
    for began, ended in times:
        fits = (limit is None or ended - began <= limit for limit in limits)
        classes[list(fits).index(True)].append((began, ended))
    number, drawn = row["passages"], len(times)
    each = "each is drawn" if drawn == number else f"{drawn:,} of them are drawn, evenly chosen"
    return Spectrum(
        f"{row['journey']}, version {row['version']}: {row['from']} → {row['to']} over time",
        row["from"],
        row["to"],
        min(began for began, _ in times),
        max(ended for _, ended in times),
        [Passages(limit, of) for limit, of in zip(limits, classes, strict=True)],
        asking.command("spectrum"),
        f"{word.many(number, 'passage')}; {each}.",
    )
