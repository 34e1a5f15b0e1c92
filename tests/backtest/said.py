"""A plan's sentences, against what is told of each instance."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, Final

from cjo_stream.governance.plan import Plan
from cjo_stream.governance.sentence import sentences
from tests.backtest.told import Key, RowKey, Told, lacking, rows_of

_SENTENCE: Final = re.compile(
    r"(?P<journey>\w+) version (?P<version>\d+), (?P<state>\w+): (?P<live>[\d,]+) instances? of "
    r"(?P<customers>[\d,]+) customers? (?P<fate>.*)"
)
_TOTAL: Final = re.compile(
    r"([\d,]+) of ([\d,]+) customers? would have an instance moved or ended"
)
_MISSING: Final = re.compile(r"; (data\.\w+(?:, data\.\w+)*) (?:is|are) missing for them$")
_RESTING: Final = re.compile(r"([\d,]+) instances? of journeys that do not change stays?")


def check_sentences(plan: Plan, told: dict[Key, Told], customers: int, changed: int) -> None:
    """Assert that sentences name each group with its numbers, its fate and what is left."""
    printed = list(sentences(plan))
    spans: dict[RowKey, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    due: dict[RowKey, set[str]] = defaultdict(set)
    versions, lost = {}, {}
    for its in told.values():
        row = its.row
        key = (row.journey, row.version, row.state, row.fate)
        versions[key] = its.version
        assert plan.after is not None
        lost[key] = {f"data.{name}" for name in lacking(plan.after, row)}
        is_paused = plan.after is None or row.journey in plan.after.paused
        for name, ms in its.left.items():
            if row.fate == "move":
                spans[key][name].append(ms)
            elif row.fate == "stay" and ms <= 0 and not is_paused:
                due[key].add(name)
    lines = [found for line in printed if (found := _SENTENCE.fullmatch(line))]
    journeys = {one.name for one in plan.changes if one.kind == "journey"}
    resting = [
        its for its in told.values() if its.row.fate == "stay" and its.row.journey not in journeys
    ]
    rows = [row for row in rows_of(told) if row["fate"] != "stay" or row["journey"] in journeys]
    told_resting = [found for line in printed if (found := _RESTING.fullmatch(line))]
    assert [_number(one[1]) for one in told_resting] == [len(resting)] * bool(resting)
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        key = (row["journey"], row["version"], row["state"], row["fate"])
        said = (line["journey"], int(line["version"]), line["state"], _number(line["live"]))
        assert (*said, _number(line["customers"])) == (*key[:3], row["live"], row["customers"])
        assert line["fate"].startswith(_fate_said(row, versions[key])), line[0]
        missing = _MISSING.search(line["fate"])
        assert set(missing[1].split(", ") if missing else ()) == lost[key], line[0]
        _, _, at_once = line["fate"].partition("fires at once: ")
        assert set(at_once.replace("timer ", "").split(", ")) - {""} == due[key], line[0]
        for name, left in spans[key].items():
            shortest, longest = _span(min(left)), _span(max(left))
            span = shortest if shortest == longest else f"{shortest} to {longest}"
            assert f"{name} ({span} left)" in line["fate"], (line[0], name, span)
    totals = [found for line in printed if (found := _TOTAL.fullmatch(line))]
    assert [(_number(one[1]), _number(one[2])) for one in totals] == [(changed, customers)]


def _fate_said(row: dict[str, Any], version: int) -> str:
    s = "s" if row["live"] == 1 else ""
    if row["fate"] == "stay":
        return f"stay{s}"
    if row["fate"] == "end":
        return f"end{s} with outcome {row['outcome']}"
    there = f"move{s} to version {version}, {row['to']}"
    ends = "" if row["outcome"] is None else f", and end{s} there with outcome {row['outcome']}"
    return f"{there}{ends}"


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _span(ms: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        if ms >= 1_000 * size:
            return f"{ms // (1_000 * size)}{unit}"
    return "0s"
