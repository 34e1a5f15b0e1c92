"""A small shop whose definitions change while customers are in its journeys."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.world.command_line import Cli, Done

SHOP = """\
topology: shop
channels: {web: {in: {}}, email: {out: {address: email}}, sms: {out: {address: email}}}
identity: {identifiers: [{type: email, limit: 2}, {type: cookie}]}
profile: {facts: {tier: string}}
owners:
  growth: {paths: ["growth/**"], channels: [email], levers: 20}
  care: {paths: ["care/**"], approves: [caps]}
---
policy: contact
caps: [{name: two, max: 2, per: day}]
"""
CARTS = """\
journey: carts
version: 1
owner: growth
entry: {on: cart, key: event.cart}
data: {total: event.total}
initial: waiting
states:
  waiting:
    on: {nudge: reminded}
    after: {2h: reminded, 3d: lapsed}
  reminded: {enter: {act: reminder}, after: {4d: lapsed}}
  lapsed: {end: lapsed}
---
action: reminder
treatments: {email: {template: a}}
"""
HELLO = """\
journey: hello
version: 1
owner: care
entry: {on: cart}
initial: greeted
states: {greeted: {after: {9d: over}}, over: {end: over}}
"""
FILES = {"shop.yaml": SHOP, "growth/carts.yaml": CARTS, "care/hello.yaml": HELLO}
SECOND = ("version: 1", "version: 2\nmigrate: follow\nmap: {reminded: lapsed}")
"""Of carts: who is reminded lapses, if the state is gone."""
NO_REMINDED = "  reminded: {enter: {act: reminder}, after: {4d: lapsed}}\n"
FOLLOWED = (
    SECOND,
    (NO_REMINDED, ""),
    ("{nudge: reminded}", "{nudge: lapsed}"),
    ("{2h: reminded, 3d: lapsed}", "{2h: lapsed, 5d: lapsed}"),
)
RETIRED = ("version: 1", "version: 1\nstatus: retired")

Edits = tuple[tuple[str, str], ...]


@dataclass
class Shop:
    """A state folder with 20 customers, 2 of them reminded, and the commands about it."""

    cli: Cli
    folder: Path

    @property
    def live(self) -> Path:
        return self.folder / "live"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def run(self) -> None:
        written(self.live)
        lines = [_event("cart", n, f"2026-03-02T10:{n:02}:00Z", cart=f"c{n}") for n in range(20)]
        lines += [_event("nudge", n, "2026-03-02T10:30:00Z") for n in (3, 4)]
        (self.folder / "events.jsonl").write_text("\n".join(map(json.dumps, lines)))
        done = self.cli(
            "run", self.live, self.folder / "events.jsonl", "--state", self.state,
            "--out", self.folder / "out",
        )  # fmt: skip
        assert done.code == 0, done.err

    def candidate(self, **edits: Edits) -> Path:
        """Write the set with edits, by the last part of a file's name."""
        return written(self.folder / "candidate", **edits)

    def plan(self, folder: Path, *options: object) -> Done:
        return self.cli("plan", folder, "--state", self.state, *options)

    def planned(self, folder: Path, *options: object) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.plan(folder, "--json", *options).out)
        return found

    def apply(self, what: Path, *options: object) -> Done:
        return self.cli("apply", what, "--state", self.state, "--yes", *options)

    def transitions(self) -> list[dict[str, Any]]:
        """Return what operators' commands did to instances."""
        file = self.folder / "state.operator" / "transitions.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()]


def written(folder: Path, **edits: Edits) -> Path:
    """Write the set with edits; a file of None is left out."""
    for path, text in FILES.items():
        for old, new in edits.get(Path(path).stem, ()):
            assert old in text, old
            text = text.replace(old, new)
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def _event(type_: str, customer: int, time: str, **attributes: object) -> dict[str, Any]:
    return {
        "type": type_,
        "time": time,
        "channel": "web",
        "identifiers": {"email": f"a{customer}@example.com"},
        "attributes": attributes,
    }
