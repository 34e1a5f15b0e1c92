"""Whole backtests of small topologies, in two processes."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import signal
from pathlib import Path

import msgspec
import pytest

from cjo_stream.errors import RetryError, StopError, UsageError
from cjo_stream.governance.backtest.pair import Task, run_pair
from cjo_stream.governance.backtest.run import backtest
from cjo_stream.ingest.identifier import identifier_hash
from tests.unit.governance.backtest.world import KEY, both, event, lines, order, topology, write

DAY_MS = 86_400_000
EVENTS = [
    event("cart_updated", 0, email="ada@example.com"),
    event("cart_updated", 0, email="bo@example.com"),
    event("order_placed", 15, email="bo@example.com"),
    event("cart_updated", 60, email="cy@example.com"),
    event("order_placed", 300, email="cy@example.com"),
]
UNREACHED = "no event of the files led to"
ABSENT = "the files have none of type 'order_placed'; take others, or check the type"
LONGER = "it takes 2h, the files cover 1h; take longer ones"
FILES = ["changes.jsonl", "report.html", "summary.json"]


def test_whose_paths_differ_and_where(tmp_path: Path) -> None:
    definitions = both(topology(tmp_path / "a"), topology(tmp_path / "b", delay="1h"))
    ordered = order(write(tmp_path / "e.jsonl", EVENTS), drain_ms=7 * DAY_MS)
    out = tmp_path / "out"
    found = backtest(definitions, ordered, out, with_identifiers=True).summary
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert (found.groups, found.changed, found.commands) == (3, 2, 0)
    ada, cy = lines(out)
    assert ada["identifiers"] == ["email:ada@example.com"]
    assert (ada["actions"], ada["transitions"]) == (
        {"live": 1, "candidate": 1},
        {"live": 2, "candidate": 2},
    )
    first = cy["first"]
    assert (first["kind"], first["time"]) == ("transition", EVENTS[3]["time"] + 3_600_000)
    assert (first["live"]["outcome"], first["candidate"]["outcome"]) == ("ordered", "reminded")
    assert first["because"] == ["shop.yaml:15"] == found.edited
    assert json.loads((out / "summary.json").read_text())["changed"] == 2
    assert found.sent.live == 1
    assert [(one.channel, one.live.sent, one.candidate.sent) for one in found.peaks] == [
        ("email", 1, 1)
    ]


def test_what_no_event_reached_in_the_candidate(tmp_path: Path) -> None:
    definitions = both(topology(tmp_path / "a"), topology(tmp_path / "b", delay="2h"))
    events = write(tmp_path / "e.jsonl", [*EVENTS[:2], event("page_viewed", 60, cookie="k1")])
    found = backtest(definitions, order(events), tmp_path / "out").summary
    assert {one.at: one.why for one in found.unreached} == {
        "shop.yaml:12": f"{UNREACHED} 'cart: exit as ordered': {ABSENT}",
        "shop.yaml:15": f"{UNREACHED} 'cart: waiting after 2h to reminded': {LONGER}",
        "shop.yaml:16": f"{UNREACHED} state 'reminded': look at the conditions on the way there",
    }
    assert "What no event reached" in (tmp_path / "out" / "report.html").read_text()


def test_identifiers_are_hashes_unless_they_are_asked_for(tmp_path: Path) -> None:
    definitions = both(topology(tmp_path / "a"), topology(tmp_path / "b", limit=1))
    emails = ["ada@example.com", "a.lovelace@example.com"]
    events = [
        event("cart_updated", 0, email=emails[0]),
        event("cart_updated", 1, email=emails[1]),
        event("page_viewed", 2, email=emails[0], cookie="k1"),
        event("page_viewed", 3, email=emails[1], cookie="k1"),
    ]
    out = tmp_path / "out"
    backtest(definitions, order(write(tmp_path / "e.jsonl", events)), out)
    [one] = lines(out)
    assert (len(one["live"]), len(one["candidate"])) == (1, 2)
    names = [("email", emails[0]), ("email", emails[1]), ("cookie", "k1")]
    assert one["identifiers"] == sorted(identifier_hash(KEY, *name) for name in names)
    assert one["first"]["kind"] == "identity"
    for name in FILES:
        text = (out / name).read_text()
        assert "example.com" not in text
        assert '"k1"' not in text


def test_live_against_itself_changes_nobody(tmp_path: Path) -> None:
    live = topology(tmp_path / "a")
    out = tmp_path / "out"
    found = backtest(both(live, live), order(write(tmp_path / "e.jsonl", EVENTS)), out).summary
    assert (found.changed, found.commands, found.edited, lines(out)) == (0, 0, [], [])


def test_other_commands_alone_change_nobody(tmp_path: Path) -> None:
    definitions = both(topology(tmp_path / "a"), topology(tmp_path / "b", template="other"))
    ordered = order(write(tmp_path / "e.jsonl", EVENTS), drain_ms=DAY_MS * 2)
    found = backtest(definitions, ordered, tmp_path / "out").summary
    assert (found.changed, found.commands) == (0, 1)


def test_a_journey_of_another_name_is_another_path(tmp_path: Path) -> None:
    definitions = both(topology(tmp_path / "a"), topology(tmp_path / "b", journey="basket"))
    out = tmp_path / "out"
    found = backtest(definitions, order(write(tmp_path / "e.jsonl", EVENTS)), out).summary
    assert found.changed == 3
    assert [one.journey for one in found.journeys] == ["basket", "cart"]
    assert {one["first"]["live"]["journey"] for one in lines(out)} == {"cart"}


def test_no_event_is_no_change(tmp_path: Path) -> None:
    definitions = both(topology(tmp_path / "a"), topology(tmp_path / "b", delay="1h"))
    out = tmp_path / "out"
    found = backtest(definitions, order(write(tmp_path / "e.jsonl", [])), out).summary
    assert (found.groups, found.changed) == (0, 0)
    assert "The two sets mean" not in (out / "report.html").read_text()


def test_standard_input_is_read_by_both(tmp_path: Path) -> None:
    definitions = both(topology(tmp_path / "a"), topology(tmp_path / "b", delay="1h"))
    text = write(tmp_path / "e.jsonl", EVENTS).read_bytes()
    ordered = order(Path("-"), drain_ms=DAY_MS * 2)
    found = backtest(definitions, ordered, tmp_path / "out", stdin=io.BytesIO(text)).summary
    assert (found.events.live, found.events.candidate, found.changed) == (5, 5, 2)


def test_one_side_may_refuse_what_the_other_takes(tmp_path: Path) -> None:
    candidate = topology(tmp_path / "b")
    text = (candidate / "shop.yaml").read_text()
    (candidate / "shop.yaml").write_text(text.replace("web: {in: {}}", "app: {in: {}}"))
    out = tmp_path / "out"
    found = backtest(
        both(topology(tmp_path / "a"), candidate),
        order(write(tmp_path / "e.jsonl", EVENTS)),
        out,
    )
    assert (found.summary.dead_letters.live, found.summary.dead_letters.candidate) == (0, 5)
    assert found.ran.candidate.summary.files[0].cause is not None
    assert found.summary.changed == 3
    assert [one["candidate"] for one in lines(out)] == [[], [], []]


# --- refusals and stops


def test_a_pipe_is_read_once_it_is_a_file(tmp_path: Path) -> None:
    live = topology(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(UsageError, match="is a pipe, and a backtest reads each file twice"):
        backtest(both(live, live), order(tmp_path / "pipe.jsonl"), tmp_path / "out")
    file = write(tmp_path / "e.jsonl", EVENTS)
    assert backtest(both(live, live), order(file), tmp_path / "out").summary.groups == 3


@pytest.mark.slow
def test_what_a_side_cannot_do_is_told_with_its_name(tmp_path: Path) -> None:
    live = topology(tmp_path / "a")
    file = write(tmp_path / "e.jsonl", EVENTS)
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="side cannot run: no channel `nope`"):
        backtest(both(live, live), order(file, channel="nope"), out)
    assert list(out.iterdir()) == []
    assert backtest(both(live, live), order(file, channel="web"), out).summary.groups == 3


@pytest.mark.slow
def test_a_side_that_fails_ends_the_other(tmp_path: Path) -> None:
    definitions = both(topology(tmp_path / "a"), topology(tmp_path / "b"))
    ordered = order(write(tmp_path / "e.jsonl", EVENTS))

    def task(content: bytes) -> Task:
        return Task("live", content, definitions.live.digest, ordered, tmp_path / "live")

    with pytest.raises(StopError, match=r"the live side failed: .*cannot be read"):
        run_pair({"live": task(b"rubbish")})
    assert not multiprocessing.active_children()
    assert run_pair({"live": task(definitions.live.content)})["live"].summary.events == 5


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    live = topology(tmp_path / "a")
    ordered = order(write(tmp_path / "e.jsonl", EVENTS))
    out = tmp_path / "out"

    def kill(side: str, progress: object) -> None:
        for child in multiprocessing.active_children():
            os.kill(child.pid or 0, signal.SIGKILL)

    with pytest.raises(StopError, match=r"ended with signal 9, and left no reason"):
        backtest(both(live, live), ordered, out, report=kill)
    assert list(out.iterdir()) == []
    assert backtest(both(live, live), ordered, out).summary.changed == 0


def test_ctrl_c_ends_both_sides_and_leaves_nothing(tmp_path: Path) -> None:
    live = topology(tmp_path / "a")
    ordered = order(write(tmp_path / "e.jsonl", EVENTS))
    out = tmp_path / "out"

    def interrupt(side: str, progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backtest(both(live, live), ordered, out, report=interrupt)
    assert not multiprocessing.active_children()
    assert list(out.iterdir()) == []


@pytest.mark.slow
def test_results_are_written_once_there_is_room(tmp_path: Path) -> None:
    live = topology(tmp_path / "a")
    ordered = order(write(tmp_path / "e.jsonl", EVENTS))
    out = tmp_path / "out"

    def be_in_the_way(side: str, progress: object) -> None:
        (out / ".backtest" / "changes.jsonl").mkdir(exist_ok=True)

    with pytest.raises(RetryError, match="cannot be written to"):
        backtest(both(live, live), ordered, out, report=be_in_the_way)
    assert backtest(both(live, live), ordered, out).summary.changed == 0


@pytest.mark.slow
def test_earlier_results_stay_unless_forced(tmp_path: Path) -> None:
    live = topology(tmp_path / "a")
    ordered = order(write(tmp_path / "e.jsonl", EVENTS))
    out = tmp_path / "out"
    backtest(both(live, live), ordered, out)
    before = {name: (out / name).read_bytes() for name in FILES}
    with pytest.raises(UsageError, match="is not empty"):
        backtest(both(live, live), ordered, out)
    assert {name: (out / name).read_bytes() for name in FILES} == before
    definitions = both(live, topology(tmp_path / "b", delay="1h"))
    ordered = msgspec.structs.replace(ordered, drain_ms=DAY_MS)
    assert backtest(definitions, ordered, out, force=True).summary.changed == 2
    assert len(lines(out)) == 2
