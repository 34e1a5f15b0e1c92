"""What the driver for topologies does beyond what the tests of topologies ask of it."""

from __future__ import annotations

from pathlib import Path

from cjo_stream.testing import TopologyDriver

TOPOLOGY = """\
topology: t
channels:
  store:
    in:
      format: mapped
      map: {type: "'sold'", time: row.ts, identifiers: {card: row.card}}
identity: {identifiers: [{type: card}]}
---
journey: j
version: 1
entry: {on: sold}
initial: only
states: {only: {end: over}}
"""


def test_a_raw_record_is_read_as_its_channel_says(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(TOPOLOGY)
    driver = TopologyDriver(tmp_path)
    at = "2026-03-02T10:00:00Z"
    driver.send_raw(b'{"ts": "2026-03-02T10:00:00Z", "card": 7}', channel="store", at=at)
    driver.send_raw(b"{", channel="store", at=at)
    assert [one["outcome"] for one in driver.transitions()] == ["over"]
    assert [one["reason"] for one in driver.dead_letters()] == ["malformed"]
