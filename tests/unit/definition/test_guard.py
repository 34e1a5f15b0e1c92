"""Guards of a canary: their form, and what they may compare."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.core.program.journey import Guard, Guards
from cjo_stream.core.word import CanaryEnd, Metric
from cjo_stream.definition import compile_stored, heed, load, succeed
from cjo_stream.errors import DefinitionError
from tests.world.canary import GUARDS, topology, write


def errors(folder: Path, canary: str, text: str = topology(1, "CANARY")) -> list[tuple[str, str]]:
    """Return the messages about a canary, each with its suggestion."""
    write(folder, text.replace("CANARY", canary))
    with pytest.raises(DefinitionError) as caught:
        load(folder)
    return [(found.message, found.suggestion) for found in caught.value.diagnostics]


def guarded(metric: str) -> str:
    return GUARDS.replace("goal_rate", metric)


def test_guards_are_read(tmp_path: Path) -> None:
    first = succeed(load(write(tmp_path / "1", topology())), None)
    canary = GUARDS.replace("}]", "}, {metric: spent, worse_than: 0.2}]")
    second = succeed(load(write(tmp_path / "2", topology(2, canary))), first)
    journey = compile_stored(second).journeys["welcome"]
    assert (journey.canary, journey.entrants) == (0.5, (0.0, 0.5))
    assert journey.guards == Guards(
        each=(
            Guard(metric="goal_rate", worse_than=0.1),
            Guard(metric="spent", worse_than=0.2),
        ),
        then=CanaryEnd.PROMOTE,
        for_ms=7 * 86_400_000,
    )


def test_which_way_is_worse() -> None:
    lower = {
        metric: Guard(metric=metric, worse_than=0).is_lower_worse for metric in (*Metric, "spent")
    }
    assert {name for name, is_lower in lower.items() if is_lower} == {"goal_rate", "spent"}


@pytest.mark.parametrize("metric", list(Metric))
def test_each_metric_may_stand(tmp_path: Path, metric: Metric) -> None:
    load(write(tmp_path, topology(1, guarded(metric))))


def test_unknown_words_are_named_with_the_nearest(tmp_path: Path) -> None:
    for canary, message, nearest in (
        (guarded("goal_rat"), "unknown metric of a guard 'goal_rat'", "goal_rate"),
        (guarded("spend"), "unknown metric of a guard 'spend'", "spent"),
        (GUARDS.replace("then:", "than:"), "unknown key of a canary 'than'", "then"),
        (GUARDS.replace("promote", "promoted"), "end of a canary", "promote"),
        (GUARDS.replace("metric:", "metrik:"), "unknown key of a guard 'metrik'", "metric"),
    ):
        found = errors(tmp_path, canary)
        assert any(message in text and near == nearest for text, near in found), (canary, found)


def test_what_is_no_number_is_refused(tmp_path: Path) -> None:
    ((message, _),) = errors(tmp_path, guarded("seen"))
    assert message.startswith("the trait 'seen' is no number: a guard compares a trait that")


def test_a_goal_rate_needs_a_goal(tmp_path: Path) -> None:
    lines = [one for one in topology(1, "CANARY").splitlines() if not one.startswith("goal:")]
    ((message, _),) = errors(tmp_path, GUARDS, "\n".join(lines))
    assert message == "a guard of 'goal_rate' needs a 'goal' of the journey"


@pytest.mark.parametrize("missing", ["share: 50%, ", ", then: promote", ", for: 7d"])
def test_all_of_it_must_be_said(tmp_path: Path, missing: str) -> None:
    name = missing.strip(", ").partition(":")[0]
    assert errors(tmp_path, GUARDS.replace(missing, "")) == [(f"a canary needs '{name}'", "")]


def test_guards_are_no_content_and_an_earlier_version_may_name_what_is_gone(
    tmp_path: Path,
) -> None:
    first = succeed(load(write(tmp_path / "1", topology())), None)
    second = succeed(load(write(tmp_path / "2", topology(2, guarded("spent")))), first)
    again = succeed(load(write(tmp_path / "3", topology(2, "10%"))), second)
    assert compile_stored(again).journeys["welcome"].guards is None
    gone = topology(3).replace("spent: {sum: event.total, on: bought}, ", "")
    succeed(load(write(tmp_path / "4", gone)), second)


def test_a_verdict_is_part_of_the_sets_that_follow(tmp_path: Path) -> None:
    first = succeed(load(write(tmp_path / "1", topology())), None)
    second = succeed(load(write(tmp_path / "2", topology(2, GUARDS))), first)
    assert heed(second, []) == second
    shares = {}
    for verdict in CanaryEnd:
        heeded = heed(second, [("welcome", 2, str(verdict))])
        assert heed(heeded, [("welcome", 2, "hold")]) == heeded
        program = compile_stored(heeded)
        assert program.journeys["welcome"].guards is None
        shares[verdict] = {v: one.entrants for (_, v), one in program.versions.items()}
    assert shares == {
        CanaryEnd.PROMOTE: {1: (1.0, 1.0), 2: (0.0, 1.0)},
        CanaryEnd.HOLD: {1: (0.5, 1.0), 2: (0.0, 0.5)},
        CanaryEnd.BACK: {1: (0.0, 1.0), 2: (0.0, 0.0)},
    }
