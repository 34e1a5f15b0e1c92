"""How fast a decision is: microseconds a candidate, and a stream in which every event decides."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from cjo_stream.core.decision.request import Request, decide
from cjo_stream.core.edge import Member
from cjo_stream.core.event import Event
from cjo_stream.core.expression import Scope
from cjo_stream.core.profile.view import View
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import JourneyRef, Trigger
from cjo_stream.core.state import Command, Customer, KnownFact
from cjo_stream.core.turn import Turn
from cjo_stream.definition import DefinitionSet, load
from cjo_stream.engine.port import RawRecord
from tests.bench.embedded import START_MS, measure

CANDIDATES = (50, 500, 2_500)
CHANNELS = ("mail", "push", "web", "sms", "post")
_HOUR_MS = 3_600_000
_ACTIONS_A_FILE = 100
_ANYBODY, _FEW = "coalesce(profile.age, 30) > 18", "profile.tier == 'gold'"
_TOPOLOGY = """
topology: market
channels:
  site: {in: {}}
  mail: {out: {address: email}}
  push: {out: {address: device}}
  web: {out: {address: cookie}}
  sms: {out: {address: phone}}
  post: {out: {address: user}}
identity:
  identifiers: [{type: user}, {type: email}, {type: phone}, {type: device}, {type: cookie}]
profile:
  facts: {tier: string, age: number}
  traits: {visits: {count: visited}}
---
policy: contact
caps:
  - {name: three_a_day, class: marketing, max: 3000, per: day}
  - {name: month, class: marketing, max: 20000, per: month}
  - {name: loud, channel: [push, sms], max: 3000, per: 7d}
limits: {group: g1, outcome: reject, count: 2, per: 30d, pause: 30d}
consent: {marketing: opt_out}
quiet_hours: {channel: [push, sms], from: "22:00", until: "23:00", then: delay}
service_gate: {block: marketing}
levers: {issue: {sales: 10}, group: {g2: 20}}
explore: 5%
holdout: 0%
---
journey: advice
version: 1
entry: {on: visited}
initial: home
states:
  home: {enter: [{decide: {}}], on: {visited: {do: [{decide: {}}]}}, after: {900d: left}}
  left: {end: left}
"""
_ACTION = """
---
action: a{n}
issue: sales
group: g{group}
value: {value}
eligible: {eligible}
applicable: coalesce(profile.visits, 0) < 1000000
propensity: 0.{propensity}
lever: 5
context: [{{when: event.topic == 't{group}', weight: 50}}]
limits: [{{outcome: accept, pause: forever}}]
treatments: {{{treatments}}}
"""


def market(candidates: int, *, free: int) -> list[str]:
    """Return a topology's files: that many candidates, every `free`-th action for anybody."""
    files = [_TOPOLOGY]
    for n in range(candidates // len(CHANNELS)):
        if n % _ACTIONS_A_FILE == 0:
            files.append("")
        files[-1] += _ACTION.format(
            n=n,
            group=n % 20,
            value=10 + n % 90,
            eligible="coalesce(profile.age, 30) > 18"
            if n % free == 0
            else "profile.tier == 'gold'",
            propensity=1 + n % 9,
            treatments=", ".join(f"{channel}: {{}}" for channel in CHANNELS),
        )
    return files


def run(events: int) -> dict[str, Any]:
    """Return microseconds a decision and a candidate, and events/s with 50 candidates each."""
    figures: dict[str, Any] = {}
    for number in CANDIDATES:
        for name, free in (("all free", 1), ("few free", 50)):
            program = _load(market(number, free=free)).program
            taken_us = _decide_us(program)
            figures[f"{number} {name}"] = {
                "us_a_decision": round(taken_us, 1),
                "us_a_candidate": round(taken_us / number, 2),
            }
    definitions = _load(market(50, free=2))
    figures["stream of 50"] = measure(definitions, list(_visits(events, customers=2_000)))
    return figures


def _load(files: list[str]) -> DefinitionSet:
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(files):
            (Path(folder) / f"{number}.yaml").write_text(text)
        return load(Path(folder))


def _decide_us(program: Program) -> float:
    """Return the microseconds of one decision over the whole portfolio, after 40 commands."""
    customer = Customer(
        id="c",
        members={
            type_: Member(type_, "x", 0, START_MS, START_MS)
            for type_ in ("user", "email", "device", "cookie")
        },
        facts={"age": KnownFact(40, START_MS, "")},
    )
    customer.commands = [
        Command(f"c-a{n}", f"a{n}", "mail", "sales", f"g{n % 20}", "marketing", START_MS)
        for n in range(40)
    ]
    request = Request(
        asked={"decide": {}},
        candidates=tuple(one for each in program.candidates.values() for one in each),
        journey=JourneyRef("advice", 1, "c-i1", "home"),
        trigger=Trigger("event", "e", "visited"),
        event=Event("visited", START_MS, {"topic": "t3"}),
        data={},
        key=None,
        holdout=False,
    )
    rounds = max(5, 20_000 // len(request.candidates))
    best_s = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(rounds):
            turn = Turn(program, START_MS + 12 * _HOUR_MS)
            scope = Scope(turn.clock, View(customer, program, turn.clock))
            customer.commands = customer.commands[:40]
            decide(customer, request, scope, turn)
        best_s = min(best_s, time.perf_counter() - began)
    return best_s / rounds * 1e6


def _visits(events: int, customers: int) -> Iterator[RawRecord]:
    draw = random.Random(4)
    encode = msgspec.json.Encoder().encode
    for number in range(events):
        time_ms = START_MS + number * 50
        who = draw.randrange(customers)
        event = {
            "type": "visited",
            "time": time_ms,
            "identifiers": {"user": f"u{who}", "email": f"u{who}@example.com"},
            "attributes": {"topic": f"t{draw.randrange(20)}"},
        }
        yield RawRecord("site", "bench", 0, number, time_ms, encode(event), None, (), "site")
