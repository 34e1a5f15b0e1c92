"""The report: one whole page, escaped, that loads nothing; and its sentences."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from cjo_stream.governance.backtest.effect import EFFECTS_MAX, effects
from cjo_stream.governance.backtest.report import write_report
from cjo_stream.governance.backtest.report.parting import NOTHING, Parting, Partings
from cjo_stream.governance.backtest.report.plot import POINTS_MAX, lines
from cjo_stream.governance.backtest.result import (
    ActionsOfHour,
    Both,
    CapReached,
    Change,
    First,
    Hour,
    JourneyCounts,
    Peak,
    Summary,
    Unreached,
    Volume,
)
from cjo_stream.governance.backtest.tally import Cap, Journey
from cjo_stream.insight.estimate import Estimate, Evaluation
from cjo_stream.insight.page.table import ROWS_MAX, table
from tests.world.page import Page

HOUR_MS = 3_600_000
NOTHING_MUCH = Both(7, 7)
SUMMARY = Summary(
    customers=Both(9, 8),
    groups=8,
    changed=3,
    commands=1,
    edited=["a<b>.yaml:3"],
    events=NOTHING_MUCH,
    late=Both(0, 0),
    repeated=Both(0, 0),
    dead_letters=Both(0, 0),
    transitions=NOTHING_MUCH,
    decisions=NOTHING_MUCH,
    sent=Both(40, 25),
    actions=[
        ActionsOfHour("call", "ask", 0, Volume(30), Volume(10, 5)),
        ActionsOfHour("call", "ask", 2 * HOUR_MS, Volume(), Volume(15)),
        ActionsOfHour("mail", "<i>tell</i>", 0, Volume(10), Volume()),
    ],
    peaks=[
        Peak("call", Hour(0, 30), Hour(2 * HOUR_MS, 15)),
        Peak("mail", Hour(0, 10), Hour(None, 0)),
    ],
    caps=[CapReached("one_a_day", Cap(), Cap(12, 3))],
    journeys=[
        JourneyCounts(
            "cart", Journey(20, 4, {"ordered": 4, "left": 1}), Journey(20, 2, {"late": 1})
        )
    ],
    unreached=[Unreached("a<b>.yaml:9", "no event led to state '<late>'")],
    value=None,
)
SAME = msgspec.structs.replace(
    SUMMARY,
    changed=0,
    customers=Both(8, 8),
    edited=[],
    actions=[],
    peaks=[],
    caps=[],
    journeys=[],
    unreached=[],
)


def written(path: Path, summary: Summary) -> str:
    write_report(path, summary, Partings())
    return path.read_text()


def test_the_page_is_whole_and_loads_nothing(tmp_path: Path) -> None:
    text = written(tmp_path / "report.html", SUMMARY)
    page = Page(text)
    assert not {"link", "img", "iframe"} & {tag for tag, _ in page.tags}
    assert not any({"src", "href"} & attributes.keys() for _, attributes in page.tags)
    assert "http" not in text
    assert "url(" not in text
    assert "prefers-color-scheme:dark" in text


def test_the_page_can_be_read_without_seeing_it(tmp_path: Path) -> None:
    page = Page(written(tmp_path / "report.html", SUMMARY))
    assert page.of("html")[0]["lang"] == "en"
    plots = page.of("svg")
    assert len(plots) == 3
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in plots)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("table") == tags.count("caption") > 0
    assert all(head["scope"] == "col" for head in page.of("th"))
    assert tags.count("button") == tags.count("th")


def test_names_are_escaped(tmp_path: Path) -> None:
    text = written(tmp_path / "report.html", SUMMARY)
    assert "<i>tell" not in text
    assert "&lt;i&gt;tell" in text
    assert "a&lt;b&gt;.yaml:3" in text
    assert "state '&lt;late&gt;'" in text or "state &#x27;&lt;late&gt;&#x27;" in text


def test_a_page_without_a_difference_says_so(tmp_path: Path) -> None:
    text = written(tmp_path / "report.html", SAME)
    Page(text)
    assert "No number differs." in text
    assert "The two sets mean the same." in text
    assert "The events reached all that they could." in text


def test_a_value_is_shown_only_if_the_sample_is_enough(tmp_path: Path) -> None:
    one = Estimate(1.0, 0.5, 1.5)
    enough = Evaluation(500, 300.0, 0, one, one, one, one)
    text = written(tmp_path / "a.html", msgspec.structs.replace(SUMMARY, value=enough))
    assert "candidate, SNIPW" in text
    little = Evaluation(500, 3.0, 0, one, None, None, None)
    text = written(tmp_path / "b.html", msgspec.structs.replace(SUMMARY, value=little))
    assert "There is no estimate" in text
    assert "SNIPW" not in text


def test_the_largest_effects_come_first_as_sentences() -> None:
    found = [one.sentence for one in effects(SUMMARY)]
    assert found[0] == (
        "The busiest hour of call has 15, at 1970-01-01 02:00:00Z, instead of 30, at "
        "1970-01-01 00:00:00Z (-15, -50.0 %)."
    )
    assert found[1] == "Cap one_a_day stops something 12 times, instead of 0 (+12)."
    assert len(found) == EFFECTS_MAX == 10
    assert effects(SAME) == []


def test_paths_part_by_what_each_side_has() -> None:
    partings = Partings()

    def add(kind: str, live: object, candidate: object, ids: tuple[int, int] = (1, 1)) -> None:
        first = First(1, kind, live, candidate, [])  # type: ignore[arg-type] # rows as read
        sides = [["c"] * number for number in ids]
        partings.add(Change(*sides, [], Both(0, 0), Both(0, 0), first))

    moved = {"journey": "j", "from": None, "to": "a", "reason": "entered", "outcome": None}
    sent = {"chosen": {"action": "x", "channel": "c"}, "journey": {"name": "j"}, "time": 1}
    linked = {"kind": "linked", "reason": None, "identifiers": [{"type": "email"}]}
    add("transition", moved | {"time": 1}, moved | {"time": 2})
    add("action", sent, sent | {"suppressed": "holdout"})
    add("identity", linked, None, (1, 2))
    add("identity", None, None, (2, 1))
    assert [one for one, _ in partings.counts.most_common()] == [
        Parting("transition", "j: · → a (entered)", "the same, later"),
        Parting("action", "x on c in j", "x on c in j, holdout"),
        Parting("identity", "linked: email", NOTHING),
        Parting("identity", NOTHING, NOTHING),
    ]
    assert (partings.joined, partings.split) == (1, 1)


def test_no_peak_is_lost_in_a_long_plot() -> None:
    live = {hour * HOUR_MS: 1 for hour in range(POINTS_MAX * 5)}
    text = lines("x", live | {77 * HOUR_MS: 9}, {})
    points = [point.split(",")[1] for point in re.findall(r"[\d.]+,[\d.]+", text)]
    assert len(points) == 2 * POINTS_MAX
    assert "at most 9" in text
    assert len(set(points)) == 3


def test_a_long_table_says_how_long_it_is() -> None:
    rows = [(number,) for number in range(ROWS_MAX + 1)]
    assert "The first 500 of 501 rows." in table("x", ("#n",), rows)
