"""Loan applications through `topologies/lending`, against arithmetic that knows no engine.

The applications are simulated, 1,500 of them. CJO_TEST_BPIC2012 names a file with a real log to
take instead: 164,506 rows of 13,087 applications, gzipped CSV with the columns case_id,
activity, timestamp, amount_req, resource (B. van Dongen, BPI Challenge 2012, 4TU.ResearchData, doi
10.4121/uuid:3926db30-f712-4394-aebc-75976070e91f). It is not part of this project. Every tenth of
its applications is taken; all with CJO_LONG=1.

The arithmetic goes over the CSV case by case: something opens a run, something starts its wait
anew, something ends it, and a ladder of waits says what happens on the way if nothing does.
"""

import csv
import gzip
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from cjo_stream.cli.app import call

ROOT = Path(__file__).resolve().parents[2]
WHOLE = os.environ.get("CJO_TEST_BPIC2012")
APPLICATIONS = 1_500
COLUMNS = ("case_id", "activity", "timestamp", "amount_req", "resource")
DAY_MS = 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
CALLS = {"W_Afhandelen leads", "W_Nabellen offertes", "W_Nabellen incomplete dossiers"}


class Step(NamedTuple):
    """One row: when, what."""

    time_ms: int
    activity: str


class Run(NamedTuple):
    """One run of a journey: opened, what was reached and when, how and when it ended, if so."""

    opened: Step
    reached: list[tuple[str, int]]
    outcome: str | None
    ended_ms: int | None
    later: Sequence[Step]
    """What happened after it was opened, whether it was live or not."""


def ms_of(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of applications, gzipped CSV as the bank's."""
    folder = tmp_path_factory.mktemp("sample")
    if WHOLE is None:
        return _simulated(folder)
    if "CJO_LONG" in os.environ:
        return Path(WHOLE)
    with gzip.open(WHOLE, "rt", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return _written(folder, (row for row in rows if int(row["case_id"]) % 10 == 0))


def _simulated(folder: Path) -> Path:
    made = ["simulate", "lending", "--out", str(folder / "made"), "--seed", "4"]
    made += ["--people", str(APPLICATIONS), "--start", "2026-03-01T00:00:00Z", "--duration", "28d"]
    assert call(made) == 0
    lines = (folder / "made" / "events.jsonl").read_bytes().splitlines()
    return _written(folder, (row for line in lines if (row := _row(line)) is not None))


def _row(line: bytes) -> dict | None:
    """Return a row; None for a line that the simulation has broken."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and row.keys() >= set(COLUMNS) else None


def _written(folder: Path, rows: Iterable[dict]) -> Path:
    path = folder / "sample.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8", newline="") as sample:
        writer = csv.DictWriter(sample, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def cases(data: Path) -> dict[str, list[Step]]:
    """Every application's rows, in order of time; equal times in the file's order."""
    found: dict[str, list[Step]] = defaultdict(list)
    with gzip.open(data, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found[row["case_id"]].append(Step(ms_of(row["timestamp"]), row["activity"]))
    return {case: sorted(steps, key=lambda step: step.time_ms) for case, steps in found.items()}


@pytest.fixture(scope="module")
def amounts(data: Path) -> dict[str, int]:
    with gzip.open(data, "rt", encoding="utf-8") as file:
        return {row["case_id"]: int(row["amount_req"]) for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def end_ms(cases: dict[str, list[Step]]) -> int:
    """The moment up to which time runs: `--drain 30d`."""
    return max(steps[-1].time_ms for steps in cases.values()) + 30 * DAY_MS


@pytest.fixture(scope="module")
def out(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a run over the file, in order of time, that goes on for a month after."""
    folder = tmp_path_factory.mktemp("lending") / "out"
    command = [sys.executable, "-m", "cjo_stream", "run", ROOT / "topologies" / "lending", data]
    done = subprocess.run(
        [*map(str, command), "--out", str(folder), "--sort", "--drain", "30d"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return folder


def rows(path: Path) -> Iterator[dict]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


class Rule(NamedTuple):
    """A journey of the topology in a few words: waits in days since the last (re)start."""

    opens: str
    restarts: set[str]
    ends: dict[str, str]
    ladder: list[tuple[int, str]]
    """The last one ends the run, with that outcome."""
    once: bool = False


RULES = {
    "stuck_application": Rule(
        "A_PARTLYSUBMITTED",
        {"A_PREACCEPTED", "A_ACCEPTED"},
        {"A_FINALIZED": "finalised", "A_DECLINED": "declined", "A_CANCELLED": "cancelled"},
        [(7, "chase_application"), (21, "escalate_application"), (51, "lapsed")],
    ),
    "incomplete_file": Rule(
        "W_Nabellen incomplete dossiers",
        {"W_Nabellen incomplete dossiers"},
        {
            "W_Valideren aanvraag": "validated",
            "A_APPROVED": "approved",
            "A_DECLINED": "declined",
            "A_CANCELLED": "cancelled",
        },
        [(3, "missing_papers"), (13, "review_file"), (20, "lapsed")],
    ),
    "offer_unanswered": Rule(
        "O_SENT",
        {"O_SENT"},
        {
            "O_SENT_BACK": "answered",
            "O_ACCEPTED": "accepted",
            "O_CANCELLED": "withdrawn",
            "A_CANCELLED": "closed",
            "A_DECLINED": "closed",
        },
        [(10, "offer_reminder"), (20, "offer_call"), (30, "unanswered")],
    ),
    "declined": Rule("A_DECLINED", set(), {}, [(14, "closed")], once=True),
    "cancelled": Rule("A_CANCELLED", set(), {}, [(14, "come_back"), (21, "closed")], once=True),
    "fraud_check": Rule(
        "W_Beoordelen fraude",
        set(),
        {"A_APPROVED": "cleared", "A_DECLINED": "refused", "A_CANCELLED": "dropped"},
        [(60, "dropped")],
        once=True,
    ),
}
GOALS = {
    "stuck_application": ("A_FINALIZED", 14),
    "incomplete_file": ("A_APPROVED", 30),
    "offer_unanswered": ("O_SENT_BACK", 30),
}


def runs(rule: Rule, steps: Sequence[Step], end_ms: int) -> list[Run]:
    """Return the runs of one application under one rule, up to `end_ms`."""
    found: list[Run] = []
    live: Run | None = None
    since_ms = looked_ms = 0
    for number, step in enumerate([*steps, Step(end_ms, "the end")]):
        if live is not None:
            for days, name in rule.ladder:
                due_ms = since_ms + days * DAY_MS
                if looked_ms < due_ms <= step.time_ms:
                    live.reached.append((name, due_ms))
            looked_ms = step.time_ms
            last = rule.ladder[-1][1]
            if live.reached and live.reached[-1][0] == last:
                found[-1] = live._replace(outcome=last, ended_ms=live.reached.pop()[1])
                live = None
        if live is not None and step.activity in rule.ends:
            found[-1] = live._replace(outcome=rule.ends[step.activity], ended_ms=step.time_ms)
            live = None
        elif live is not None and step.activity in rule.restarts:
            since_ms = step.time_ms
        elif live is None and step.activity == rule.opens and not (rule.once and found):
            live = Run(step, [], None, None, steps[number + 1 :])
            since_ms = looked_ms = step.time_ms
            found.append(live)
    return found


# --- what should have come of it: (journey, application, ...) with times


def each_run(cases: dict[str, list[Step]], end_ms: int) -> Iterator[tuple[str, str, Run]]:
    for journey, rule in RULES.items():
        for case, steps in cases.items():
            for run in runs(rule, steps, end_ms):
                yield journey, case, run


def next_working_nine(time_ms: int) -> int:
    """Return 09:00 of the next working day in Amsterdam, ms; today's where it is still to come."""
    local = (EPOCH + timedelta(milliseconds=time_ms)).astimezone(AMSTERDAM)
    for days in range(5):
        day = local.date() + timedelta(days=days)
        nine = datetime(day.year, day.month, day.day, 9, tzinfo=AMSTERDAM)
        nine_ms = int(nine.timestamp()) * 1000
        if nine_ms > time_ms and day.weekday() < 5:
            return nine_ms
    raise AssertionError("five days hold a working one")


def activated(cases: dict[str, list[Step]]) -> Iterator[tuple[str, int, int]]:
    """Yield (application, paid out, welcome call)."""
    for case, steps in cases.items():
        for step in steps:
            if step.activity == "A_ACTIVATED":
                yield case, step.time_ms, next_working_nine(step.time_ms)


def offers_before(steps: Sequence[Step], activity: str) -> int:
    """Return how many offers were sent before the first such row."""
    first = next(i for i, step in enumerate(steps) if step.activity == activity)
    return sum(step.activity == "O_SENT" for step in steps[:first])


def requested(cases: dict[str, list[Step]], end_ms: int) -> Iterator[tuple[str, str, int]]:
    """Yield (action, application, when) of everything asked for, eligible or not."""
    for journey, case, run in each_run(cases, end_ms):
        for action, due_ms in run.reached:
            yield action, case, due_ms
        if journey == "declined":
            yield "decline_letter", case, run.opened.time_ms
            if offers_before(cases[case], "A_DECLINED"):
                yield "decline_call", case, run.opened.time_ms
    for case, paid_ms, call_ms in activated(cases):
        yield "loan_contract", case, paid_ms
        if call_ms <= end_ms:
            yield "welcome_call", case, call_ms


def is_sent(action: str, case: str, due_ms: int, amount: int, steps: Sequence[Step]) -> bool:
    """Return whether what was asked for passes the action's own conditions."""
    if action == "escalate_application":
        return amount >= 5_000
    if action == "come_back":
        looked_at = any(s.activity == "W_Beoordelen fraude" and s.time_ms < due_ms for s in steps)
        return amount >= 5_000 and not looked_at
    return True


# --- and what did


def test_every_row_is_an_event_and_every_application_a_customer(
    out: Path, cases: dict[str, list[Step]]
) -> None:
    summary = json.loads((out / "summary.json").read_text())
    assert summary["events"] == sum(map(len, cases.values()))
    assert summary["customers"] == len(cases)
    is_whole = WHOLE is not None and "CJO_LONG" in os.environ
    assert len(cases) == 13_087 if is_whole else len(cases) > 1_000
    assert summary["late"] == summary["repeated"] == summary["dead_letters"] == 0


def test_profiles_add_up(out: Path, cases: dict[str, list[Step]], amounts: dict[str, int]) -> None:
    for row in rows(out / "customers.jsonl"):
        (case,) = row["identifiers"]["application"]
        activities = Counter(step.activity for step in cases[case])
        assert row["events"] == activities.total()
        traits = row["traits"]
        assert traits["amount"] == amounts[case]
        assert traits["offers_sent"] == activities["O_SENT"]
        assert traits["calls"] == sum(activities[call] for call in CALLS)


def test_every_journey_is_entered_as_often_as_something_opens_it(
    out: Path, cases: dict[str, list[Step]], end_ms: int
) -> None:
    want = Counter((j, case, run.opened.time_ms) for j, case, run in each_run(cases, end_ms))
    want.update(("accepted", case, paid_ms) for case, paid_ms, _ in activated(cases))
    got = Counter(
        (row["journey"], row["key"], row["time"])
        for row in rows(out / "transitions.jsonl")
        if row["reason"] == "entered"
    )
    assert got == want


def test_every_journey_ends_when_and_as_the_rows_say(
    out: Path, cases: dict[str, list[Step]], end_ms: int
) -> None:
    want: Counter[tuple[str, str, str, int]] = Counter()
    for journey, case, run in each_run(cases, end_ms):
        if run.outcome is not None and run.ended_ms is not None:
            outcome = run.outcome
            if journey == "declined" and offers_before(cases[case], "A_DECLINED"):
                outcome = "closed_after_offer"
            want[journey, case, outcome, run.ended_ms] += 1
    for case, _, call_ms in activated(cases):
        if call_ms + 7 * DAY_MS <= end_ms:
            want["accepted", case, "settled", call_ms + 7 * DAY_MS] += 1
    got = Counter(
        (row["journey"], row["key"], row["outcome"], row["time"])
        for row in rows(out / "transitions.jsonl")
        if row["reason"] in ("ended", "exited")
    )
    assert got == want


def test_every_goal_is_marked_once_within_its_time(
    out: Path, cases: dict[str, list[Step]], end_ms: int
) -> None:
    want: Counter[tuple[str, str, int]] = Counter()
    for journey, case, run in each_run(cases, end_ms):
        activity, days = GOALS.get(journey, ("", 0))
        by_ms = run.opened.time_ms + days * DAY_MS
        hits = [s.time_ms for s in run.later if s.activity == activity and s.time_ms <= by_ms]
        if hits:
            want[journey, case, hits[0]] += 1
    got = Counter(
        (row["journey"], row["key"], row["time"])
        for row in rows(out / "transitions.jsonl")
        if row["reason"] == "goal"
    )
    assert got == want


def test_every_request_is_decided_and_every_command_sent_at_its_time(
    out: Path, cases: dict[str, list[Step]], amounts: dict[str, int], end_ms: int
) -> None:
    asked = list(requested(cases, end_ms))
    decided = Counter(
        (row["candidates"][0]["action"], row["time"]) for row in rows(out / "decisions.jsonl")
    )
    assert decided == Counter((action, due_ms) for action, _, due_ms in asked)
    want = Counter(
        (action, case, due_ms)
        for action, case, due_ms in asked
        if is_sent(action, case, due_ms, amounts[case], cases[case])
    )
    got = Counter(
        (row["action"], row["address"]["value"], row["issued_at"])
        for row in rows(out / "actions.jsonl")
    )
    assert got == want
    assert len(Counter(action for action, _, _ in want)) == 11


def test_what_a_command_carries_is_what_the_rows_say(
    out: Path, cases: dict[str, list[Step]], amounts: dict[str, int]
) -> None:
    branches: Counter[str] = Counter()
    for row in rows(out / "actions.jsonl"):
        case, payload = row["address"]["value"], row["payload"]
        assert payload.get("application") == case
        assert payload.get("amount", amounts[case]) == amounts[case]
        if row["action"] == "welcome_call":
            before = [s for s in cases[case] if s.time_ms < row["issued_at"]]
            assert payload["calls_before"] == sum(s.activity in CALLS for s in before)
        if row["action"] == "decline_letter":
            assert payload["had_offer"] == (offers_before(cases[case], "A_DECLINED") > 0)
        if row["action"] == "come_back":
            branches[row["channel"]] += 1
    assert branches["letter"] / branches.total() == pytest.approx(0.5, abs=0.05)
