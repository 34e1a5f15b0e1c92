"""What the driver for topologies does beyond what the tests of topologies ask of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
    driver.send_raw(b"{", channel="store", at=at, expect="malformed")
    assert [one["outcome"] for one in driver.transitions()] == ["over"]
    assert [one["reason"] for one in driver.dead_letters()] == ["malformed"]


def test_a_refused_event_fails_the_test_unless_it_is_expected(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(TOPOLOGY)
    driver = TopologyDriver(tmp_path)
    good: dict[str, Any] = {"at": "2026-03-02T10:00:00Z", "channel": "store"}
    with pytest.raises(UsageError, match=r"refused, unidentified: no identifier .* expect='uni"):
        driver.send("sold", identifiers={"card": "null"}, **good)
    with pytest.raises(UsageError, match=r"refused, malformed: .* expect='malformed'"):
        driver.send_raw(b"{", channel="store", at=good["at"])
    with pytest.raises(UsageError, match="refused, invalid: `type` must"):
        driver.send("Sold", identifiers={"card": "7"}, expect="unidentified", **good)
    with pytest.raises(UsageError, match="not refused as 'invalid': leave `expect` away"):
        driver.send("sold", identifiers={"card": "7"}, expect="invalid", **good)
    assert (driver.dead_letters(), driver.transitions()) == ([], [])
    driver.send("Sold", identifiers={"card": "7"}, expect="invalid", **good)
    driver.send("sold", identifiers={"card": "7"}, **good)
    assert [one["reason"] for one in driver.dead_letters()] == ["invalid"]
    assert [one["outcome"] for one in driver.transitions()] == ["over"]


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
