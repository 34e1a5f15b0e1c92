"""The work that one record makes, beside that of an ordinary one of its size.

    python -m tests.property.work --records 100000 --seed 1

Records of all formats are grown, out of pieces that readers trip over, to sizes from 100 bytes to
256 KiB. What each costs is CPU time of this thread: to decode it, and of each tenth also through
the whole chain of a topology whose expressions read all of it. Whoever costs more than LOOKED_AT
times an ordinary record is measured again, best of five, and so is the ordinary one then.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from cjo_stream.definition import load
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import UsageError
from cjo_stream.ingest import decoder
from cjo_stream.testing.driver import TopologyDriver

RATIO_MAX = 20.0
LOOKED_AT = 10.0
TRIES = 5
START_MS = 1_709_290_000_000
SMALLEST, LARGEST = 100, 256 * 1024
ATTRIBUTES_MAX = 60_000
CHAIN_EACH = 10
FRESH_EVERY = 200
"""Records through one chain: then it begins anew, so that nobody's customer grows."""
KEY = b"a key for tests"

TOPOLOGY = """
topology: work
region: DE
channels:
  native: {in: {}, out: {address: email}}
  segment: {in: {format: segment}}
  events: {in: {format: cloudevents}}
  rows:
    in:
      format: mapped
      map:
        id: str(row.id)
        type: slug(coalesce(row.type, 'row'))
        time: row.time
        identifiers: {user_id: row.user_id, email: lower(row.email), phone: row.phone}
        attributes: {a: row.a, b: row.b, c: "contains(row.a, row.b)", d: str(row.c)}
  changes:
    in:
      format: debezium
      map:
        type: slug(coalesce(row.type, 'row'))
        time: row.ts_ms
        identifiers: {user_id: row.user_id, email: lower(row.email)}
        attributes: {a: row.a, b: row.b, c: "contains(row.a, row.b)", d: str(row.c)}
identity:
  identifiers:
    - {type: user_id, limit: 1}
    - {type: email, limit: 50, normalise: email}
    - {type: phone, limit: 5, normalise: phone}
    - {type: device, limit: 5, shared_after: 3}
    - {type: cookie, limit: 20, per: 90d}
  blocked: [guest]
profile:
  facts: {a: string, b: list, c: list, vip: boolean, born: time}
  traits:
    latest: {last: event.a, on: seen}
    kinds: {distinct: event.b, on: seen, keep: 20}
    total: {sum: event.a, on: seen, per: 30d}
service:
  opened: {on: seen, key: event.c}
---
action: hello
class: service
eligible: contains(event.a, event.b)
context: [{when: event.b in event.c, weight: 50}]
propensity: {prior: 0.1, features: [event.a, event.channel]}
treatments: {native: {template: t, payload: {a: event.a, b: str(event.b)}}}
---
journey: one
version: 1
entry: {on: seen, key: event.a, reentry: always}
data: {a: event.a, b: event.b}
initial: in
states:
  in:
    enter:
      - assign: {c: event.c, d: slug(event.a), e: upper(event.b)}
      - act: hello
      - raise: {type: told, attributes: {a: event.a}}
    always: [{when: event.b == event.c or event.a + event.a == event.b, to: out}]
    after: {1d: out}
  out: {end: out}
---
journey: two
version: 1
entry:
  on: [seen, cjo.profile]
  when: contains(event.b, event.a) or max(event.b) == max(event.c)
initial: in
states:
  in:
    enter: [{assign: {a: "bucket(event.b, 100)", b: "duration(event.a)", c: "timestamp(event.a)"}}]
    after: {1d: out}
  out: {end: out}
"""

PIECES = (
    *'[]{}"\\,:0 -+.xéa',
    '\\"', "\\\\", "[]", "{}", '"":', "[[", "]]", '{"a":', '"a",', "null,", "1e9,", "\\u0000",
    "aB", "a@b.de", "x@", "xn--", "ü", "ß", "\u0301\u0316", "\ufdfa", "가", "Σ'", "\u200d",
    "ext", "tel:",
    "0170 ", "\uff11", "1s", "9" * 20, "2024-03-01T10:00:00.", "guest", "\ufeff",
)  # fmt: skip
FORMS = ("native", "segment", "events", "rows", "changes")


Headers = tuple[tuple[str, bytes], ...]


class Cost(NamedTuple):
    """One record, by what it costs."""

    ratio: float
    size: int
    stage: str
    form: str
    seed: int


# --- records -------------------------------------------------------------------------------------


def ordinary(size: int, number: int) -> bytes:
    """Return an order of somebody new, about `size` bytes: its lines, and beyond 60 KB ballast."""
    line = {"sku": "sku-1", "price": 12.5, "name": "a pair of red shoes", "tags": ["a", "b"]}
    long = len(json.dumps(line)) + 2  # with what parts them
    lines = min(size, ATTRIBUTES_MAX) // long
    event = {
        "type": "seen",
        "time": START_MS,
        "identifiers": {
            "user_id": f"u{number}",
            "email": f"ann.lee{number}@example.com",
            "phone": f"0170 {number:07d}",
        },
        "attributes": {"a": "cart", "b": "c", "c": [line] * lines},
        "ballast": [line] * ((size - lines * long) // long),
    }
    return json.dumps(event).encode()


def grown(seed: int) -> tuple[str, bytes, Headers]:
    """Return the form, the value and the headers of a record: the same for the same seed."""
    pick = random.Random(seed)
    size = round(SMALLEST * (LARGEST / SMALLEST) ** pick.random() ** 1.5)
    form = pick.choice(FORMS)
    if pick.random() < 0.2:
        begin = pick.choice(("", "[" * 65, '{"a":' * 65))
        return form, (begin + _text(pick, size)).encode()[:size], ()
    record = _record(form, pick)
    headers: Headers = ()
    for _ in range(pick.choice((1, 1, 2, 3))):
        _swell(record, pick, size)
    if form == "events" and pick.random() < 0.3:
        headers = tuple((f"ce_{k}", str(v).encode()) for k, v in record.items() if k != "data")
        record = record["data"] if isinstance(record["data"], dict) else {}
    value = json.dumps(record, ensure_ascii=pick.random() < 0.3).encode()
    if pick.random() < 0.15:
        at = pick.randrange(len(value))
        value = value[:at] + _text(pick, 40).encode() + value[at + pick.randrange(40) :]
    return form, value[: LARGEST if pick.random() < 0.9 else size], headers


def _record(form: str, pick: random.Random) -> dict[str, Any]:
    people = {"user_id": f"u{pick.random()}", "email": "a@b.de"}
    data = {"a": "x", "b": ["x", "y"], "c": [1, 2]}
    records: dict[str, dict[str, Any]] = {
        "native": {"type": "seen", "time": START_MS, "identifiers": people, "attributes": data},
        "segment": {
            "type": pick.choice(("track", "identify", "page", "group")),
            "timestamp": "2024-03-01T10:00:00Z",
            "userId": people["user_id"],
            "event": "seen",
            "properties": data,
            "traits": dict(data),
            "context": {"traits": {}, "device": {}, "externalIds": []},
        },
        "events": {
            "specversion": "1.0",
            "type": "seen",
            "source": "/s",
            "id": "1",
            "time": "2024-03-01T10:00:00Z",
            "userid": people["user_id"],
            "data": {**data, "identifiers": people},
        },
        "changes": {
            "schema": {"fields": [_change_schema(part, data) for part in ("before", "after")]},
            "payload": {
                "op": pick.choice("curd"),
                "ts_ms": START_MS,
                "before": {"type": "seen", **people, **data},
                "after": {"type": "seen", **people, **data},
            },
        },
        "rows": {"id": 1, "type": "seen", "time": START_MS, **people, "phone": "0170 1", **data},
    }
    return records[form]


def _change_schema(part: str, columns: Iterable[str]) -> dict[str, Any]:
    """Return a schema by which all columns are decimals as bytes."""
    decimal = {"name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "2"}}
    return {"field": part, "fields": [{"field": name, **decimal} for name in columns]}


def _swell(record: dict[str, Any], pick: random.Random, size: int) -> None:
    """Put something of about `size` bytes at some place of a record."""
    places: list[tuple[Any, Any]] = []
    pending: list[Any] = [record]
    while pending:
        inner = pending.pop()
        names = list(inner) if isinstance(inner, dict) else range(len(inner))
        for name in names:
            places.append((inner, name))
            if isinstance(inner[name], dict | list):
                pending.append(inner[name])
    whole, name = pick.choice(places)
    whole[name] = _value(pick, size)
    if pick.random() < 0.3 and isinstance(whole, dict):
        # Values that nearly equal each other are the dearest to compare.
        other = pick.choice(list(whole))
        whole[other] = whole[name]


def _value(pick: random.Random, size: int) -> Any:
    kind = pick.randrange(8)
    if kind == 0:
        return _text(pick, size)
    if kind == 1:
        return [pick.choice((0, 1.5, True, "", [], {}, None))] * (size // 3)
    if kind == 2:
        return [_text(pick, pick.choice((1, 5, 15, 40))) for _ in range(size // 20)]
    if kind == 3:
        long = pick.choice((3, 8, 40, 400))
        return {_text(pick, long) + str(n): 0 for n in range(size // (long + 8))}
    if kind == 4:
        value: Any = 0
        for _ in range(min(size // 2, pick.choice((4, 60, 70, 400)))):
            value = [value] if pick.random() < 0.5 else {"a": value}
        return value
    if kind == 5:
        return [f"0170 {pick.randrange(10**7):07d}" for _ in range(size // 16)]
    if kind == 6:
        return [f"a{pick.randrange(10**7)}@b.de" for _ in range(size // 16)]
    return int("9" * min(4_000, size))


def _text(pick: random.Random, size: int) -> str:
    """Return a text of few pieces, repeated: what is regular is what costs."""
    few = [pick.choice(PIECES) for _ in range(pick.choice((1, 1, 2, 2, 3, 6)))]
    if pick.random() < 0.5:
        unit = "".join(few)
        return (unit * (size // len(unit) + 1))[:size]
    half = size // (2 * len(few[0]))
    return (few[0] * half + few[-1] * (size // (2 * len(few[-1]))))[:size]


# --- what they cost ------------------------------------------------------------------------------


def _record_of(value: bytes, form: str, headers: Headers) -> RawRecord:
    return RawRecord("t", "i", 0, 0, START_MS, value, channel=form, headers=headers)


class Meter:
    """Measures what records cost, in decoding and in the whole chain."""

    def __init__(self, folder: Path) -> None:
        self._set = load(_written(folder))
        self._people = 0
        self._ordinary: dict[tuple[str, int], float] = {}
        self._driver = TopologyDriver(self._set)
        self._taken = 0

    def judge(self, seed: int) -> Cost:
        """Return what the record of a seed costs, beside an ordinary one of its size."""
        return self.compare(*grown(seed), seed)

    def compare(self, form: str, value: bytes, headers: Headers = (), seed: int = 0) -> Cost:
        """Return the stage that a record costs most in, beside an ordinary one of its size."""
        size = len(value) + sum(len(k) + len(v) for k, v in headers)
        worst = Cost(0.0, size, "", form, seed)
        stages = [("decode", self._decoding), ("chain", self._chain)]
        for stage, cost in stages if seed % CHAIN_EACH == 0 else stages[:1]:
            ratio = cost(value, form, headers, fresh=False) / self._usual(stage, cost, size)
            if ratio > LOOKED_AT:
                again = min(cost(value, form, headers, fresh=True) for _ in range(TRIES))
                ratio = again / self._usual(stage, cost, size, anew=True)
            worst = max(worst, Cost(ratio, size, stage, form, seed))
        return worst

    def _usual(
        self, stage: str, cost: Callable[..., float], size: int, *, anew: bool = False
    ) -> float:
        """Return what an ordinary record costs, best of five; sizes by eighths of an octave."""
        step = round(8 * math.log2(max(size, 300)))
        if anew or (stage, step) not in self._ordinary:
            costs = []
            for _ in range(TRIES):
                self._people += 1
                value = ordinary(min(round(2 ** (step / 8)), LARGEST - 2_000), self._people)
                costs.append(cost(value, "native", (), fresh=True))
            self._ordinary[stage, step] = min(costs)
        return self._ordinary[stage, step]

    def _decoding(self, value: bytes, form: str, headers: Headers, *, fresh: bool) -> float:
        del fresh
        decode = decoder(self._set.program, KEY)
        record = _record_of(value, form, headers)
        began = time.thread_time()
        decode(record)
        return time.thread_time() - began

    def _chain(self, value: bytes, form: str, headers: Headers, *, fresh: bool) -> float:
        if headers:  # the driver sends none
            return 0.0
        self._taken += 1
        if fresh or self._taken % FRESH_EVERY == 0:
            self._driver = TopologyDriver(self._set)
        began = time.thread_time()
        with suppress(UsageError):  # refused records cost, too
            self._driver.send_raw(value, channel=form, at=START_MS)
        return time.thread_time() - began


def dearest(meter: Meter, seed: int, records: int) -> list[Cost]:
    """Return the ten records of so many that cost most, the dearest first."""
    worst: list[Cost] = []
    for number in range(records):
        worst.append(meter.judge(seed * 1_000_000 + number))
        worst = sorted(worst, reverse=True)[:10]
    return worst


def _written(folder: Path) -> Path:
    (folder / "work.yaml").write_text(TOPOLOGY)
    return folder


def main() -> int:
    """Judge many records; return 1 where one costs too much."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        worst = dearest(Meter(Path(folder)), asked.seed, asked.records)
    for cost in worst:
        print(
            f"{cost.ratio:6.1f} x an ordinary record of {cost.size} bytes: "
            f"{cost.stage}, {cost.form}, seed {cost.seed}"
        )
    return int(worst[0].ratio > RATIO_MAX)


if __name__ == "__main__":
    sys.exit(main())
