"""A number that events of one type carry: the events with it, and those without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from cjo_stream.core.likeness import nearest
from cjo_stream.core.program.measure import VALUE_MAX
from cjo_stream.errors import UsageError

AT: Final = "coalesce(json_extract(attributes, $name), json_extract(attributes, $path))"
"""What an event has at an attribute, with the values of `names_of`."""
_FOUND: Final = f"""
CREATE OR REPLACE TEMP TABLE found AS
SELECT
    customer_id,
    {AT} AS said,
    json_type(said) AS kind,
    CASE WHEN kind IN ('BIGINT', 'UBIGINT', 'DOUBLE') THEN said::DOUBLE END AS number,
    CASE WHEN customer_id IS NOT NULL AND abs(number) <= {VALUE_MAX!r} THEN number END AS value,
    channel,
    "time",
    lane,
    position,
    id
FROM "event"
WHERE "type" = $on AND ($from IS NULL OR "time" >= $from) AND ($until IS NULL OR "time" < $until)
"""
_LEFT: Final = f"""
SELECT
    CASE
        WHEN customer_id IS NULL THEN 'without an identifier'
        WHEN coalesce(kind, 'NULL') = 'NULL' THEN 'without `' || $attribute || '`'
        WHEN number IS NOT NULL
            THEN 'with a number beyond {VALUE_MAX:.0e} at `' || $attribute || '`'
        WHEN kind = 'VARCHAR' THEN 'with a text at `' || $attribute || '`'
        ELSE 'with no number at `' || $attribute || '`'
    END AS why,
    count(*),
    first(coalesce(id, lane || ', row ' || position) ORDER BY "time", lane, position)
FROM found
WHERE value IS NULL
GROUP BY why
ORDER BY why
"""


class Left(NamedTuple):
    """Events of the type that have no such number."""

    why: str
    events: int
    example: str
    """The first of them: its id, or its place in the files."""


def open_numbers(
    connection: Any, on: str, attribute: str, from_ms: int | None, until_ms: int | None
) -> list[Left]:
    """Make the table `found`: the events of a type in a period, with the number at an attribute.

    Events without a number there, or with one beyond VALUE_MAX, have no `value`; they are
    returned. Raises UsageError if no event has the number.
    """
    values = {"on": on, "from": from_ms, "until": until_ms, **names_of(attribute)}
    connection.execute(_FOUND, values)
    left = [Left(*row) for row in connection.execute(_LEFT, {"attribute": attribute}).fetchall()]
    (number,) = connection.execute("SELECT count(value) FROM found").fetchone()
    if not number:
        raise _nothing(connection, on, attribute, left)
    return left


def names_of(attribute: str) -> dict[str, str]:
    """Return the JSON pointers of an attribute: `name` as it stands, `path` by its points.

    An event that has the name itself, such as `order.total`, is read by it.
    """
    escaped = attribute.replace("~", "~0").replace("/", "~1")
    return {"name": f"/{escaped}", "path": "/" + escaped.replace(".", "/")}


def _nothing(connection: Any, on: str, attribute: str, left: Sequence[Left]) -> UsageError:
    """Return the error for a period without an event that has the number."""
    if left:
        names = _names(
            connection,
            'SELECT DISTINCT unnest(json_keys(attributes)) FROM event WHERE "type" = $on',
            {"on": on},
        )
        why = " and ".join(f"{one.events:,} {one.why}" for one in left)
        has = f"they have {', '.join(names)}" if names else "they have no attributes"
        return UsageError(
            f"of the events `{on}` there are only {why}: {_near(attribute, names)}{has}; float(…) "
            "in the `map` of a channel makes a number of a text"
        )
    return no_event(connection, on)


def no_event(connection: Any, on: str) -> UsageError:
    """Return the error for a period without an event of a type."""
    types = _names(connection, 'SELECT DISTINCT "type" FROM event', {})
    if not types:
        return UsageError(
            "the layer holds no events: add them with `cjo-stream insight sink RUN --events FILE`"
        )
    if on not in types:
        return UsageError(
            f"no event is of type `{on}`: {_near(on, types)}there are {', '.join(types)}"
        )
    return UsageError(f"no event `{on}` lies in the period: change --from or --until")


def _names(connection: Any, query: str, values: dict[str, Any]) -> list[str]:
    return sorted(name for (name,) in connection.execute(query, values).fetchall())


def _near(name: str, names: Sequence[str]) -> str:
    near = None if name in names else nearest(name, names)
    return f"did you mean {near}? " if near else ""
