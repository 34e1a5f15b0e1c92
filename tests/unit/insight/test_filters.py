"""Random filters over all views and figures, where customers were merged, parted and erased.

The layer came about piece by piece, with changes of customers in between. Each answer must be that
of a plain count over the raw records. `CJO_LONG=1`: 1,000 filters instead of 60.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from cjo_stream.insight.filling import stays
from tests.unit.insight import plain
from tests.unit.insight.asked import Asking, hold, shop_with_all
from tests.unit.insight.changing import Changing, Raw
from tests.unit.insight.heard import Heard
from tests.unit.insight.test_figures import Filters, as_found, length, rows
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

FILTERS: Final = 1_000 if "CJO_LONG" in os.environ else 60
PEOPLE: Final = 300 if "CJO_LONG" in os.environ else 80
MOST_MS: Final = 3 * 86_400_000
Record = dict[str, Any]
Values = dict[str, Any]


def of_journey(one: Record) -> Values:
    names = ("name", "version", "instance_id", "state")
    found = {name: (one["journey"] or {}).get(name) for name in names}
    return {"journey": found.pop("name"), **found}


def plain_ones(*names: str) -> Callable[[Record], Values]:
    return lambda one: {name: one[name] for name in names}


VIEWS: Final[dict[str, tuple[str, Callable[[Record], Values]]]] = {
    "transition": (
        "time",
        lambda one: {
            **plain_ones(
                "journey", "version", "from", "to", "reason", "outcome", "holdout", "customer_id"
            )(one),
            "trigger_kind": one["trigger"]["kind"],
            "trigger_type": one["trigger"].get("type"),
        },
    ),
    "action": (
        "issued_at",
        lambda one: {
            **plain_ones(
                "channel", "action", "issue", "group", "class", "template", "expires_at",
                "customer_id",
            )(one),
            **of_journey(one),
        },
    ),
    "decision": (
        "time",
        lambda one: {
            **plain_ones("suppressed", "deferred_until", "customer_id")(one),
            **of_journey(one),
            "trigger_kind": one["trigger"]["kind"],
            "action": (one["chosen"] or {}).get("action"),
            "channel": (one["chosen"] or {}).get("channel"),
        },
    ),
    "candidate": (
        "time",
        plain_ones("customer_id", "journey", "action", "channel", "gate", "rule"),
    ),
    "profile": (
        "time",
        lambda one: {
            **plain_ones("customer_id", "recorded_id")(one),
            **{
                name: json.dumps(one[name], separators=(",", ":"), sort_keys=True,
                                 ensure_ascii=False)
                for name in ("facts", "traits")
            },
        },
    ),
    "outcome": ("time", plain_ones("action", "channel", "outcome", "reward", "customer_id")),
    "event": ("time", plain_ones("type", "channel", "customer_id")),
    "measure": (
        "time",
        lambda one: {
            **plain_ones(
                "customer_id", "measure", "value", "journey", "version", "instance_id", "state"
            )(one),
            "trigger_kind": one["trigger"]["kind"],
            "trigger_type": one["trigger"]["type"],
        },
    ),
    "prediction": (
        "opened_at",
        plain_ones("customer_id", "predict", "definition", "probability", "outcome", "time"),
    ),
    "stay": ("since", plain_ones("journey", "version", "state", "reason", "holdout", "until")),
}  # fmt: skip
"""Of each view: the column with its time, and the values of a raw record by column."""


def records(raw: Raw, view: str) -> list[Record]:
    if view == "stay":
        return list(raw.stays())
    if view == "candidate":
        return [
            {**each, "time": one["time"], "customer_id": one["customer_id"],
             "journey": (one["journey"] or {}).get("name")}
            for one in raw.decisions
            for each in one["candidates"]
        ]  # fmt: skip
    found: list[Record] = getattr(raw, {"outcome": "rewards"}.get(view, f"{view}s"))
    return found


@pytest.mark.slow
def test_every_filter_gives_the_plain_count(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cjo_stream.insight.layer.reading import connect

    world = Changing(cli, tmp_path, people=PEOPLE, seed=5, topology=shop_with_all(tmp_path))
    heard = Heard(tmp_path, seed=3, each=5 * PEOPLE)
    layer = tmp_path / "layer"
    monkeypatch.setattr(stays, "NEWER_MAX", 100)
    for number in world.quarters():
        if number == len(heard.files):
            heard.draw(world.raw())
        done = cli("insight", "sink", world.state, "--layer", layer, "--events", *heard.files)
        assert done.code == 0, done.err
    raw = world.raw()
    kinds = Counter(one["kind"] for one in raw.identities)
    assert min(kinds["merged"], kinds["unmerged"], kinds["erased"]) > 4
    filters = Filters(raw, seed=1)
    connection, _ = connect(str(layer))
    events = heard.events(raw)
    of_view = {view: events if view == "event" else records(raw, view) for view in VIEWS}
    assert heard.gone
    for view in ("identity", "event"):
        found = connection.execute(f'SELECT identifiers, "time" FROM part.{view}').fetchall()
        assert not [
            (name, at)
            for names, at in found
            for name in names
            if at <= heard.gone.get(name, at - 1)
        ]
    matched = 0
    for _ in range(FILTERS):
        view = filters.random.choice(sorted(VIEWS))
        matched += compared(connection, view, of_view[view], filters)
    assert matched > 5 * FILTERS
    for number in range(FILTERS // 4):
        arguments, wanted = figure(raw, filters, number)
        listed = tmp_path / "list.csv"
        done = cli(
            "insight", *arguments, "--layer", layer, "--format", "csv", "--list", listed
        )  # fmt: skip
        assert done.code == 0, done.err
        found = rows(done.out)
        assert found == as_found(wanted), arguments
        assert len(listed.read_text().splitlines()) - 1 == length(arguments[0], found)
    asking = Asking(raw, events, filters)
    held = [hold(cli, layer, listed, asking.figure(number)) for number in range(FILTERS // 4)]
    assert sum(map(bool, held)) > FILTERS // 8
    identities = connection.execute("SELECT kind, count(*) FROM identity GROUP BY 1").fetchall()
    gone = raw.erased
    assert dict(identities) == Counter(
        one["kind"]
        for one in raw.identities
        if one["kind"] == "erased"
        or one["customer_id"] not in gone
        or not gone.issuperset(one["absorbed"] or gone)
    )


def compared(connection: Any, view: str, of: Sequence[Record], filters: Filters) -> int:
    """Ask for the rows that some values and times have; return how many there are."""
    at, values = VIEWS[view]
    like = values(filters.random.choice(of))
    columns = filters.random.sample(sorted(like), filters.random.randint(1, 3))
    (begin, end), _ = filters.period()
    where = [f'"{name}" IS NOT DISTINCT FROM ?' for name in columns]
    wanted = [
        one
        for one in of
        if plain.within(one[at], (begin, end))
        and all(values(one)[name] == like[name] for name in columns)
    ]
    asked = [like[name] for name in columns]
    for bound, sign in ((begin, ">="), (end, "<")):
        if bound is not None:
            where.append(f'"{at}" {sign} ?')
            asked.append(bound)
    query = f'SELECT customer_id FROM "{view}" WHERE {" AND ".join(where)}'
    found = Counter(id_ for (id_,) in connection.execute(query, asked).fetchall())
    assert found == Counter(one["customer_id"] for one in wanted), (view, json.dumps(asked), query)
    return len(wanted)


def figure(raw: Raw, filters: Filters, number: int) -> tuple[tuple[object, ...], plain.Rows]:
    """Return the words of a figure's command with random filters, and its plain count."""
    period, options = filters.period()
    times = [filters.time() for _ in range(2)]
    steps = [filters.step() for _ in range(filters.random.randint(1, 4))]
    by = filters.random.choice((None, "tier", "orders", "spend_365d", "categories"))
    then = [] if by is None else ["--by", f"profile.{by}"]
    kinds: tuple[Callable[[], tuple[tuple[object, ...], Any]], ...] = (
        lambda: (("people", "--at", *times, *then), plain.people(raw, times, by)),
        lambda: (
            ("flows", "--of", "states", *options, *then),
            plain.flows_of_states(raw, period, by),
        ),
        lambda: (
            ("flows", "--of", "journeys", "--within", "3d", *options, *then),
            plain.flows_of_journeys(raw, period, MOST_MS, by),
        ),
        lambda: (("dwell", *options, *then), plain.dwell(raw, period, by)),
        lambda: (("outcomes", *options, *then), plain.outcomes(raw, period, by)),
        lambda: (("goals", *options, *then), plain.goals(raw, period, by)),
        lambda: (("spectrum", *options), plain.spectrum(raw, period)),
        lambda: (
            ("funnel", *steps, "--within", "3d", *options),
            plain.funnel(raw, steps, period, MOST_MS),
        ),
    )
    return kinds[number % len(kinds)]()
