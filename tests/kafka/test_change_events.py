"""A table's change events over a real broker: facts are set, changed, and taken back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.profile.fact import known_facts
from cjo_stream.core.state import Customer
from cjo_stream.definition import load
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from tests.kafka.stages import (
    Tasks,
    make_intake,
    make_topology,
    produce,
    publish,
    read_all,
    until,
)
from tests.unit.ingest.test_debezium import DECIMAL, with_schema
from tests.world.stored import actor_states

pytestmark = pytest.mark.kafka

TOPOLOGY = """
topology: crm
channels:
  crm:
    in:
      topic: PREFIXcrm.people
      format: debezium
      map:
        type: "'cjo.profile'"
        time: row.ts_ms
        identifiers: {crm_id: row.id, email: row.mail}
        attributes: {tier: row.tier, balance: row.balance}
identity: {identifiers: [{type: crm_id}, {type: email, normalise: email}]}
profile: {facts: {tier: string, balance: number}}
"""
NOW_MS = int(time.time() * 1_000) - 60_000


def row(number: int, **columns: Any) -> dict[str, Any]:
    """Return a row as a connector writes it: the balance is 28.06."""
    return {"id": number, "mail": f"P{number}@x.example", "tier": "gold", "balance": "CvY=",
            **columns}  # fmt: skip


def change(second: int, op: str, before: Any, after: Any) -> dict[str, Any]:
    payload = {
        "before": before,
        "after": after,
        "source": {"connector": "postgresql", "table": "people", "snapshot": str(op == "r")},
        "op": op,
        "ts_ms": NOW_MS + 1_000 * second,
        "transaction": None,
    }
    return with_schema(payload, DECIMAL)


def test_rows_set_facts_and_updates_and_deletes_take_them_back(
    settings: Settings, tmp_path: Path
) -> None:
    text = TOPOLOGY.replace("PREFIX", settings.topic_prefix)
    folder = make_topology(tmp_path / "topology", text)
    publish(settings, folder)
    program = load(folder).program
    topic, names = f"{settings.topic_prefix}crm.people", Names(settings.topic_prefix)
    intake, tasks = make_intake(settings), Tasks(settings)

    def facts() -> dict[str, dict[str, Any]]:
        return {
            member.value: known_facts(state, program)
            for _, state in actor_states(tasks.stores)
            if isinstance(state, Customer)
            for member in state.members.values()
            if member.type == "email"
        }

    gold = {"tier": "gold", "balance": 28.06}
    produce(
        settings,
        topic,
        change(0, "r", None, row(1)),
        change(0, "r", None, row(2)),
        change(1, "c", None, row(3)),
    )
    everybody = {f"p{number}@x.example": gold for number in (1, 2, 3)}
    until(lambda: facts() == everybody, intake, tasks)
    produce(
        settings,
        topic,
        change(2, "u", row(1), row(1, tier=None)),
        change(3, "u", row(3), row(3, tier="basic", balance="Zg==")),
        change(4, "d", row(2), None),
        None,
    )
    left = {
        "p1@x.example": {"balance": 28.06},
        "p2@x.example": {},
        "p3@x.example": {"tier": "basic", "balance": 1.02},
    }
    until(lambda: facts() == left, intake, tasks)
    skipped = 'cjo_records_skipped_total{channel="crm",reason="tombstone"} 1.0'
    until(lambda: skipped in intake._metrics.render().decode(), intake)
    assert read_all(settings, names.dead_letter) == []
    intake.close()
