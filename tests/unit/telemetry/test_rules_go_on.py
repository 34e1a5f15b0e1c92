"""What is gone for long, or comes and goes, is told once and until it is over.

`promtool` runs the real rules, as in `test_rules_fire`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from cjo_stream.telemetry.monitoring.alert import ALERTS
from tests.unit.telemetry.test_rules_fire import (
    FAULT,
    FAULTS,
    GONE,
    Fault,
    check,
    firing,
    group,
    of,
    promtool,
    run,
    series_of,
)

__all__ = ["promtool"]

UP: Final = 'up{job="cjo-stream",process="%s",instance="%s"}'
GONE_FOR: Final = "stale _x89 1+0x60"
"""A series that is there again after an hour and a half."""


@pytest.mark.parametrize("also", [{}, {UP % ("insight-0", "1.2.3.4:1"): 0}], ids=["", "insight"])
def test_a_stage_that_is_gone_is_told_until_it_is_back(
    promtool: str, tmp_path: Path, also: Fault
) -> None:
    """Whatever else happens that wakes nobody."""
    fault = dict.fromkeys(FAULTS["CjoStageGone"], GONE_FOR)
    told = 'count(ALERTS{alertname="CjoStageGone",stage="dispatch",alertstate="firing"})'
    checks = [check(told, FAULT + minute, 1) for minute in (12, 59, 61, 66, 89)]
    checks += [check(firing("CjoStageGone"), FAULT + minute, None) for minute in (3, 91, 100)]
    run(promtool, tmp_path, [group("gone", {**fault, **also}, checks)])


def test_a_stage_that_was_given_up_is_told_for_a_week(promtool: str, tmp_path: Path) -> None:
    """Which takes 168 minutes at 60 times the speed."""
    told = 'count(ALERTS{alertname="CjoStageGone",stage="dispatch",alertstate="firing"})'
    checks = [check(told, FAULT + 165, 1), check(told, FAULT + 172, None)]
    given_up = group("given up", FAULTS["CjoStageGone"], checks)
    given_up["promql_expr_test"] = checks
    run(promtool, tmp_path, [given_up], faster=60)


def test_a_stage_whose_only_process_no_longer_answers_at_another_address_is_told_once(
    promtool: str, tmp_path: Path
) -> None:
    fault = {**FAULTS["CjoStageGone"], UP % ("dispatch", "1.2.3.4:1"): 0}
    checks = [check(firing("Cjo.*", "page"), FAULT + minute, 1) for minute in (4, 12, 50)]
    checks += [check(firing("CjoTargetDown"), FAULT + minute, 1) for minute in (4, 12, 50)]
    run(promtool, tmp_path, [group("moved", fault, checks)])


@pytest.mark.parametrize("minutes", [12, 70, 170])
def test_a_learner_that_is_no_target_any_more_is_told(
    promtool: str, tmp_path: Path, minutes: int
) -> None:
    gone = dict.fromkeys([*series_of("learn"), *of("up", process="learn")], GONE)
    told = 'count(ALERTS{alertname="CjoLearnOrInsightDown",process="learn",alertstate="firing"})'
    checks = [check(told, FAULT + minutes, 1), check(firing("Cjo.*", "page"), FAULT + 30, None)]
    run(promtool, tmp_path, [group("gone", gone, checks)])


def test_where_there_never_was_a_learner_none_is_missed(promtool: str, tmp_path: Path) -> None:
    """Commands have reward windows all the same, whose rewards are recorded."""
    checks = [check(firing("Cjo.*", "page|ticket"), minute, None) for minute in range(10, 120, 10)]
    without = group("no learner", {}, checks)
    without["input_series"] = [
        one
        for one in without["input_series"]
        if 'process="learn"' not in one["series"] and 'stage="learn"' not in one["series"]
    ]
    run(promtool, tmp_path, [without])


STEP_S: Final = 15


def crash_loop(run_s: int) -> list[int | None]:
    """Return since which second a process runs, every STEP_S of 45 minutes; None: it does not.

    It ends `run_s` after each start, and Kubernetes waits ever longer before it starts it again:
    10 s, 20 s, up to 5 minutes.
    """
    starts, waits_s = [0], 10
    while starts[-1] < 2_700:
        starts.append(starts[-1] + run_s + waits_s)
        waits_s = min(2 * waits_s, 300)
    return [
        next((one for one in starts if one <= at_s < one + run_s), None)
        for at_s in range(0, 2_700, STEP_S)
    ]


def in_a_loop(process: str, run_s: int, ready: int) -> Fault:
    """Return the series of a process in a crash loop, in promtool's notation."""
    since = crash_loop(run_s)

    def shown(of_run: Callable[[int], int]) -> str:
        return " ".join("stale" if one is None else str(of_run(one)) for one in since)

    return {
        **dict.fromkeys(series_of(process), shown(lambda _: 1)),
        **dict.fromkeys(of("cjo_ready", process=process), shown(lambda _: ready)),
        **dict.fromkeys(of("cjo_begun_anew_total", process=process), shown(lambda _: 0)),
        **dict.fromkeys(
            of("cjo_process_start_time_seconds", process=process),
            shown(lambda began_s: 1_700_010_000 + began_s),
        ),
        **dict.fromkeys(
            of("up", process=process), " ".join(str(int(one is not None)) for one in since)
        ),
    }


@pytest.mark.parametrize("run_s", [20, 30, 60])
@pytest.mark.parametrize(("process", "ready"), [("dispatch", 0), ("learn", 1)])
def test_a_process_that_is_started_ever_anew_is_told_once(
    promtool: str, tmp_path: Path, process: str, ready: int, run_s: int
) -> None:
    """Alertmanager holds back what it silences, so it must come first."""
    name = "CjoTargetDown" if process == "dispatch" else "CjoLearnOrInsightDown"
    (alert,) = [one for one in ALERTS if one.name == name]
    severity = "page" if process == "dispatch" else "page|ticket"
    own = "|".join([name, *alert.silenced])
    told = f'ALERTS{{alertname!~"%s",severity=~"{severity}",alertstate="firing"}} > 0'
    others_ = f"count({told % own})"
    before = f'count({told % name} unless on () ALERTS{{alertname="{name}",alertstate="firing"}})'
    begins, ends = FAULT * STEP_S, FAULT * STEP_S + 2_650
    first = 600 if process == "dispatch" else 1_200
    checks = [check(others_, f"{at}s", None) for at in range(begins, ends, 60)]
    checks += [check(before, f"{at}s", None) for at in range(begins, ends, STEP_S)]
    checks += [check(firing(name), f"{at}s", 1) for at in range(begins + first, ends, STEP_S)]
    loop = group("loop", in_a_loop(process, run_s, ready), checks)
    loop["interval"] = f"{STEP_S}s"
    run(promtool, tmp_path, [loop], every=f"{STEP_S}s")
