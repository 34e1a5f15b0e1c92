"""Satisfaction: the scores of survey events, by where their customers were.

0..10   promoters give 9 or 10, detractors 6 or less; NPS is the difference of their shares, in
        points (Reichheld 2003, The One Number You Need to Grow)
1..5    satisfied are those who give 4 or 5; CSAT is their share
"""

from __future__ import annotations

from typing import Any, Final, Literal

from cjo_stream.errors import UsageError
from cjo_stream.insight.figure.attribute import Left
from cjo_stream.insight.figure.interval import half_width, wilson
from cjo_stream.insight.figure.place import KEYS, By

Scale = Literal["0..10", "1..5"]
_LIMITS: Final[dict[Scale, tuple[int, int]]] = {"1..5": (1, 5), "0..10": (0, 10)}
_OUTSIDE: Final = """
SELECT count(*), first(coalesce(id, lane || ', row ' || position) ORDER BY "time", lane, position)
FROM found
WHERE value IS NOT NULL AND (value NOT BETWEEN $low AND $high OR value <> floor(value))
"""
_LEAVE: Final = """
UPDATE found SET value = NULL
WHERE value NOT BETWEEN $low AND $high OR value <> floor(value)
"""
_COUNTING: Final = """
WITH customer AS (
    SELECT
        {keys} customer_id,
        fsum(value) AS total,
        count(*) AS number,
        count_if({is_nps} AND value >= 9) AS for_it,
        count_if({is_nps} AND value <= 6) AS against,
        count_if({is_csat} AND value >= 4) AS satisfied
    FROM list
    GROUP BY ALL
),
centred AS (
    SELECT
        *,
        total - number * (fsum(total) OVER of_all / sum(number) OVER of_all) AS off,
        for_it - against
            - number * (sum(for_it - against) OVER of_all / sum(number) OVER of_all) AS off_nps
    FROM customer
    WINDOW of_all AS ({partition})
),
counted AS (
    SELECT
        {keys}
        sum(number)::BIGINT AS count,
        count(*) AS customers,
        fsum(total) / sum(number) AS mean,
        {half} AS half,
        CASE WHEN {is_nps} THEN sum(for_it)::BIGINT END AS promoters,
        CASE WHEN {is_nps} THEN sum(against)::BIGINT END AS detractors,
        {half_nps} AS half_nps,
        CASE WHEN {is_csat} THEN sum(satisfied)::BIGINT END AS satisfied
    FROM centred
    {grouping}
)
SELECT
    {keys}
    count,
    customers,
    mean,
    mean - half AS mean_low,
    mean + half AS mean_high,
    promoters,
    detractors,
    100 * (promoters - detractors) / count AS nps,
    CASE WHEN nps - half_nps IS NOT NULL THEN greatest(nps - 100 * half_nps, -100) END AS nps_low,
    CASE WHEN nps - half_nps IS NOT NULL THEN least(nps + 100 * half_nps, 100) END AS nps_high,
    satisfied,
    satisfied / count AS csat,
    {csat_low} AS csat_low,
    {csat_high} AS csat_high
FROM counted
ORDER BY ALL
"""
_SHOWN: Final = """
SELECT
    {keys}
    count,
    customers,
    {mean} AS mean{score}
FROM ({figure})
ORDER BY ALL
"""
_WITH_LIMITS: Final = """
CASE
    WHEN {name}_low IS NULL THEN format('{{:.{digits}f}}', {name} * {scale})
    ELSE format(
        '{{:.{digits}f}} ({{:.{digits}f}} to {{:.{digits}f}})',
        {name} * {scale}, {name}_low * {scale}, {name}_high * {scale}
    )
END
"""


def told(connection: Any) -> Scale | None:
    """Return the smallest scale that has all scores of the table `found`; None if none has."""
    for scale in _LIMITS:
        if not _outside(connection, scale)[0]:
            return scale
    return None


def leave_outside(connection: Any, scale: Scale) -> list[Left]:
    """Take scores that are none of a scale out of the table `found`; return what was left out.

    Raises UsageError if nothing is left.
    """
    number, example = _outside(connection, scale)
    if not number:
        return []
    low, high = _LIMITS[scale]
    connection.execute(_LEAVE, {"low": low, "high": high})
    (kept,) = connection.execute("SELECT count(value) FROM found").fetchone()
    if not kept:
        raise UsageError(
            f"no score is one of {scale} (the first is of {example}): leave --scale out, or check "
            "--score"
        )
    return [Left(f"with a score that is none of {scale}", number, example)]


def counting(by: By, scale: Scale | None) -> str:
    """Return the query that counts the table `list`."""
    names = KEYS[by]
    csat_low, csat_high = wilson("satisfied", "count")
    return _COUNTING.format(
        keys="".join(f"{name}, " for name in names),
        partition=f"PARTITION BY {', '.join(names)}" if names else "",
        grouping=f"GROUP BY {', '.join(names)}" if names else "",
        is_nps=str(scale == "0..10").lower(),
        is_csat=str(scale == "1..5").lower(),
        half=half_width("off", "number"),
        half_nps=half_width("off_nps", "number"),
        csat_low=csat_low,
        csat_high=csat_high,
    )


def shown(by: By, scale: Scale | None) -> str:
    """Return the same for people: intervals beside their numbers, and no column without any."""
    score = ""
    if scale == "0..10":
        score = f", promoters, detractors, {_with_limits('nps', 0)} AS nps"
    elif scale == "1..5":
        score = f', satisfied, {_with_limits("csat", 0, 100)} AS "csat, %"'
    keys = "".join(f"{name}, " for name in KEYS[by])
    mean = _with_limits("mean", 2)
    return _SHOWN.format(keys=keys, mean=mean, score=score, figure=counting(by, scale))


def _with_limits(name: str, digits: int, scale: int = 1) -> str:
    return _WITH_LIMITS.format(name=name, digits=digits, scale=scale)


def _outside(connection: Any, scale: Scale) -> tuple[int, str]:
    low, high = _LIMITS[scale]
    number, example = connection.execute(_OUTSIDE, {"low": low, "high": high}).fetchone()
    return number, example
