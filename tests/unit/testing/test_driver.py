"""What the driver for topologies does beyond what the tests of topologies ask of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.errors import UsageError
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


def test_times_that_are_none_are_taken_once_they_are_written_as_said(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(TOPOLOGY)
    driver = TopologyDriver(tmp_path)
    record = b'{"ts": "2026-03-02T10:00:00Z", "card": 8}'
    with pytest.raises(UsageError, match="write at='2026-03-01T10:00:00Z'"):
        driver.send_raw(record, channel="store")
    with pytest.raises(UsageError, match="no time: write 2026-03-01T10:00:00Z"):
        driver.send("sold", at="yesterday", channel="store", identifiers={"card": "7"})
    with pytest.raises(UsageError, match="no time zone: write 2026-03-01T10:00:00Z"):
        driver.advance_to("2026-03-01T10:00:00")
    with pytest.raises(UsageError, match=r"advance\('1 h'\): not a duration: write 90s"):
        driver.advance("1 h")
    driver.send("sold", at="2026-03-01T10:00:00Z", channel="store", identifiers={"card": "7"})
    driver.advance("1h")
    driver.advance_to("2026-03-01T12:00:00Z")
    driver.send_raw(record, channel="store")
    assert [one["outcome"] for one in driver.transitions()] == ["over", "over"]
