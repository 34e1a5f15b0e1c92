"""What guards decide of a canary holds in tests of a topology as it does in a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.definition import load
from cjo_stream.embedded.recorded import Recorded, run_files
from cjo_stream.ingest import decoder
from cjo_stream.ingest.files import open_files
from cjo_stream.testing.driver import TENANT_KEY, TopologyDriver
from cjo_stream.testing.suite import run_cases
from tests.world.canary import GUARDS, START_MS, events, topology, write
from tests.world.cases import unmet

Rows = list[dict[str, Any]]


def entered(rows: Rows) -> list[tuple[int, int]]:
    """Return the time and the version of each entry."""
    return [(row["time"], row["version"]) for row in rows if row["reason"] == "entered"]


@pytest.mark.parametrize(("least", "versions"), [(8, {1, 3}), (0, {2, 3})])
def test_a_driver_goes_on_from_a_verdict_as_a_run_does(
    tmp_path: Path, least: int, versions: set[int]
) -> None:
    """A canary is stopped, or promoted after three hours; a third version has one of its own."""
    texts = (
        topology(),
        topology(2, GUARDS.replace("7d", "3h"), least=least),
        topology(3, "30%", least=least),
    )
    lines = [*events(600)]
    ran: Rows = []
    driver: TopologyDriver | None = None
    parts = (lines[:1], lines[1:-200], lines[-200:])
    for name, text, part in zip("123", texts, parts, strict=True):
        file, out, folder = tmp_path / f"{name}.jsonl", tmp_path / f"{name}.out", tmp_path / name
        write(folder, text)
        file.write_text("\n".join(part) + "\n")
        definitions = load(folder)
        recorded = Recorded(
            files=open_files([str(file)]),
            decode=decoder(definitions.program, TENANT_KEY),
            channel="web",
            now=2 * START_MS,
        )
        run_files(definitions, recorded, out, state=tmp_path / "state", tenant_key=TENANT_KEY)
        ran += map(json.loads, (out / "transitions.jsonl").read_text().splitlines())
        if driver is None:
            driver = TopologyDriver(folder)
        else:
            driver.apply(folder)
        for line in part:
            event = json.loads(line)
            driver.send(
                event["type"],
                at=event["time"],
                channel="web",
                identifiers=event["identifiers"],
                attributes=event["attributes"],
            )
    assert driver is not None
    assert len([row for row in driver.governance() if row["kind"] == "verdict"]) == 1
    assert entered(driver.transitions()) == entered(ran)
    began = json.loads(lines[-200])["time"]
    assert {version for time, version in entered(ran) if time >= began} == versions


def test_a_case_goes_on_from_a_verdict(tmp_path: Path) -> None:
    then = GUARDS.replace("50%", "0%").replace("7d", "1h")
    folder = write(tmp_path / "one", topology())
    write(tmp_path / "two", topology(2, then))
    write(tmp_path / "three", topology(3, "0%"))
    (folder / "one.test.yaml").write_text(
        """\
test: after its hour everybody enters the canary, and those outside the next one
at: 2026-03-01T00:00:00Z
steps:
  - apply: ../two
  - event: {type: signed_up, channel: web, identifiers: {user: a}}
  - expect: {transitions: [{journey: welcome, version: 1}]}
  - advance: 1h
  - event: {type: signed_up, channel: web, identifiers: {user: b}}
  - expect: {transitions: [{journey: welcome, version: 2}]}
  - apply: ../three
  - event: {type: signed_up, channel: web, identifiers: {user: c}}
  - expect: {transitions: [{journey: welcome, version: 2}]}
"""
    )
    assert unmet(run_cases(folder)) == []


def test_the_definitions_in_force_are_those_after_a_verdict(tmp_path: Path) -> None:
    driver = TopologyDriver(write(tmp_path / "one", topology()))
    ada = {"user": "ada"}
    driver.send("signed_up", at="2026-03-01T00:00:00Z", channel="web", identifiers=ada)
    then = GUARDS.replace("7d", "1h")
    driver.apply(write(tmp_path / "two", topology(2, then)))
    assert driver.program.journeys["welcome"].canary == 0.5
    driver.advance("2h")
    assert driver.program.journeys["welcome"].canary == 1.0
