"""Figures as rows: each is asked for once, as its command asks for it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cjo_stream.core.likeness import nearest
from cjo_stream.errors import UsageError
from cjo_stream.insight.figure import funnel
from cjo_stream.insight.figure.figure import Figure, counting, open_list
from cjo_stream.insight.layer.manifest import Manifest
from cjo_stream.insight.layer.reading import connect
from cjo_stream.insight.report import word
from cjo_stream.installation.unrecorded import unrecorded

Row = dict[str, Any]


class Period(NamedTuple):
    """`begin <= time < end`, in ms; None is open."""

    begin: int | None = None
    end: int | None = None

    @property
    def text(self) -> str:
        """The period in words."""
        if self.begin is None:
            return "all records" if self.end is None else f"until {word.minute(self.end)} UTC"
        end = "on" if self.end is None else f"until {word.minute(self.end)}"
        return f"from {word.minute(self.begin)} {end} UTC"

    @property
    def options(self) -> str:
        """The options of a command."""
        named = (("--from", self.begin), ("--until", self.end))
        return "".join(f" {name} {at}" for name, at in named if at is not None)


class Asking:
    """A layer, a period, and the journeys that a report is about."""

    def __init__(self, layer: str, period: Period, journeys: Sequence[str] = ()) -> None:
        self.connection, self.manifest = connect(layer)
        self.layer, self.period = layer, period
        found = self.connection.execute(
            'SELECT journey, min("time") FROM "transition" GROUP BY 1 ORDER BY 1'
        ).fetchall()
        names = [name for name, _ in found]
        for one in journeys:
            _check(one, names)
        self.journeys: list[str] = list(journeys) or names
        """In the order in which they were named, or of their names."""
        self.is_all = not journeys
        last = 0 if self.manifest.until is None else self.manifest.until + 1
        self.end: int = last if period.end is None else min(last, period.end)
        """When the period ends, or behind the last record."""
        if period.begin is not None and self.manifest.until is None:
            raise UsageError("the layer holds no record yet: leave --from out")
        if period.begin is not None and period.begin >= self.end:
            raise UsageError(
                f"the records end at {word.minute(max(0, last - 1))} UTC: take an earlier --from"
            )
        begins = [first for name, first in found if name in self.journeys]
        self.begin: int = min(begins, default=self.end) if period.begin is None else period.begin
        """When the period begins, or the first record is."""

    def rows(
        self,
        figure: Figure,
        period: Period | None = None,
        *,
        keys: Sequence[str] | None = None,
        **more: Any,
    ) -> list[Row]:
        """Return the rows of a figure, of the journeys; `keys` count its list otherwise."""
        of = self.period if period is None else period
        open_list(self.connection, figure, {"from": of.begin, "until": of.end, **more})
        if not self.is_all:
            named = {"journeys": self.journeys}
            query = "DELETE FROM list WHERE NOT list_contains($journeys, journey)"
            self.connection.execute(query, named)
        return self.again(figure, keys=keys)

    def again(self, figure: Figure, *, keys: Sequence[str] | None = None) -> list[Row]:
        """Return the rows of the figure that was asked for last, counted otherwise."""
        if keys is not None:
            figure = figure._replace(keys=tuple(keys), split="", order="ALL")
        return self.query(counting(figure))

    def forget_list(self) -> None:
        """Drop the list that was made last: some figures make a table of it, some a view."""
        query = "SELECT table_type FROM information_schema.tables WHERE table_name = 'list'"
        for row in self.query(query):
            kind = "VIEW" if row["table_type"] == "VIEW" else "TABLE"
            self.connection.execute(f"DROP {kind} list")

    def funnel(self, steps: Sequence[str], within_ms: int) -> list[Row]:
        """Return the rows of a funnel, with the share of its first step."""
        begin, end = self.period
        funnel.open_funnel(self.connection, steps, within_ms, begin, end)
        return self.query(funnel.SHARES.format(figure=funnel.counting(steps)))

    def query(self, query: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        """Return the rows of a query, each by the names of its columns."""
        found = self.connection.execute(query, dict(values or {}))
        names = [one[0] for one in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def command(self, words: str, *, timed: bool = True) -> str:
        """Return the command that prints a figure, for the reader's shell."""
        period = self.period.options if timed else ""
        return f"cjo-stream insight {words} --layer {shlex.quote(self.layer)}{period}"

    def missing(self) -> list[str]:
        """Return what the layer does not hold, in words."""
        return [*lacks(self.manifest), *_kinds(self.manifest)]


def lacks(manifest: Manifest) -> list[str]:
    """Return what was taken out of a layer, or never came in."""
    found = []
    if manifest.erased:
        found.append(f"without {word.many(manifest.erased, 'erased customer')}")
    if manifest.withheld:
        found.append(f"{word.many(manifest.withheld, 'event')} of erased customers came later")
    late, refused = (sum(of[place] for of in manifest.untaken.values()) for place in (0, 1))
    if late:
        found.append(f"{word.many(late, 'event')} came too late to move anybody")
    if refused:
        found.append(f"{word.many(refused, 'record')} became dead letters")
    if manifest.refused:
        found.append(f"{manifest.refused:,} rows of events were refused")
    found += [
        f"{topic} no longer held {word.many(offsets, 'offset')} when it was to be read"
        for topic, offsets in sorted(manifest.lost.items())
    ]
    found += [
        f"{topic} was made anew: what it held before and was not read is missing"
        for topic in sorted(manifest.anew)
    ]
    found += [
        f"{word.many(records, 'record')} of {topic} are none of ours"
        for topic, records in sorted(manifest.foreign.items())
    ]
    switched = (unrecorded(sets) for _, sets in sorted(manifest.switched.items()))
    return found + list(dict.fromkeys(one for of in switched for one in of))


def _kinds(manifest: Manifest) -> list[str]:
    held = {part.table for part in manifest.parts if part.rows}
    kinds = {"transition": "transitions", "action": "commands", "decision": "decisions",
             "outcome": "outcomes", "event": "events"}  # fmt: skip
    lacking = [name for table, name in kinds.items() if table not in held]
    return [f"the layer holds no {' and no '.join(lacking)}"] if lacking else []


def _check(journey: str, names: Sequence[str]) -> None:
    if journey in names:
        return
    if not names:
        raise UsageError("the layer holds no transition records: no journey is known")
    near = nearest(journey, names)
    meant = f"did you mean {near}?" if near else f"there are {', '.join(names)}"
    raise UsageError(f"no record is of the journey `{journey}`: {meant}")
