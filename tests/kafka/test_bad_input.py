"""What cannot be read becomes a dead letter with its reason; everything else goes on."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.world import HOSTILE
from tests.world.chain import Chain

pytestmark = pytest.mark.kafka
SECRET = "secret-of-a-customer"


@pytest.fixture
def chain(bootstrap: str, tmp_path: Path) -> Iterator[Chain]:
    """Yield a running installation of the hostile topology."""
    chain = Chain(bootstrap, tmp_path)
    chain.create(HOSTILE)
    chain.start(HOSTILE)
    yield chain
    chain.stop()


def event(**changes: object) -> bytes:
    now_ms = int(time.time() * 1000)
    base = {"type": "ping", "time": now_ms, "identifiers": {"user": "ada"}, "attributes": {}}
    return json.dumps({**base, **changes}).encode()


def test_each_reason_is_said_and_nothing_stops(chain: Chain) -> None:
    web, till = f"{chain.prefix}event.web.v1", "till.v1"
    far = int(time.time() * 1000) + 48 * 3_600_000
    bad: list[tuple[str, bytes, str]] = [
        (web, event(attributes={"x": SECRET * 15_000}), "too_large"),
        (web, b"\xff\xfe" + SECRET.encode("utf-16"), "malformed"),
        (web, b"[" * 100_000, "malformed"),
        (web, b'{"type": "ping", "time": NaN}', "malformed"),
        (web, event(type=SECRET.upper()), "invalid"),
        (web, event(identifiers={"user": True}), "invalid"),
        (web, event(identifiers={"user": None}), "unidentified"),
        (web, event(time=10**30), "future"),
        (web, event(time=far), "future"),
        (web, event(identifiers={"user": "GUEST-", "nobody": SECRET}), ""),
        (web, event(identifiers={"nobody": SECRET}), "unidentified"),
        (web, event(identifiers={"user": "n/a"}), "unidentified"),
        (till, json.dumps({"user": "ada", "note": SECRET}).encode(), "unmapped"),
        (web, event(type="spin"), "loop"),
    ]
    producer = Producer(
        {"bootstrap.servers": chain.bootstrap, "message.max.bytes": 900_000, "log_level": 0}
    )
    for topic, value, _ in bad:
        producer.produce(topic, value, partition=0)
    draw = random.Random(2)
    for _ in range(200):
        producer.produce(web, draw.randbytes(draw.randrange(1, 300)), partition=0)
    for _ in range(50):
        producer.produce(web, event(attributes={"note": SECRET}), partition=0)
    foreign = [None, b"", b"{}", event()]
    for private in ("internal", "effect"):
        for value in foreign:
            producer.produce(f"{chain.prefix}{private}.v1", value, partition=1)
    producer.flush(20)
    expected = Counter(reason for _, _, reason in bad if reason)
    expected["invalid"] += 2 * len(foreign)
    expected["malformed"] += 200
    until = time.monotonic() + 40
    found: Counter[str] = Counter()
    while found != expected and time.monotonic() < until:
        letters = [m for ms in chain.read("dead_letter.v1").values() for m in ms]
        found = Counter(dict(m.headers())["reason"].decode() for m in letters)
        time.sleep(0.5)
    assert found == expected
    originals = {value for _, value, _ in bad}
    kept = {m.value() for m in letters if dict(m.headers())["reason"] != b"loop"}
    assert len(kept & originals) == sum(bool(reason) for _, _, reason in bad) - 1
    shown = json.loads(chain.command("customer", "show", "user:ada"))
    assert '"pings": 50' in json.dumps(shown)
    assert chain.exits == []
    for log in chain.folder.glob("*.log"):
        assert SECRET not in log.read_text(errors="replace")
