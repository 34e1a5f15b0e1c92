"""Funnels: how many customers reach each of some steps, in order, within a time.

A step is `JOURNEY.STATE`, `JOURNEY:REASON` or `action:NAME[/CHANNEL]`. For each record that fits a
step, the query keeps the latest beginning from which the step can be reached there. The latest is
the best one: whatever an earlier beginning reaches in time, it does too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, get_args

from cjo_stream.core.likeness import nearest
from cjo_stream.core.record import Reason
from cjo_stream.errors import UsageError

_ACTION: Final = "action:"
_REASONS: Final = get_args(Reason)
SHARES: Final = """
SELECT *, customers / nullif(first_value(customers) OVER (ORDER BY step), 0) AS share
FROM ({figure})
ORDER BY step
"""
"""A funnel with the share of its first step, 0..1."""
_MATCHES: Final = """
SELECT * FROM (
    SELECT customer_id, "time", 0 AS kind, lane, position, {transitions}
    FROM "transition"
    UNION ALL
    SELECT customer_id, issued_at, 1, lane, position, {actions}
    FROM "action"
)
WHERE {any}
"""
_FIRST: Final = """
SELECT *, CASE
    WHEN fits_1 AND ($from IS NULL OR "time" >= $from) AND ($until IS NULL OR "time" < $until)
    THEN "time"
END AS from_1
FROM t0
"""
_STEP: Final = """
SELECT * EXCLUDE (start), CASE
    WHEN fits_{step} AND "time" - start <= $within THEN start
END AS from_{step}
FROM (SELECT *, max(from_{before}) OVER (
    PARTITION BY customer_id ORDER BY "time", kind, lane, position
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
) AS start FROM {table})
"""
_KNOWN: Final = """
SELECT DISTINCT concat(journey, '.', "to") FROM "transition"
WHERE reason IN ('entered', 'moved', 'ended')
UNION SELECT DISTINCT concat(journey, ':', reason) FROM "transition"
UNION SELECT DISTINCT concat('action:', "action") FROM "action"
UNION SELECT DISTINCT concat('action:', "action", '/', channel) FROM "action"
"""


def open_funnel(
    connection: Any,
    steps: Sequence[str],
    within_ms: int,
    from_ms: int | None,
    until_ms: int | None,
) -> None:
    """Make the list of a funnel as the table `list`: step and customer.

    The first step lies in the period. Raises UsageError for a step that cannot be read.
    """
    values: dict[str, Any] = {"within": within_ms, "from": from_ms, "until": until_ms}
    fits = [_fits(step, number, values) for number, step in enumerate(steps, 1)]
    matches = _MATCHES.format(
        transitions=", ".join(f"{one} AS fits_{n}" for n, (one, _) in enumerate(fits, 1)),
        actions=", ".join(one for _, one in fits),
        any=" OR ".join(f"fits_{n}" for n in range(1, len(fits) + 1)),
    )
    tables = [f"t0 AS ({matches})", f"t1 AS ({_FIRST})"]
    for number in range(2, len(steps) + 1):
        text = _STEP.format(step=number, before=number - 1, table=f"t{number - 1}")
        tables.append(f"t{number} AS ({text})")
    reached = " UNION ALL ".join(
        f"SELECT DISTINCT {n} AS step, customer_id FROM t{len(steps)} WHERE from_{n} IS NOT NULL"
        for n in range(1, len(steps) + 1)
    )
    used = {name: value for name, value in values.items() if name != "within" or len(steps) > 1}
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE list AS WITH {', '.join(tables)} {reached}", used
    )


def counting(steps: Sequence[str]) -> str:
    """Return the query that counts the table `list`; a step that nobody reached has 0."""
    return (
        "SELECT step, count(DISTINCT list.customer_id) AS customers "
        f"FROM range(1, {len(steps) + 1}) AS steps (step) LEFT JOIN list USING (step) "
        "GROUP BY step ORDER BY step"
    )


def unmet(connection: Any, steps: Sequence[str]) -> list[tuple[str, str | None]]:
    """Return the steps that no record of the layer fits, each with the most similar one that does.

    The funnel is open: a step that somebody reached is not looked for.
    """
    rows = connection.execute("SELECT DISTINCT step FROM list").fetchall()
    reached = {steps[number - 1] for (number,) in rows}
    if reached.issuperset(steps):
        return []
    known = [step for (step,) in connection.execute(_KNOWN).fetchall()]
    left = [step for step in dict.fromkeys(steps) if step not in reached and step not in known]
    return [(step, nearest(step, known)) for step in left]


def _fits(step: str, number: int, values: dict[str, Any]) -> tuple[str, str]:
    """Return the conditions on a transition and on a command; fill in the values they name."""
    first, second = f"a{number}", f"b{number}"
    if step.startswith(_ACTION):
        name, slash, channel = step.removeprefix(_ACTION).partition("/")
        if not name or (slash and not channel):
            raise UsageError(f"`{step}` names no action: write action:NAME or action:NAME/CHANNEL")
        values[first] = name
        if not channel:
            return "false", f'"action" = ${first}'
        values[second] = channel
        return "false", f'("action" = ${first} AND channel = ${second})'
    journey, colon, reason = step.partition(":")
    if colon:
        if reason not in _REASONS:
            near = nearest(reason, _REASONS)
            meant = f"did you mean {near}?" if near else f"it is one of {', '.join(_REASONS)}"
            raise UsageError(f"`{step}` has no reason of a transition behind the colon: {meant}")
        values |= {first: journey, second: reason}
        return f"(journey = ${first} AND reason = ${second})", "false"
    journey, point, state = step.partition(".")
    if not (journey and point and state):
        raise UsageError(
            f"`{step}` is no step: write JOURNEY.STATE, JOURNEY:REASON, or action:NAME[/CHANNEL]"
        )
    values |= {first: journey, second: state}
    return (
        f"(journey = ${first} AND \"to\" = ${second} AND reason IN ('entered', 'moved', 'ended'))",
        "false",
    )
