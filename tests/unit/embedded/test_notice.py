"""What was not as it was meant is shown at the end of a run: counted, named, with a place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.cli.notice import tell_notices
from cjo_stream.core.word import Ignored
from cjo_stream.embedded.notice import AS_MEANT, PLACES, IgnoredSummary, Notices
from cjo_stream.embedded.run import Summary
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.ingest import Decoder
from cjo_stream.telemetry import METRICS
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

TOPOLOGY = """
topology: counted
channels:
  web: {in: {}, out: {address: user}}
  crm:
    in: {format: debezium, map: {type: row.type, time: row.ts_ms, identifiers: {user: row.id}}}
events:
  {order: {total: number}, seen: {}, ask: {key: number}, ticket: {n: number}, solved: {n: number}}
identity: {identifiers: [{type: user}, {type: email, normalise: email}]}
profile:
  facts: {plan: string, age: number, timezone: string}
  traits: {spend: {sum: event.total, on: order}}
service: {opened: {on: ticket, key: event.n}, closed: {on: solved, key: event.n}}
---
journey: often
version: 1
owner: o
entry: {on: ask, key: event.key, reentry: always}
initial: asked
states: {asked: {after: {10d: gone}}, gone: {end: gone}}
---
journey: odd
version: 1
owner: o
entry: {on: ask, when: "(3 + 'a') > 2"}
initial: asked
states: {asked: {end: gone}}
---
measure: closed
on: [order, seen]
value: profile.last_case_closed
"""
START_MS = 1_772_442_000_000
NOW = ("--now", "2026-12-01T00:00:00Z")
SECRET = "secret-of-a-customer"
ELSEWHERE = {
    "cjo_webhook_commands_total": "of `cjo-stream webhook`, which is no part of a run",
    "cjo_webhook_retries_total": "of `cjo-stream webhook`, which is no part of a run",
    "cjo_events_total": "figures `events`, `late`, `repeated`; `ignored` for the rest",
    "cjo_items_total": "what a replay repeats is no event of a run",
    "cjo_journey_entries_total": "transitions.jsonl",
    "cjo_journey_ends_total": "transitions.jsonl",
    "cjo_actions_total": "actions.jsonl",
    "cjo_commands_sent_total": "actions.jsonl: a run sends nothing",
    "cjo_measures_total": "measures.jsonl",
    "cjo_measure_value_total": "measures.jsonl",
    "cjo_suppressed_total": "decisions.jsonl, by candidate",
    "cjo_rewards_total": "rewards.jsonl",
    "cjo_predictions_total": "predictions.jsonl",
    "cjo_trace_contexts_total": "files have no headers, where contexts stand",
    "cjo_trace_spans_total": "only processes on Kafka make spans",
    "cjo_registry_requests_total": "files hold plain records: no registry is asked",
    "cjo_archive_events_total": "only an intake on Kafka archives",
    "cjo_archive_failures_total": "only an intake on Kafka archives",
    "cjo_archive_files_total": "only an intake on Kafka archives",
    "cjo_insight_rows_total": "only a sink on Kafka counts",
    "cjo_insight_lost_total": "only a sink on Kafka counts",
    "cjo_identity_changes_total": "identities.jsonl, refused links too",
    "cjo_rebalances_total": "only a worker on Kafka has a group",
    "cjo_begun_anew_total": "only a process on Kafka begins anew",
}
"""Counters that say what a topology means to happen, and where a run has it."""


def test_every_counter_has_a_place_at_the_end_of_a_run() -> None:
    counters = {metric.name for metric in METRICS if metric.kind == "counter"}
    assert counters == set(PLACES) | set(ELSEWHERE)
    assert set(AS_MEANT) <= set(PLACES)
    fields = {*Notices.__struct_fields__, "refused"}
    assert set(PLACES.values()) == fields - {"absent"}  # nothing that could be counted
    assert fields <= set(Summary.__struct_fields__)


def event(type_: str, identifiers: dict[str, Any] | None = None, **attributes: object) -> str:
    row = {
        "type": type_,
        "time": START_MS,
        "channel": "web",
        "identifiers": identifiers or {"user": "ada"},
        "attributes": attributes,
    }
    return json.dumps(row)


ROWS = [
    event("order", total=SECRET),
    event("cjo.profile", plann=SECRET, siz=4),
    event("cjo.profile", age=SECRET, timezone=SECRET),
    event("seen", {"user": "ada", "cookie": SECRET, "email": SECRET}),
    event("seen", {"user": "ada", "email": "null"}),
    event("seen", {"user": "ada", "email": 1e17}),
    event("ask", key="k" * 1_001),
    *(event("ask", key=n) for n in range(30)),
    *(
        event("cjo.consent", {"user": "eve"}, purpose=f"p{n}", status="granted")
        for n in range(501)
    ),
    event("cjo.consent", purpose="news", status=SECRET),
    "{" + SECRET,
    event("seen", {"user": "null"}),
    json.dumps({"channel": "crm", "status": "BEGIN", "id": SECRET}),
    event("cjo.consent", {"user": "zoe"}, purpose="news", status="granted", kanal=SECRET),
    event("cjo.consent", {"user": "zoe"}, purpose="news", status="granted", channel="web", text=1),
    event("cjo.consent", {"user": "zoe"}, purpose="news", status="revoked", source="app"),
    event("seen")[:-1] + f', "eventId": "{SECRET}", "tenant": "{SECRET}"}}',
    event("seen").replace("attributes", "properties"),
    event("seen")[:-1] + f', "two_words": 1, "{SECRET}, ada": 2}}',
    event("ticket"),
    event("solved"),
]


def run_rows(cli: Cli, folder: Path) -> tuple[Any, str, dict[tuple[str, ...], float]]:
    """Run ROWS; return the summary, what was said, and everything that was counted."""
    counted: dict[tuple[str, ...], float] = {}

    def kept(
        take: Callable[[Any], dict[tuple[str, ...], float]],
    ) -> Callable[[Any], dict[tuple[str, ...], float]]:
        def taken(of: Any) -> dict[tuple[str, ...], float]:
            found = take(of)
            counted.update(found)
            return found

        return taken

    (folder / "topology.yaml").write_text(TOPOLOGY)
    (folder / "events.jsonl").write_text("\n".join(ROWS) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        for one in (Runtime, Decoder):
            patch.setattr(one, "take_counts", kept(one.take_counts))
        done = cli("run", folder, folder / "events.jsonl", "--out", folder / "out", *NOW)
    assert done.code == 0, done.err
    summary = json.loads((folder / "out" / "summary.json").read_text())
    return summary, done.err + done.out, counted


def test_everything_that_is_counted_is_shown_in_both_places(tmp_path: Path, cli: Cli) -> None:
    summary, said, counted = run_rows(cli, tmp_path)
    assert SECRET not in said
    assert SECRET not in (tmp_path / "out" / "summary.json").read_text()
    wanted = {
        key: by
        for key, by in counted.items()
        if key[0] in PLACES and key[-1] not in AS_MEANT.get(key[0], ())
    }
    shown = sum(one["times"] for one in summary["ignored"])
    shown += sum(one["values"] for one in summary["unread"])
    shown += sum(one["errors"] for one in summary["expression_errors"])
    shown += sum(one["times"] for one in summary["undeclared"])
    assert shown == sum(wanted.values())
    assert {key[0] for key in wanted} == set(PLACES) - {
        "cjo_dead_letters_total", "cjo_events_total",
    }  # fmt: skip
    assert sum(one["records"] for one in summary["refused"]) == summary["dead_letters"] == 3
    assert {(one["what"], one["name"], one["reason"]) for one in summary["ignored"]} == {
        ("bound", "keys", "full"),
        ("consent", "", "unasked"),
        ("consent", "kanal", "attribute"),
        ("consent", "", "unusable"),
        ("entry", "often", "bound"),
        ("field", "eventId, properties", "misspelt"),
        ("field", "tenant, two_words", "unknown"),
        ("fact", "plann, siz", "unknown"),
        ("fact", "age", "type"),
        ("fact", "timezone", "timezone"),
        ("measure", "closed", "no number"),
        ("case", "opened", "no key"),
        ("case", "closed", "no key"),
        ("identifier", "cookie", "undeclared"),
        ("record", "crm", "transaction"),
        ("identifier", "email", "unusable"),
        ("identifier", "email", "blocked"),
        ("identifier", "email", "ambiguous"),
        ("identifier", "user", "blocked"),
    }
    kinds = [*summary["ignored"], *summary["unread"], *summary["refused"]]
    kinds += [*summary["expression_errors"], *summary["undeclared"]]
    assert {one["file"] for one in kinds} == {"events.jsonl"}
    first = {(one["what"], one["name"]): one["line"] for one in summary["ignored"]}
    assert first["fact", "plann, siz"] == 2
    assert first["identifier", "cookie"] == 4
    assert first["bound", "keys"] == 7
    for words in (
        "trait.spend: no value of event.total could be used (1 value), first in events.jsonl",
        "journey.odd: 31 values of (3 + 'a') > 2 could not be used, first in events.jsonl, line 7",
        "facts: 2 values of `plann, siz` ignored, first in events.jsonl, line 2: not declared",
        "facts: 1 value of `age` ignored, first in events.jsonl, line 3: not of the declared type",
        "facts: 1 value of `timezone` ignored",
        "events: 2 events with fields that are not read, `eventId`, `properties`, first in events",
        ".jsonl, line 546: did you mean `id` and `attributes`?",
        "events: 2 events with fields that are not read, `tenant`, `two_words`, first in events.",
        ".jsonl, line 546. Attributes are read from `attributes`",
        "identifiers: 1 value of `cookie` ignored, undeclared, first in events.jsonl, line 4",
        "bound `keys` reached 1 time, first in events.jsonl, line 7",
        "consent: 503 statements without effect, first in events.jsonl, line 38: neither",
        "consent: 1 statement without effect",
        "consent: 1 statement for every channel, without `channel`, first in events.jsonl",
        ", line 543: `kanal` is not read",
        "measure.closed: 7 events without a number, or with one beyond 1e15, first in",
        "service.opened: 1 event without the `key` of a case, first in events.jsonl, line 549",
        "service.closed: 1 event without the `key` of a case, first in events.jsonl, line 550",
        "journey.often: 5 refused at the entry, no room",
        "refused: 1 record malformed",
        "refused: 1 record invalid: the `status` of a consent is no word such as granted",
        "refused: 1 record unidentified: no identifier of a declared type names anybody",
        "channel web: 1 value of ask.key of another type than `events` declares",
        "still waiting",
    ):
        assert words in said, said


def test_a_run_as_it_is_meant_says_nothing(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "topology.yml").write_text(TOPOLOGY.replace("last_case_closed", "open_cases"))
    (tmp_path / "events.jsonl").write_text(event("order", total=5))
    done = cli("run", tmp_path, tmp_path / "events.jsonl", "--out", tmp_path / "out", *NOW)
    assert done.err == ""
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    names = ("ignored", "unread", "expression_errors", "refused")
    assert [summary[name] for name in names] == [[], [], [], []]


@pytest.mark.parametrize("reason", Ignored)
def test_each_reason_of_an_identifier_has_its_words(
    reason: Ignored, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_notices(Summary(ignored=[IgnoredSummary("identifier", "user", reason, 2, "a.csv", 7)]))
    assert (
        f"2 values of `user` ignored, {reason}, first in a.csv, line 7: "
        in capsys.readouterr().err
    )


def test_events_from_before_an_erasure_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    tell_notices(Summary(ignored=[IgnoredSummary("event", "web", "erased", 2)]))
    assert capsys.readouterr().err == "events of web: 2 from before an erasure\n"


def test_a_grant_whose_map_gave_no_channel_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    tell_notices(Summary(ignored=[IgnoredSummary("consent", "", "map", 2, "a.csv", 7)]))
    assert capsys.readouterr().err == (
        "consent: 2 statements for every channel, without `channel`, first in a.csv, line 7: "
        "its `map` gave none\n"
    )


def test_many_kinds_are_shown_in_part(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [IgnoredSummary("bound", f"b{n}", "full", 1) for n in range(25)]
    tell_notices(Summary(ignored=rows))
    said = capsys.readouterr().err
    assert said.count("bound `b") == 20
    assert "5 more kinds: see `ignored` in summary.json" in said
