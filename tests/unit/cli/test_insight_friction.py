"""`insight friction` on a layer: its rows, its lists, and what it says beside them."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.insight.friction.small_shop import DAY_MS, DEFECT_MS, START_MS, world
from tests.world.command_line import Cli, cli

__all__ = ["cli"]


def sink(cli: Cli, at: Path, days: int) -> None:
    """Make a layer of the events of some days, in which an error comes up."""
    lines = [
        json.dumps(
            {
                "type": type_,
                "time": time,
                "channel": channel,
                "identifiers": {"email": f"{who}@example.com"},
                "attributes": {"total": total},
            }
        )
        for who, type_, channel, time, total in world("error").events
        if time < START_MS + days * DAY_MS
    ]
    (at / "run").mkdir(parents=True)
    (at / "events.jsonl").write_text("\n".join(lines))
    done = cli(
        "insight", "sink", at / "run", "--events", at / "events.jsonl", "--layer", at / "layer"
    )
    assert done.code == 0, done.err


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("friction")


def test_rows_lists_and_sentences_agree(cli: Cli, kept: Path) -> None:
    sink(cli, kept, 16)
    layer, of = kept / "layer", kept / "list.csv"
    done = cli("insight", "friction", "--layer", layer, "--format", "csv", "--list", of)
    assert done.code == 0
    assert "--value TYPE.ATTRIBUTE" in done.err
    assert "as of records until" in done.err
    rows = list(csv.DictReader(done.out.splitlines()))
    assert ",".join(rows[0]) == "finding,kind,place,began,detected,customers,lost_value"
    assert (rows[0]["kind"], rows[0]["place"]) == ("error", "event:checkout_error")
    with of.open() as file:
        listed = Counter(row["finding"] for row in csv.DictReader(file))
    assert listed == {row["finding"]: int(row["customers"]) for row in rows}
    found = json.loads(cli("insight", "friction", "--layer", layer, "--format", "json").out)
    assert [one["customers"] for one in found] == [int(row["customers"]) for row in rows]
    table = cli("insight", "friction", "--layer", layer, "--value", "order_placed.total").out
    assert found[0]["sentence"] in table
    assert f"for example {found[0]['example']}: " in table
    again = cli("insight", "friction", "--layer", layer, "--format", "csv")
    assert again.out == done.out


def test_a_period_chooses_by_when_a_finding_was_detected(cli: Cli, kept: Path) -> None:
    at = datetime.fromtimestamp(DEFECT_MS / 1000, UTC).isoformat()
    ask = ("insight", "friction", "--layer", kept / "layer", "--format", "csv")
    assert len(cli(*ask, "--from", at).out.splitlines()) > 1
    assert len(cli(*ask, "--until", at).out.splitlines()) == 1


def test_what_is_asked_wrongly_is_refused_until_it_is_asked_rightly(cli: Cli, kept: Path) -> None:
    ask = ("insight", "friction", "--layer", kept / "layer")
    for wrong, right, says in (
        (("--complaint", "order_place"), ("--complaint", "order_placed"), "did you mean order_pl"),
        (
            ("--value", "order_place.total"),
            ("--value", "order_placed.total"),
            "did you mean order",
        ),
        (("--value", "order_placed.x"), ("--value", "order_placed.total"), "has a number at `x`"),
    ):
        refused = cli(*ask, *wrong)
        assert refused.code == 2
        assert says in refused.err
        assert cli(*ask, *right).code == 0


def test_a_young_layer_says_from_when_on_something_can_be_found(cli: Cli, tmp_path: Path) -> None:
    sink(cli, tmp_path, 3)
    done = cli("insight", "friction", "--layer", tmp_path / "layer")
    assert "no finding" in done.out
    assert "nothing can be found before 2026-01-14 00:00 UTC" in done.err


def test_without_scipy_the_extra_is_named(
    cli: Cli, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("insight", "friction", "--layer", kept / "layer")
    with monkeypatch.context() as without:
        for name in [one for one in sys.modules if one.startswith("cjo_stream.insight.friction")]:
            without.delitem(sys.modules, name)
        without.setitem(sys.modules, "scipy.special", None)
        done = cli(*ask)
    assert done.code == 2
    assert "pip install 'cjo-stream[insight]'" in done.err
    assert cli(*ask).code == 0
