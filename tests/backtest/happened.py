"""What an `apply` did to each instance, against what was told of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Instance
from cjo_stream.engine.prospect import Fated, timer_name
from tests.backtest.told import Key, Stored, Told, lacking


class Compared:
    """A state folder after an `apply`, against what was told of it."""

    def __init__(
        self,
        before: Stored,
        now: Stored,
        after: Program,
        told: dict[Key, Told],
        records: list[dict[str, Any]],
    ) -> None:
        self._clock = before.clock
        self._after = after
        self._told = told
        self._before, self._now = before.instances(), now.instances()
        self._records = defaultdict(list)
        for one in records:
            self._records[one["customer_id"], one["instance_id"]].append(one)

    def wrong(self) -> Iterator[str]:
        """Yield what happened otherwise than told, with customer and instance."""
        for key, its in self._told.items():
            for what in self._wrong(self._before[key], its, self._records[key], key):
                yield f"{what}: {key}, told {its}, {self._before[key]}, {self._records[key]}"
        for key in (self._records.keys() | self._now.keys()) - self._told.keys():
            if not self._records[key] or not _is_raised(self._records[key][0]):
                yield f"of this instance nothing was told: {key}, {self._records[key]}"

    def _wrong(
        self, was: Instance, its: Told, records: list[dict[str, Any]], key: Key
    ) -> Iterator[str]:
        row = its.row
        head = _records_of(row)
        if [
            (one["reason"], one["from"], one["to"], one["outcome"]) for one in records[: len(head)]
        ] != head:
            yield "other records"
            return
        rest = records[len(head) :]
        if any(one["version"] != its.version for one in records):
            yield "another version"
        if rest:
            if not _is_raised(rest[0]) and not self._is_due(its):
                yield "something came due that was not told to"
            return
        now = self._now.get(key)
        if now is None:
            if row.outcome is None:
                yield "it is gone"
            return
        if row.outcome is not None:
            yield "it still lives"
        elif (now.version, now.state) != (its.version, row.to):
            yield "another state"
        elif now.data != was.data or lacking(self._after, row) & now.data.keys():
            yield "other variables"
        elif row.fate == "stay" and (now.timers, now.entered_at) != (was.timers, was.entered_at):
            yield "other timers"
        elif row.fate == "move":
            yield from self._wrong_timers(was, now, its)

    def _wrong_timers(self, was: Instance, now: Instance, its: Told) -> Iterator[str]:
        versions = self._after.versions
        assert was.state is not None
        assert now.state is not None
        old = versions[was.journey, was.version].states[was.state].timers
        new = versions[now.journey, now.version].states[now.state].timers
        due = {timer_name(new[one.ordinal]): one.due - self._clock for one in now.timers}
        for name, left in its.left.items():
            if max(0, due.pop(name, 0)) != left:
                yield f"another time left of {name}"
        known = {timer_name(rule) for rule in old}
        if any(new_name in known or "(" not in new_name for new_name in due):
            yield f"timers that were not told: {due}"
        dues = [sorted(one.due for one in instance.timers) for instance in (was, now)]
        is_same = len(old) >= len(new) and dues[0] == dues[1]
        if its.row.timers == "kept" and not is_same:
            yield "its timers were said to go on"
        if (
            its.row.timers == "restarted"
            and is_same
            and sorted(map(timer_name, old)) == sorted(map(timer_name, new))
        ):
            yield "its timers went on"

    def _is_due(self, its: Told) -> bool:
        is_running = its.row.journey not in self._after.paused
        return is_running and any(left <= 0 for left in its.left.values())


def _records_of(row: Fated) -> list[tuple[str, str | None, str | None, str | None]]:
    """Return reason, from, to and outcome of the records that a fate leaves."""
    if row.fate == "end":
        return [("exited", row.state, None, row.outcome)]
    if row.outcome is not None:
        return [("ended", row.state, row.to, row.outcome)]
    if row.to != row.state:
        return [("moved", row.state, row.to, None)]
    return []


def _is_raised(record: dict[str, Any]) -> bool:
    """Return whether something that another instance raised caused a record."""
    return bool(record["trigger"]["kind"] == "raised")
