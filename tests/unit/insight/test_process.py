"""Events as a process, against a plain count over events that have times in common."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.insight.figure.figure import DFG, ENDS, THROUGHPUT, VARIANTS, counting, open_list
from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.layer.reading import connect
from tests.unit.insight.plain import SHARES, nearest

FILES = 12
"""More than ten: the order of files is that of their numbers."""
Case = list[tuple[int, int, str]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, Case]]:
    """Return a connection, and the events of each case: time, place in the files, type."""
    folder = tmp_path_factory.mktemp("process")
    chosen = random.Random(5)
    cases: dict[str, Case] = defaultdict(list)
    files = []
    for number in range(FILES):
        lines = []
        for _ in range(40):
            type_, time, user = (
                chosen.choice("abcd"),
                chosen.randrange(-3, 6),
                chosen.choice("xyz"),
            )
            cases[f"user:{user}"].append((time, len(files) * 40 + len(lines), type_))
            lines.append(json.dumps({"type": type_, "time": time, "identifiers": {"user": user}}))
        files.append(str(folder / f"{number}.jsonl"))
        Path(files[-1]).write_text("\n".join(lines) + "\n")
    sink = Sink(str(folder / "layer"))
    sink.take_events(files, None, None, b"", 2**62)
    sink.publish()
    return connect(str(folder / "layer"))[0], {id_: sorted(case) for id_, case in cases.items()}


@pytest.mark.parametrize("period", [(None, None), (-2, 5), (0, 1), (5, -2)])
def test_figures_are_those_of_a_plain_count(
    world: tuple[Any, dict[str, Case]], period: tuple[int | None, int | None]
) -> None:
    connection, events = world
    begin, end = period
    cases = {
        id_: [
            one
            for one in case
            if (begin is None or one[0] >= begin) and (end is None or one[0] < end)
        ]
        for id_, case in events.items()
    }
    paths = [case for case in cases.values() if case]

    def found(figure: Any) -> list[tuple[Any, ...]]:
        open_list(connection, figure, {"from": begin, "until": end})
        rows: list[tuple[Any, ...]] = connection.execute(counting(figure)).fetchall()
        return rows

    pairs: dict[tuple[str, str], list[int]] = defaultdict(list)
    for case in paths:
        for (before, _, one), (after, _, other) in pairwise(case):
            pairs[one, other].append(after - before)
    wanted = [(*pair, len(spans), sum(spans) / len(spans)) for pair, spans in pairs.items()]
    assert sorted(found(DFG)) == sorted(wanted)
    variants = Counter(" > ".join(type_ for *_, type_ in case) for case in paths)
    assert dict(found(VARIANTS)) == variants
    ends = Counter(end for case in paths for end in (("start", case[0][2]), ("end", case[-1][2])))
    assert {(what, type_): number for what, type_, number in found(ENDS)} == ends
    spans = [case[-1][0] - case[0][0] for case in paths]
    quantiles = dict(found(THROUGHPUT))
    if not spans:
        assert quantiles == {}
        return
    assert quantiles == {
        **{share: nearest(spans, share) for share in SHARES},
        "min": min(spans),
        "max": max(spans),
        "mean": sum(spans) / len(spans),
    }
