"""Journeys whose commands say what happened, in its order."""

from __future__ import annotations

from typing import Any

from tests.world.scene import Scene

NOTES = """
action: note
class: service
treatments:
  mail:
    payload:
      n: data.n
      at: now
      type: event.type
      x: event.x
      id: event.id
      channel: event.channel
      key: key
---
"""
TELLER = """
journey: teller
version: 1
entry: {on: begin, key: event.k}
goal: {on: win}
initial: open
states:
  open: {on: {stop: shut}}
  shut: {end: shut}
---
"""


def note(text: str) -> str:
    """Return a step that says `text` in a command."""
    return f"{{act: {{action: note, data: {{n: \"'{text}'\"}}}}}}"


def notes(scene: Scene) -> list[str]:
    return [command["payload"]["n"] for command in scene.driver.actions()]


def payloads(scene: Scene) -> list[dict[str, Any]]:
    return [command["payload"] for command in scene.driver.actions()]
