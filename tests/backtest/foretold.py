"""What a plan says of each customer, held against what the `apply` then does to them.

The sets before and after are random (`life`). Before the plan, some events went through the set
before, which itself came after the topology's own: so instances live in several versions, paused
and in shadow, and timers wait. `plan` and `apply` run as commands.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from cjo_stream.cli.app import call
from cjo_stream.definition import load
from cjo_stream.embedded.definition import apply
from cjo_stream.embedded.query import population
from cjo_stream.errors import DefinitionError
from cjo_stream.governance.plan import make_plan
from tests.backtest import life
from tests.backtest.edit import edited
from tests.backtest.happened import Compared
from tests.backtest.said import check_sentences
from tests.backtest.told import fate_name, foresee, rows_of, stored
from tests.backtest.trial import events_of

TRIES: Final = 60
EACH: Final = 5
"""So many changes follow the same first one."""


class Found(NamedTuple):
    """A change, and of how many customers the plan told the truth."""

    changes: list[str]
    fates: Counter[str]
    customers: int
    changed: int
    refused: int
    """Candidates that plan and apply both refused before one was planned."""


class Foretellings:
    """Plans for one topology, over one file of events."""

    def __init__(self, topology: str, folder: Path, people: int, seed: int) -> None:
        """With no people, over the topology's own sample."""
        self._name = topology
        self._folder = folder
        self._topology, events = events_of(topology, folder, people, seed)
        self._own = life.read(self._topology)
        lines = events.read_bytes().splitlines(keepends=True)
        cuts = [0, len(lines) * 4 // 10, len(lines) * 7 // 10, len(lines)]
        self._parts = []
        for number, (begin, end) in enumerate(itertools.pairwise(cuts)):
            part = folder / f"part-{number}.jsonl"
            part.write_bytes(b"".join(lines[begin:end]))
            self._parts.append(part)
        self._base = folder / "base"
        self._before: tuple[int, tuple[Path, list[str], life.Set]] | None = None
        assert self._run(self._topology, 0, self._base) == 0

    def trial(self, seed: int) -> Found:
        """Assert that a plan tells of every customer what the `apply` does to them."""
        began, changes, before = self._lived(seed // EACH)
        chance = random.Random(f"{self._name} {seed}")
        root = self._folder / f"change-{seed}"
        busy = {one.journey for one in stored(began).instances().values()}
        for refused in range(TRIES):
            candidate, told = self._candidate(root / f"candidate-{refused}", before, chance, busy)
            state = root / "state"
            shutil.copytree(began, state)
            found = self._foretold(state, candidate, retire=chance.random() < 0.7)
            if found is not None and seed % EACH == 0:
                self._check_afterwards(state, candidate)
            shutil.rmtree(root)
            if found is not None:
                return found._replace(changes=[*changes, "then", *told], refused=refused)
        raise AssertionError(f"no change of {self._name} is accepted")

    def _lived(self, seed: int) -> tuple[Path, list[str], life.Set]:
        """Return a state in which a first change has come into force, and events went through."""
        if self._before is None or self._before[0] != seed:
            chance = random.Random(f"{self._name} before {seed}")
            root = self._folder / f"before-{seed}"
            state = root / "state"
            busy = {one.journey for one in stored(self._base).instances().values()}
            for number in range(TRIES):
                before, changes = life.changed(self._own, chance, busy)
                folder = life.write(before, root / f"before-{number}")
                shutil.rmtree(state, ignore_errors=True)
                shutil.copytree(self._base, state)
                if self._run(folder, 1, state) == 0:
                    self._before = seed, (state, changes, before)
                    break
        assert self._before is not None, f"no first change of {self._name} is accepted"
        return self._before[1]

    def _candidate(
        self, folder: Path, before: life.Set, chance: random.Random, busy: set[str]
    ) -> tuple[Path, list[str]]:
        """Write the set before with one edit and other lives of journeys."""
        edit = edited(self._topology, folder.with_name(f"{folder.name}-edit"), chance)
        with_edit = life.read(folder.with_name(f"{folder.name}-edit"))
        base = life.with_edit(before, self._own, with_edit, chance)
        new, changes = life.changed(base, chance, busy)
        return life.write(new, folder), [f"{edit.kind} at {edit.at}", *changes]

    def _check_afterwards(self, state: Path, candidate: Path) -> None:
        """Assert that instances go on, with the events that follow, from where they then are."""
        live = {one.id: (one.version, one.state) for one in stored(state).instances().values()}
        assert self._run(candidate, 2, state) == 0
        seen = set()
        for one in _records(state.with_name(f"{state.name}-out-2")):
            if one["instance_id"] in live.keys() - seen and one["reason"] != "merged":
                assert (one["version"], one["from"]) == live[one["instance_id"]], one
                seen.add(one["instance_id"])

    def _run(self, topology: Path, part: int, state: Path) -> int:
        out = state.with_name(f"{state.name}-out-{part}")
        shutil.rmtree(out, ignore_errors=True)
        events = self._parts[part]
        code, _ = _call("run", topology, events, "--sort", "--state", state, "--out", out)
        return code

    def _foretold(self, state: Path, candidate: Path, *, retire: bool) -> Found | None:
        """Hold a plan against the `apply`; return None where the candidate is refused."""
        live = population(state)
        assert live is not None
        try:
            plan = make_plan(live, load(candidate), retire=retire)
        except DefinitionError:
            return None
        if plan.refused or plan.after is None:
            with pytest.raises(DefinitionError):
                apply(load(candidate), state, retire=retire)
            return None
        option = ["--retire"] if retire else []
        code, printed = _call("plan", candidate, "--state", state, "--json", *option)
        assert code == 0
        before = stored(state)
        told = dict(foresee(before, plan.after))
        assert json.loads(printed)["instances"] == rows_of(told), "the plan counts otherwise"
        operated = state.with_name(f"{state.name}.operator")
        known = len(_records(operated))
        code, printed = _call("apply", candidate, "--state", state, "--yes", *option)
        assert code == 0, printed
        now = stored(state)
        records = _records(operated)[known:]
        wrong = list(Compared(before, now, plan.after, told, records).wrong())
        assert not wrong, "\n".join(wrong[:20])
        changed = {customer for (customer, _), its in told.items() if its.row.fate != "stay"}
        check_sentences(plan, told, len(before.customers), len(changed))
        fates = Counter(fate_name(its) for its in told.values())
        return Found([], fates, len(before.customers), len(changed), 0)


def _records(out: Path) -> list[dict[str, Any]]:
    """Return the transition records in a folder of output."""
    path = out / "transitions.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _call(*arguments: object) -> tuple[int, str]:
    """Run a command; return its exit code and what it printed."""
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()),
    ):
        return call([str(one) for one in arguments]), out.getvalue()
