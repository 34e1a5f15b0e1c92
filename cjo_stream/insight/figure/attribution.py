"""Attribution: how many conversions each touch is credited with, by seven models.

touch    a row for each touch of a path, or for a conversion without one
credit   the same with the credit by each model
list     model, touch and credit under each other: what the figure sums
"""

from __future__ import annotations

from importlib import resources
from typing import Any, Final, Literal

from cjo_stream.core.likeness import nearest
from cjo_stream.errors import UsageError
from cjo_stream.insight.markov import Chain, Touch, removal_effects

By = Literal["channel", "action", "journey"]
MODELS: Final = ("first", "last", "linear", "time_decay", "position", "markov", "shapley")
NONE: Final = "(none)"
"""The touch of conversions that have none."""
_LIST: Final = """
CREATE OR REPLACE TEMP VIEW list AS
SELECT model, touch, customer_id, conversion, converted_at, action_id, issued_at, credit
FROM credit UNPIVOT (credit FOR model IN ({models}))
"""
_FIGURE: Final = """
WITH totals AS (SELECT model, touch, fsum(credit) AS conversions FROM list GROUP BY model, touch)
SELECT m.model, a.touch, coalesce(t.conversions, 0) AS conversions
FROM unnest({models}) WITH ORDINALITY AS m (model, place)
CROSS JOIN (SELECT DISTINCT touch FROM touch) AS a
LEFT JOIN totals AS t ON t.model = m.model AND t.touch IS NOT DISTINCT FROM a.touch
WHERE NOT (m.model = 'markov' AND a.touch IS NOT DISTINCT FROM '(none)')
ORDER BY m.place, a.touch
"""


def open_attribution(
    connection: Any,
    goal: str,
    by: By,
    lookback_ms: int,
    half_life_ms: int,
    from_ms: int | None = None,
    until_ms: int | None = None,
) -> None:
    """Make the list of credits, as the view `list`.

    Conversions lie in the period; the records are read up to its end. Raises UsageError for a
    journey that has no record.
    """
    _check_goal(connection, goal)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE touch AS {_read('touches').format(by=by)}",
        {"goal": goal, "lookback": lookback_ms, "from": from_ms, "until": until_ms},
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE markov (touch VARCHAR, credit DOUBLE)")
    shares = list(_markov(connection).items())
    if shares:
        connection.executemany("INSERT INTO markov VALUES (?, ?)", shares)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE credit AS {_read('credits')}", {"half_life": half_life_ms}
    )
    connection.execute(_LIST.format(models=", ".join(f'"{model}"' for model in MODELS)))


def counting() -> str:
    """Return the query that sums the view `list`; a touch without credit has 0."""
    return _FIGURE.format(models=list(MODELS))


def _markov(connection: Any) -> dict[Touch, float]:
    """Return Markov's credit of one touch of each kind: scaled removal effects, shared equally."""
    effects = removal_effects(_chain(connection))
    scale = sum(effects.values())
    converted = _rows(
        connection, "SELECT count(*) FROM touch WHERE place = size AND conversion IS NOT NULL"
    )
    number = dict(
        _rows(connection, "SELECT touch, count(*) FROM touch WHERE place > 0 GROUP BY 1")
    )
    return {
        touch: effect / scale * converted[0][0] / number[touch]
        for touch, effect in effects.items()
        if effect
    }


def _chain(connection: Any) -> Chain:
    def counts(where: str) -> dict[Touch, int]:
        return dict(
            _rows(connection, f"SELECT touch, count(*) FROM touch WHERE {where} GROUP BY 1")
        )

    moves = _rows(
        connection,
        "SELECT touch, next_touch, count(*) FROM touch "
        "WHERE place < size AND touch IS DISTINCT FROM next_touch GROUP BY 1, 2",
    )
    return Chain(
        begins=counts("place = 1"),
        moves={(one, other): count for one, other, count in moves},
        converts=counts("place = size AND conversion IS NOT NULL"),
        loses=counts("place = size AND conversion IS NULL"),
    )


def _check_goal(connection: Any, goal: str) -> None:
    journeys = [
        one for (one,) in _rows(connection, 'SELECT DISTINCT journey FROM part."transition"')
    ]
    if not journeys:
        raise UsageError("the layer holds no transition records, so no goal is known")
    if goal not in journeys:
        near = nearest(goal, journeys)
        meant = f"did you mean {near}?" if near else f"there are {', '.join(sorted(journeys))}"
        raise UsageError(f"no record is of the journey `{goal}`: {meant}")


def _rows(connection: Any, query: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = connection.execute(query).fetchall()
    return found


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(f"{name}.sql").read_text()
