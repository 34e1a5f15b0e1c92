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
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from cjo_stream.cli.app import call
from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Customer, Instance
from cjo_stream.definition import load
from cjo_stream.embedded.definition import apply
from cjo_stream.embedded.query import population
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine import codec
from cjo_stream.engine.prospect import Fated, people, timer_name
from cjo_stream.errors import DefinitionError
from cjo_stream.governance.plan import Plan, make_plan
from cjo_stream.governance.sentence import sentences
from tests.backtest import life
from tests.backtest.edit import edited
from tests.backtest.trial import TOPOLOGIES, events_of
from tests.world.stored import actor_states

__all__ = ["TOPOLOGIES", "Foretellings", "Found"]

TRIES: Final = 60
EACH: Final = 5
"""So many changes follow the same first one."""
_SENTENCE: Final = re.compile(
    r"(?P<journey>\w+) version (?P<version>\d+), (?P<state>\w+): (?P<live>[\d,]+) instances? of "
    r"(?P<customers>[\d,]+) customers? (?P<fate>.*)"
)
_TOTAL: Final = re.compile(
    r"([\d,]+) of ([\d,]+) customers? would have an instance moved or ended"
)
_RESTING: Final = re.compile(r"([\d,]+) instances? of journeys that do not change stays?")
_Key = tuple[str, int, str, str]


class Stored(NamedTuple):
    """What a state folder holds."""

    clock: int
    customers: dict[str, Customer]

    def instances(self) -> dict[tuple[str, str], Instance]:
        """Return the live instances, by customer and id."""
        return {
            (customer.id, one.id): one
            for customer in self.customers.values()
            for one in customer.instances
            if one.state is not None
        }


class Told(NamedTuple):
    """What was told of one instance."""

    row: Fated
    version: int
    """The one that it lives in afterwards."""
    left: dict[str, int]
    """What is left of its timers, ms; of one that stays, of those that go on."""


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


class Compared:
    """A state folder after an `apply`, against what was told of it."""

    def __init__(
        self,
        before: Stored,
        now: Stored,
        after: Program,
        told: dict[tuple[str, str], Told],
        records: list[dict[str, Any]],
    ) -> None:
        self._clock = before.clock
        self._after = after
        self._told = told
        self._before, self._now = before.instances(), now.instances()
        self._records = defaultdict(list)
        for one in records:
            self._records[one["customer_id"], one["instance_id"]].append(one)

    def wrong(self) -> Iterator[str]:
        """Yield what happened otherwise than told, with customer and instance."""
        for key, its in self._told.items():
            for what in self._wrong(self._before[key], its, self._records[key], key):
                yield f"{what}: {key}, told {its}, {self._before[key]}, {self._records[key]}"
        for key in (self._records.keys() | self._now.keys()) - self._told.keys():
            if not self._records[key] or not _is_raised(self._records[key][0]):
                yield f"of this instance nothing was told: {key}, {self._records[key]}"

    def _wrong(
        self, was: Instance, its: Told, records: list[dict[str, Any]], key: tuple[str, str]
    ) -> Iterator[str]:
        row = its.row
        head = _records_of(row)
        if [
            (one["reason"], one["from"], one["to"], one["outcome"]) for one in records[: len(head)]
        ] != head:
            yield "other records"
            return
        rest = records[len(head) :]
        if any(one["version"] != its.version for one in records):
            yield "another version"
        if rest:
            if not _is_raised(rest[0]) and not self._is_due(its):
                yield "something came due that was not told to"
            return
        now = self._now.get(key)
        if now is None:
            if row.outcome is None:
                yield "it is gone"
            return
        if row.outcome is not None:
            yield "it still lives"
        elif (now.version, now.state) != (its.version, row.to):
            yield "another state"
        elif now.data != was.data or lacking(self._after, row) & now.data.keys():
            yield "other variables"
        elif row.fate == "stay" and (now.timers, now.entered_at) != (was.timers, was.entered_at):
            yield "other timers"
        elif row.fate == "move":
            yield from self._wrong_timers(was, now, its)

    def _wrong_timers(self, was: Instance, now: Instance, its: Told) -> Iterator[str]:
        versions = self._after.versions
        assert was.state is not None
        assert now.state is not None
        old = versions[was.journey, was.version].states[was.state].timers
        new = versions[now.journey, now.version].states[now.state].timers
        due = {timer_name(new[one.ordinal]): one.due - self._clock for one in now.timers}
        for name, left in its.left.items():
            if due.pop(name, 0) != left:
                yield f"another time left of {name}"
        known = {timer_name(rule) for rule in old}
        if any(new_name in known or "(" not in new_name for new_name in due):
            yield f"timers that were not told: {due}"
        dues = [sorted(one.due for one in instance.timers) for instance in (was, now)]
        is_same = len(old) >= len(new) and dues[0] == dues[1]
        if its.row.timers == "kept" and not is_same:
            yield "its timers were said to go on"
        if (
            its.row.timers == "restarted"
            and is_same
            and sorted(map(timer_name, old)) == sorted(map(timer_name, new))
        ):
            yield "its timers went on"

    def _is_due(self, its: Told) -> bool:
        is_running = its.row.journey not in self._after.paused
        return is_running and any(left <= 0 for left in its.left.values())


def _records_of(row: Fated) -> list[tuple[str, str | None, str | None, str | None]]:
    """Return reason, from, to and outcome of the records that a fate leaves."""
    if row.fate == "end":
        return [("exited", row.state, None, row.outcome)]
    if row.outcome is not None:
        return [("ended", row.state, row.to, row.outcome)]
    if row.to != row.state:
        return [("moved", row.state, row.to, None)]
    return []


def _is_raised(record: dict[str, Any]) -> bool:
    """Return whether something that another instance raised caused a record."""
    return bool(record["trigger"]["kind"] == "raised")


def foresee(before: Stored, after: Program) -> Iterator[tuple[tuple[str, str], Told]]:
    """Yield what the engine foresees for each live instance, by customer and id."""
    for customer in before.customers.values():
        for one in customer.instances:
            alone = msgspec.structs.replace(customer, instances=[one])
            impact = people([alone], after, before.clock)
            for row, spans in zip(impact.instances, impact.left, strict=True):
                left = {name: low for name, (low, _) in spans.items()}
                version = one.version
                if row.fate == "move":
                    version = after.journeys[one.journey].version
                else:
                    rules = after.versions[one.journey, version].states[row.state].timers
                    left = {timer_name(rules[t.ordinal]): t.due - before.clock for t in one.timers}
                yield (customer.id, one.id), Told(row, version, left)


def lacking(after: Program, row: Fated) -> set[str]:
    """Return the variables that instances which move will lack."""
    if row.fate != "move" or row.outcome is not None:
        return set()
    old = after.versions[row.journey, row.version].data
    return set(after.journeys[row.journey].data.keys() - old.keys())


def fate_name(its: Told) -> str:
    """Return a fate in a few words, to be counted."""
    row = its.row
    if row.fate == "end":
        return f"ends {row.outcome}"
    if row.fate == "stay":
        return "stays" if min(its.left.values(), default=1) > 0 else "stays, with what is due"
    if row.outcome is not None:
        return "moves and ends"
    return f"moves{'' if row.to == row.state else ' to another state'}, timers {row.timers}"


def rows_of(told: dict[tuple[str, str], Told]) -> list[dict[str, Any]]:
    """Return the rows of a plan that these instances make, counted anew."""
    groups: dict[_Key, list[tuple[str, Told]]] = defaultdict(list)
    for (customer, _), its in told.items():
        row = its.row
        groups[row.journey, row.version, row.state, row.fate].append((customer, its))
    found = []
    for key in sorted(groups):
        members = groups[key]
        row = msgspec.to_builtins(members[0][1].row)
        row["live"], row["customers"] = len(members), len({customer for customer, _ in members})
        if any(its.row.timers == "restarted" for _, its in members):
            row["timers"] = "restarted"
        found.append(row)
    return found


def check_sentences(
    plan: Plan, told: dict[tuple[str, str], Told], customers: int, changed: int
) -> None:
    """Assert that sentences name each group with its numbers, its fate and what is left."""
    printed = list(sentences(plan))
    spans: dict[_Key, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    due: dict[_Key, set[str]] = defaultdict(set)
    versions, lost = {}, {}
    for its in told.values():
        row = its.row
        key = (row.journey, row.version, row.state, row.fate)
        versions[key] = its.version
        assert plan.after is not None
        lost[key] = lacking(plan.after, row)
        is_paused = plan.after is None or row.journey in plan.after.paused
        for name, ms in its.left.items():
            if row.fate == "move":
                spans[key][name].append(ms)
            elif row.fate == "stay" and ms <= 0 and not is_paused:
                due[key].add(name)
    lines = [found for line in printed if (found := _SENTENCE.fullmatch(line))]
    journeys = {one.name for one in plan.changes if one.kind == "journey"}
    resting = [
        its for its in told.values() if its.row.fate == "stay" and its.row.journey not in journeys
    ]
    rows = [row for row in rows_of(told) if row["fate"] != "stay" or row["journey"] in journeys]
    told_resting = [found for line in printed if (found := _RESTING.fullmatch(line))]
    assert [_number(one[1]) for one in told_resting] == [len(resting)] * bool(resting)
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        key = (row["journey"], row["version"], row["state"], row["fate"])
        said = (line["journey"], int(line["version"]), line["state"], _number(line["live"]))
        assert (*said, _number(line["customers"])) == (*key[:3], row["live"], row["customers"])
        assert line["fate"].startswith(_fate_said(row, versions[key])), line[0]
        assert set(re.findall(r"\bdata\.(\w+)", line["fate"])) == lost[key], line[0]
        _, _, at_once = line["fate"].partition("fires at once: ")
        assert set(at_once.replace("timer ", "").split(", ")) - {""} == due[key], line[0]
        for name, left in spans[key].items():
            shortest, longest = _span(min(left)), _span(max(left))
            span = shortest if shortest == longest else f"{shortest} to {longest}"
            assert f"{name} ({span} left)" in line["fate"], (line[0], name, span)
    totals = [found for line in printed if (found := _TOTAL.fullmatch(line))]
    assert [(_number(one[1]), _number(one[2])) for one in totals] == [(changed, customers)]


def _fate_said(row: dict[str, Any], version: int) -> str:
    s = "s" if row["live"] == 1 else ""
    if row["fate"] == "stay":
        return f"stay{s}"
    if row["fate"] == "end":
        return f"end{s} with outcome {row['outcome']}"
    there = f"move{s} to version {version}, {row['to']}"
    ends = "" if row["outcome"] is None else f", and end{s} there with outcome {row['outcome']}"
    return f"{there}{ends}"


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _span(ms: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        if ms >= 1_000 * size:
            return f"{ms // (1_000 * size)}{unit}"
    return "0s"


def stored(state: Path) -> Stored:
    """Return the clock and the present customers of a state folder."""
    with closing(StateFolder(state)) as folder:
        stores = folder.tasks()
        metas = [codec.decode_meta(store.get(codec.META_KEY) or b"") for store in stores]
        customers = {
            one.id: one
            for _, one in actor_states(stores)
            if isinstance(one, Customer) and not one.redirect and one.erased_at is None
        }
        return Stored(max(meta.clock for meta in metas), customers)


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
