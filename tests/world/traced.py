"""A topology whose commands are caused by an event, by one that a journey raised, and by time."""

from __future__ import annotations

from pathlib import Path
from typing import Final

TOPOLOGY: Final = """
topology: traced
channels:
  web: {in: {}}
  mail: {out: {address: user}}
identity:
  identifiers: [{type: user, limit: 3}, {type: cookie, limit: 9}]
---
journey: cart
version: 1
entry: {on: cart, reentry: always}
initial: begun
states:
  begun: {enter: [{act: at_once}, {raise: {type: told}}], after: {2s: waited}}
  waited: {enter: [{act: later}], after: {1s: done}}
  done: {end: done}
---
journey: follow
version: 1
entry: {on: told, reentry: always}
initial: begun
states:
  begun: {enter: [{act: raised}], always: {to: done}}
  done: {end: done}
"""
ACTION: Final = """
---
action: NAME
class: service
treatments: {mail: {template: t}}
"""
ACTIONS: Final = ("at_once", "later", "raised")


def write(folder: Path) -> Path:
    """Write the topology into a folder; return that."""
    folder.mkdir(exist_ok=True)
    text = TOPOLOGY + "".join(ACTION.replace("NAME", name) for name in ACTIONS)
    (folder / "topology.yaml").write_text(text)
    return folder


def context(number: int, flags: str = "01") -> str:
    """Return a trace context (traceparent) of its own for each number."""
    return f"00-{number + 1:032x}-{number + 1:016x}-{flags}"
