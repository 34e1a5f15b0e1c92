"""Small topologies and events for backtests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cjo_stream.definition import DefinitionSet, load
from cjo_stream.governance.backtest.result import Both
from cjo_stream.governance.backtest.side import Order

KEY = b"key of the tests"
NOW_MS = 1_893_456_000_000
TOPOLOGY = """\
topology: shop
channels: {{web: {{in: {{}}}}, email: {{out: {{address: email}}}}}}
identity:
  identifiers:
    - {{type: email, normalise: email, limit: {limit}}}
    - {{type: cookie}}
---
journey: {journey}
version: 1
entry: {{on: cart_updated}}
initial: waiting
exit: {{on: order_placed, as: ordered}}
states:
  waiting:
    after: {{{delay}: reminded}}
  reminded: {{enter: [{{act: reminder}}], end: reminded}}
---
action: reminder
class: transactional
treatments: {{email: {{template: {template}}}}}
"""


def topology(
    folder: Path,
    *,
    delay: str = "1d",
    template: str = "reminder",
    journey: str = "cart",
    limit: int = 2,
) -> Path:
    folder.mkdir(exist_ok=True)
    text = TOPOLOGY.format(delay=delay, template=template, journey=journey, limit=limit)
    (folder / "shop.yaml").write_text(text)
    return folder


def both(live: Path, candidate: Path) -> Both[DefinitionSet]:
    return Both(load(live), load(candidate))


def event(type_: str, minute: int, **identifiers: Any) -> dict[str, Any]:
    time = 1_772_445_600_000 + minute * 60_000
    return {"type": type_, "time": time, "channel": "web", "identifiers": identifiers}


def write(path: Path, events: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in events))
    return path


def order(*files: Path, **options: Any) -> Order:
    return Order(files=[str(one) for one in files], tenant_key=KEY, now=NOW_MS, **options)


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "changes.jsonl").read_text().splitlines()]
