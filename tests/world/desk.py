"""A desk for tests of decisions: one journey that asks for something at every event `ask`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.world.scene import Scene

IDS = {"user": "u", "email": "u@example.com", "device": "d", "cookie": "c"}
_DESK = """
journey: desk
version: 1
entry: {on: joined}
data: {n: event.n}
initial: home
states:
  home: {on: {ask: {do: [STEP]}, other: {do: [OTHER]}}, after: {3000d: left}}
  left: {end: left}
"""


class Desk:
    """A scene whose customer has joined; `step` is what each `ask` does, `other` each `other`."""

    def __init__(
        self,
        folder: Path,
        *,
        step: str,
        actions: str,
        policy: str = "",
        other: str = "assign: {x: 1}",
        profile: str = "",
        more: str = "",
        holdout: str = "",
        head: Mapping[str, str] | None = None,
        ids: Mapping[str, str] = IDS,
        joined: float = 0,
    ) -> None:
        desk = _DESK.replace("STEP", f"{{{step}}}").replace("OTHER", f"{{{other}}}")
        if holdout:
            desk = desk.replace("initial:", f"holdout: {holdout}\ninitial:")
        parts = [desk, actions, more]
        if policy:
            parts.append(f"policy: contact\n{policy}")
        self.ids = dict(ids)
        self.scene = Scene(
            folder, "\n---\n".join(part for part in parts if part), profile=profile, head=head
        )
        self.scene.send("joined", joined, identifiers=self.ids)

    def ask(self, at: float, type_: str = "ask", **more: Any) -> dict[str, Any]:
        """Ask; return the last decision."""
        self.scene.send(type_, at, **{"identifiers": self.ids, **more})
        decision: dict[str, Any] = self.decisions()[-1]
        return decision

    def send(self, type_: str, at: float, **more: Any) -> None:
        """Send an event of the customer."""
        self.scene.send(type_, at, **{"identifiers": self.ids, **more})

    def consent(
        self, at: float, status: str, channel: str = "*", purpose: str = "marketing"
    ) -> None:
        """Let the customer say something about a purpose."""
        self.send("cjo.consent", at, purpose=purpose, status=status, channel=channel)

    def outcome(self, at: float, outcome: str, action: str, **more: Any) -> None:
        """Send an outcome of the customer's latest command of an action."""
        self.send("cjo.outcome", at, outcome=outcome, action=action, **more)

    def suppressed(self) -> dict[str, float]:
        """Return how many candidates each gate has stopped since the last call, as counted."""
        counts = self.scene.driver._runtime.take_counts()
        return {key[1]: by for key, by in counts.items() if key[0] == "cjo_suppressed_total"}

    def decisions(self) -> list[dict[str, Any]]:
        """Return every decision record."""
        return self.scene.driver.decisions()

    def sent(self) -> list[tuple[float, str, str]]:
        """Return (second, action, channel) of every command."""
        return self.scene.sent()

    def log(self) -> list[tuple[float, str | None, dict[str, str | None]]]:
        """Return (second, channel chosen, gate by action/channel) of every decision."""
        return [
            (second(decision["time"]), _chosen(decision), gates(decision))
            for decision in self.decisions()
        ]


def gates(decision: dict[str, Any]) -> dict[str, str | None]:
    """Return the gate that stopped each candidate, by action/channel, in the order recorded."""
    return {f"{c['action']}/{c['channel']}": c["gate"] for c in decision["candidates"]}


def rules(decision: dict[str, Any]) -> list[str | None]:
    """Return the rule that stopped each candidate."""
    return [candidate["rule"] for candidate in decision["candidates"]]


def stops(decision: dict[str, Any]) -> set[str | None]:
    """Return the gates at which candidates were stopped."""
    return {candidate["gate"] for candidate in decision["candidates"]}


def when(text: str, zone: str = "UTC", *, fold: int = 0) -> float:
    """Return the second, after the scene's midnight, of a local time as `2026-03-01 21:00`."""
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return moment.timestamp() - Scene.DAY_MS / 1000


def second(ms: int) -> float:
    """Return ms since the epoch as a second after the scene's midnight."""
    return (ms - Scene.DAY_MS) / 1000


def _chosen(decision: dict[str, Any]) -> str | None:
    chosen = decision["chosen"]
    return None if chosen is None else f"{chosen['action']}/{chosen['channel']}"
