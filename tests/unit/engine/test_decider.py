"""When a guarded canary is decided: its time runs while it does."""

from __future__ import annotations

import pytest

from cjo_stream.core.message import Count, Tally
from cjo_stream.core.program.program import Program
from cjo_stream.definition import compile_stored, load, succeed
from cjo_stream.engine.decider import PERIOD_MS, Decider
from tests.world.canary import GUARDS, HOUR_MS, topology, write


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Program]:
    canary = GUARDS.replace("7d", "5h")
    texts = {
        "one": topology(),
        "two": topology(2, canary),
        "paused": topology(2, canary, more="status: paused"),
        "draining": topology(2, canary, more="status: draining"),
        "shadow": topology(2, canary, more="status: shadow"),
    }
    found: dict[str, Program] = {}
    before = None
    for name, text in texts.items():
        content = succeed(load(write(tmp_path_factory.mktemp(name), text)), before)
        before = before or content
        found[name] = compile_stored(content)
    return found


def due_after(programs: dict[str, Program], *sets: tuple[int, str]) -> int | None:
    """Return in which hour it decides, after sets that came into force in these hours."""
    decider = Decider()
    for hour, name in sets:
        decider.begin(programs[name], hour * HOUR_MS)
        decider.plan(programs[name], hour * HOUR_MS)
    return None if decider.due is None else decider.due // HOUR_MS


@pytest.mark.parametrize(
    ("sets", "hour"),
    [
        ([(0, "one")], None),
        ([(1, "two")], 6),
        ([(1, "two"), (3, "two")], 6),
        ([(1, "two"), (3, "shadow")], 6),
        *[([(1, "two"), (3, other)], None) for other in ("one", "paused", "draining")],
        *[([(1, "two"), (3, other), (20, "two")], 23) for other in ("one", "paused", "draining")],
        ([(1, "two"), (3, "one"), (20, "two"), (21, "paused"), (30, "two")], 32),
        ([(1, "paused"), (30, "two")], 35),
    ],
)
def test_for_counts_the_time_in_which_a_canary_runs(
    programs: dict[str, Program], sets: list[tuple[int, str]], hour: int | None
) -> None:
    assert due_after(programs, *sets) == hour


@pytest.mark.parametrize(
    ("period", "clock", "minute"),
    [(100, 100, 101), (99, 100, 101), (61, 100, 101)],
    ids=["of this minute", "of the one before", "late by many"],
)
def test_it_decides_at_full_minutes_however_late_counts_come(
    programs: dict[str, Program], period: int, clock: int, minute: int
) -> None:
    decider = Decider()
    decider.begin(programs["two"], HOUR_MS)
    decider.wait(Tally(period, []))
    decider.plan(programs["two"], clock * PERIOD_MS + 7)
    assert decider.due == minute * PERIOD_MS


@pytest.mark.parametrize("status", ["paused", "draining"])
def test_counts_of_a_canary_that_does_not_run_do_not_pile_up(
    programs: dict[str, Program], status: str
) -> None:
    decider = Decider()
    decider.begin(programs["two"], 0)
    decider.begin(programs[status], HOUR_MS)
    for minute in range(100):
        count = Count("welcome", 2, True, "goal_rate", 1, 1.0, 1.0)
        decider.wait(Tally(60 + minute, [count]))
        decider.plan(programs[status], HOUR_MS + minute * PERIOD_MS)
        assert len(decider.waiting) == 1
    assert decider.due is None
    assert decider.canaries[0].inside["goal_rate"].number == 99


def test_counts_of_a_canary_that_has_not_begun_wait(programs: dict[str, Program]) -> None:
    decider = Decider()
    decider.wait(Tally(1, [Count("welcome", 2, True, "goal_rate", 1, 1.0, 1.0)]))
    decider.plan(programs["one"], HOUR_MS)
    assert len(decider.waiting) == 1
    decider.begin(programs["two"], HOUR_MS)
    assert [*decider.decide(programs["two"], HOUR_MS)] == []
    assert decider.canaries[0].inside["goal_rate"].number == 1
