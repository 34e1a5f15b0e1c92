"""Numbers by where their customers were: the list of satisfaction, and of what journeys are worth.

A number counts once in each journey, or in each state, in which its customer was.
"""

from __future__ import annotations

from importlib import resources
from typing import Any, Final, Literal

from cjo_stream.errors import UsageError
from cjo_stream.insight.figure.interval import half_width

By = Literal["journey", "state", "channel", "all"]
KEYS: Final[dict[str, tuple[str, ...]]] = {
    "journey": ("journey",),
    "state": ("journey", "state"),
    "channel": ("channel",),
    "all": (),
}
NONE: Final = "(none)"
"""Where a customer was who was in no journey."""
_CHANNELS: Final = f"""
SELECT coalesce(channel, '{NONE}') AS channel, customer_id, "time", id, value
FROM found
WHERE value IS NOT NULL
"""
_ALL: Final = 'SELECT customer_id, "time", id, value FROM found WHERE value IS NOT NULL'
_OUTCOMES: Final = """
SELECT {named}, o.customer_id, o."time", o.action_id AS id, o.value
FROM outcome AS o
LEFT JOIN "action" AS c USING (action_id)
WHERE
    o.value IS NOT NULL
    AND ($from IS NULL OR o."time" >= $from) AND ($until IS NULL OR o."time" < $until)
"""
_MEANS: Final = """
WITH customer AS (
    SELECT {keys} customer_id, fsum(value) AS total, count(*) AS number
    FROM list
    GROUP BY ALL
),
centred AS (
    SELECT *, total - number * (fsum(total) OVER of_all / sum(number) OVER of_all) AS off
    FROM customer
    WINDOW of_all AS ({partition})
)
SELECT
    {keys}
    sum(number)::BIGINT AS count,
    count(*) AS customers,
    fsum(total) AS sum,
    fsum(total) / sum(number) AS mean,
    mean - {half} AS low,
    mean + {half} AS high
FROM centred
{grouping}
"""


def open_places(connection: Any, by: By, within_ms: int) -> None:
    """Make the table `list` of the numbers in the table `found`, by where their customers were."""
    if by in ("channel", "all"):
        connection.execute(_listed(_CHANNELS if by == "channel" else _ALL))
        return
    text = resources.files(__package__).joinpath("place.sql").read_text()
    query = text.format(keys=", ".join(KEYS[by]), named=_named(by))
    connection.execute(_listed(query), {"within": within_ms})


def open_outcomes(connection: Any, by: By, from_ms: int | None, until_ms: int | None) -> None:
    """Make the table `list` of the values of outcomes, by the place that asked for the command.

    Raises UsageError if there is none.
    """
    query = _OUTCOMES.format(named=_named(by))
    connection.execute(_listed(query), {"from": from_ms, "until": until_ms})
    (number,) = connection.execute("SELECT count(*) FROM list").fetchone()
    if not number:
        raise UsageError(
            "no outcome of a command in the period states a value: name events that have one, "
            "with --on and --value"
        )


def means(by: By) -> str:
    """Return the query that counts the table `list`: sums and means, with intervals."""
    names = KEYS[by]
    return _MEANS.format(
        keys="".join(f"{name}, " for name in names),
        partition=f"PARTITION BY {', '.join(names)}" if names else "",
        grouping=f"GROUP BY {', '.join(names)}" if names else "",
        half=half_width("off", "number"),
    )


def _listed(query: str) -> str:
    return f"CREATE OR REPLACE TEMP TABLE list AS {query}"


def _named(by: By) -> str:
    return ", ".join(f"coalesce(c.{name}, '{NONE}') AS {name}" for name in KEYS[by])
