"""One edit: two runs, a backtest, and whether they agree."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from cjo_stream.cli.app import call
from cjo_stream.simulate import traffic, write_native
from tests.backtest.compared import Ran, changes, rows
from tests.backtest.edit import Edit, edited

ROOT = Path(__file__).parents[2]
TOPOLOGIES = ("shop", "telco", "lending")
DAY_MS = 86_400_000
START_MS = 1_772_323_200_000
OPTIONS = ("--sort", "--drain", "30d", "--now", "2030-01-01T00:00:00Z")


class Found(NamedTuple):
    """An edit, and what it changed."""

    edit: Edit
    changed: int
    commands: int
    groups: int
    several: int
    """Changed groups that are not one to one."""


def events_of(topology: str, folder: Path, people: int, seed: int) -> tuple[Path, Path]:
    """Return a topology's folder, and a file of its events; with no people its own sample."""
    own, events = ROOT / "topologies" / topology, folder / "events.jsonl"
    if people:
        simulated = traffic(
            topology, people=people, seed=seed, start_ms=START_MS, duration_ms=28 * DAY_MS
        )
        write_native(simulated, folder)
    else:
        shutil.copy(own / "events.jsonl", events)
    return own, events


class Trials:
    """Trials of one topology over one file of events."""

    def __init__(self, topology: str, folder: Path, people: int, seed: int) -> None:
        """With no people, over the topology's own sample."""
        self._folder = folder
        self.topology, self._events = events_of(topology, folder, people, seed)
        self._live = self._run(self.topology, "live")

    def against_itself(self) -> None:
        """Assert that nothing is changed where nothing was edited."""
        found, summary = self._backtest(self.topology, "itself")
        assert found == []
        assert (summary["changed"], summary["commands"], summary["edited"]) == (0, 0, [])

    def trial(self, seed: int) -> Found:
        """Assert that the backtest of a random edit finds what two runs show."""
        name = f"edit-{seed}"
        folder = self._folder / name
        edit = edited(self.topology, folder, random.Random(seed))
        wanted, commands = changes(self._live, self._run(folder, f"{name}-run"))
        found, summary = self._backtest(folder, f"{name}-backtest")
        for line in found:
            assert edit.at in line["first"].pop("because"), edit
        assert found == wanted, f"{edit}: {len(found)} changed, not {len(wanted)}"
        assert summary["changed"] == len(wanted), edit
        assert summary["commands"] == commands, edit
        assert edit.at in summary["edited"], edit
        several = sum(len(one["live"]) != 1 or len(one["candidate"]) != 1 for one in found)
        shutil.rmtree(folder)
        return Found(edit, len(found), commands, summary["groups"], several)

    def _run(self, topology: Path, name: str) -> Ran:
        out = self._folder / name
        assert call(["run", str(topology), str(self._events), "--out", str(out), *OPTIONS]) == 0
        ran = Ran(out)
        shutil.rmtree(out)
        return ran

    def _backtest(self, candidate: Path, name: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        out = self._folder / name
        command = ["backtest", str(self.topology), str(candidate), str(self._events)]
        assert call([*command, "--out", str(out), "--identifiers", *OPTIONS]) == 0
        found = rows(out / "changes.jsonl")
        summary = json.loads((out / "summary.json").read_text())
        shutil.rmtree(out)
        return found, summary
