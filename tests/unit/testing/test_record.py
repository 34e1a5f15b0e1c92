"""A case may send what a producer sends, so that the `map` of a channel is tested, too."""

from __future__ import annotations

from pathlib import Path

from cjo_stream.testing.suite import run_cases
from tests.world.cases import case, unmet

TOPOLOGY = """\
topology: t
channels:
  web: {in: {}}
  till:
    in:
      format: mapped
      map:
        type: "'sold' if row.sum >= 0 else 'returned'"
        time: row.ts
        identifiers: {card: row.card}
        attributes: {total: abs(row.sum)}
identity: {identifiers: [{type: card}]}
profile: {facts: {tier: string}, traits: {spent: {sum: event.total, on: sold}}}
---
journey: j
version: 1
entry: {on: sold}
initial: only
states: {only: {after: {1d: over}}, over: {end: over}}
"""
SOLD = 'record: {channel: till, value: {ts: "2026-03-02T10:00:00Z", card: 7, sum: 12.5}}'


def play(folder: Path, *steps: str) -> list[tuple[str, object, object]]:
    """Return what differs."""
    (folder / "t.yaml").write_text(TOPOLOGY)
    head = "given: {profile: {tier: gold}}\n"
    (folder / "a.test.yaml").write_text(case(*steps, head=head))
    return [(one.part, one.expected, one.got) for one in unmet(run_cases(folder))]


def test_a_record_becomes_an_event_by_the_map_of_its_channel(tmp_path: Path) -> None:
    look = "expect: {state: {j: only}, profile: {spent: 12.5, tier: gold}, refused: []}"
    assert play(tmp_path, SOLD, look) == []
    assert play(tmp_path, SOLD, SOLD.replace("12.5", "-3"), look) == []
    assert play(tmp_path, SOLD, look.replace("12.5", "13.5")) == [("profile: spent", 13.5, 12.5)]


def test_a_record_that_is_refused_fails_the_case_unless_it_asks(tmp_path: Path) -> None:
    odd = "record: {channel: till, value: {card: 7, sum: 1, ts: soon}}"
    ((part, _, got),) = play(tmp_path, odd, "expect: {state: {j: null}}")
    assert part == "refused"
    assert isinstance(got, list)
    assert play(tmp_path, odd, f"expect: {{refused: [{got[0]['reason']}]}}") == []
    assert play(tmp_path, odd, "expect: {refused: [malformed, invalid]}") != []


def test_time_that_a_record_moved_cannot_be_moved_back(tmp_path: Path) -> None:
    later = SOLD.replace("2026-03-02", "2026-03-05")
    assert play(tmp_path, later, "expect: {refused: [future]}") == []
    later = later.replace("value:", "time: 2026-03-05T10:00:00Z, value:")
    steps = (later, "advance: 2026-03-04T10:00:00Z", "expect: {state: {j: only}}")
    assert play(tmp_path, *steps) == [("advance", "done", "refused")]
