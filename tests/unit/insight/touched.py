"""A small run written by hand: commands and goals at given times, in records of `run`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from cjo_stream.core.record import (
    Action,
    Address,
    Candidate,
    Choice,
    Decision,
    IdentityChange,
    JourneyRef,
    Profile,
    Reward,
    Transition,
    Trigger,
)
from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.layer.reading import connect

DAY = 86_400_000
EVENT = Trigger("event", None, None)


class Written:
    """Records of a run; `into` writes its folder."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.transitions: list[Transition] = []
        self.decisions: list[Decision] = []
        self.identities: list[IdentityChange] = []
        self.profiles: list[Profile] = []
        self.rewards: list[Reward] = []

    def command(
        self,
        customer: str,
        at: int,
        channel: str,
        action: str = "offer",
        journey: str | None = "j",
    ) -> None:
        number = len(self.actions)
        self.actions.append(
            Action(
                action_id=f"a{number}", customer_id=customer, topology="t", action=action,
                issue=None, group=None, class_="marketing", channel=channel, template=None,
                payload={}, address=None, issued_at=at, expires_at=at + DAY,
                decision_id=f"d{number}",
                journey=JourneyRef(journey, 1, f"{customer}-{journey}", "s") if journey else None,
            )
        )  # fmt: skip

    def transition(
        self, customer: str, at: int, reason: Any, journey: str = "buy", *, holdout: bool = False
    ) -> None:
        self.transitions.append(
            Transition(
                transition_id=f"t{len(self.transitions)}", customer_id=customer, journey=journey,
                version=1, instance_id=f"{customer}-{journey}", key=None, from_=None, to=None,
                reason=reason, outcome=None, time=at, trigger=EVENT, holdout=holdout,
            )
        )  # fmt: skip

    def goal(self, customer: str, at: int, journey: str = "buy") -> None:
        self.transition(customer, at, "goal", journey)

    def chose(
        self,
        customer: str,
        at: int,
        journey: str = "j",
        suppressed: Any = None,
        channel: str = "mail",
    ) -> None:
        self.decisions.append(
            Decision(
                decision_id=f"c{len(self.decisions)}", customer_id=customer, time=at,
                trigger=EVENT, request={},
                journey=JourneyRef(journey, 1, f"{customer}-{journey}", "s"),
                candidates=[Candidate(action="offer", channel=channel, gate=None)],
                chosen=Choice("offer", channel), suppressed=suppressed,
            )
        )  # fmt: skip

    def merged(self, customer: str, absorbed: str, at: int) -> None:
        self.identities.append(
            IdentityChange(kind="merged", customer_id=customer, absorbed=[absorbed], time=at)
        )

    def created(self, customer: str, at: int) -> None:
        self._changed("created", customer, customer, at)

    def unmerged(self, customer: str, name: str, at: int, left: str) -> None:
        """Part the identifier `name` from a customer, as a new customer."""
        self._changed("unmerged", customer, name, at, reason=f"from {left}")

    def erased(self, customer: str, at: int) -> None:
        self.identities.append(IdentityChange(kind="erased", customer_id=customer, time=at))

    def _changed(self, kind: Any, customer: str, name: str, at: int, **of: Any) -> None:
        named = [Address(type="user", value=name)]
        self.identities.append(
            IdentityChange(kind=kind, customer_id=customer, identifiers=named, time=at, **of)
        )

    def path(self, customer: str, channels: str, *, converts: bool, end: int = 10 * DAY) -> None:
        """Add a command an hour of each channel, one letter each, and the goal behind them."""
        for place, channel in enumerate(channels):
            self.command(customer, end + (place - len(channels)) * DAY // 24, channel)
        if converts:
            self.goal(customer, end)

    def into(self, folder: Path) -> Path:
        folder.mkdir()
        records: dict[str, Sequence[msgspec.Struct]] = {
            "actions": self.actions,
            "transitions": self.transitions,
            "decisions": self.decisions,
            "identities": self.identities,
            "profiles": self.profiles,
            "rewards": self.rewards,
        }
        for name, of in records.items():
            lines = b"".join(msgspec.json.encode(one) + b"\n" for one in of)
            (folder / f"{name}.jsonl").write_bytes(lines)
        return folder

    def connection(self, folder: Path) -> Any:
        """Return a connection to a layer of the records, below a folder."""
        sink = Sink(str(folder / "layer"))
        sink.take_run(self.into(folder / "run"))
        sink.publish()
        connection, _ = connect(str(folder / "layer"))
        return connection
