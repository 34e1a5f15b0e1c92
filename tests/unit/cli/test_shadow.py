"""`report shadow`, over what a run wrote."""

from __future__ import annotations

import json
from pathlib import Path

from tests.world.command_line import Cli, cli

__all__ = ["cli"]

TOPOLOGY = """\
topology: greeter
channels: {web: {in: {}}, email: {out: {address: email}}}
identity: {identifiers: [{type: email}]}
---
journey: greet
version: 1
status: STATUS
entry: {on: signed_up}
initial: greeted
states: {greeted: {enter: [{act: hello}], after: {1d: over}}, over: {end: over}}
---
journey: thank
version: 1
entry: {on: bought, key: event.order}
initial: thanked
states: {thanked: {enter: [{act: thanks}], after: {1d: over}}, over: {end: over}}
---
action: hello
treatments: {email: {template: hello}}
---
action: thanks
treatments: {email: {template: thanks}}
"""


def ran(cli: Cli, folder: Path, status: str) -> Path:
    """Run four customers, of whom two sign up, and one of these buys."""
    topology, events, out = folder / status, folder / "events.jsonl", folder / f"{status}-out"
    topology.mkdir()
    (topology / "topology.yaml").write_text(TOPOLOGY.replace("STATUS", status))
    told = [("signed_up", "a"), ("signed_up", "b"), ("bought", "b"), ("bought", "c")]
    lines = [
        {
            "type": type_,
            "time": "2026-03-02T10:00:00Z",
            "channel": "web",
            "identifiers": {"email": f"{who}@example.com"},
            "attributes": {"order": who},
        }
        for type_, who in told
    ]
    events.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert cli("run", topology, events, "--out", out).code == 0
    return out


def test_what_would_be_sent_is_shown_beside_what_was_sent(cli: Cli, tmp_path: Path) -> None:
    out = ran(cli, tmp_path, "shadow")
    shown = cli("report", "shadow", out).out
    row = next(line.split() for line in shown.splitlines() if "greet 1" in line)
    assert row == ["greet", "1", "hello", "email", "2", "2", "1"]
    assert "sent meanwhile: 2 commands: email 2" in shown
    assert json.loads(cli("report", "shadow", out, "--json").out) == {
        "shadow": [
            {
                "journey": "greet",
                "version": 1,
                "action": "hello",
                "channel": "email",
                "choices": 2,
                "customers": 2,
                "near": 1,
            }
        ],
        "sent": {"email": 2},
    }


def test_without_a_journey_in_shadow_that_is_said(cli: Cli, tmp_path: Path) -> None:
    shown = cli("report", "shadow", ran(cli, tmp_path, "live")).out
    assert "no journey chose anything in shadow" in shown
    assert "sent meanwhile: 4 commands: email 4" in shown
