"""Records of the core, made up."""

from __future__ import annotations

from cjo_stream.core.record import Candidate, Choice, Decision, JourneyRef, Trigger


def decision(number: int, chosen: str | None = "a", **more: object) -> Decision:
    fields: dict[str, object] = {
        "decision_id": f"d{number}",
        "customer_id": "c",
        "time": number,
        "trigger": Trigger("event", None, None),
        "request": {"decide": {}},
        "journey": JourneyRef("j", 1, "i", "s"),
        "candidates": [
            Candidate(action="a", channel="mail", gate=None, P=0.1, C=1.0, V=10.0, L=1.0),
            Candidate(action="b", channel="mail", gate=None, P=0.2, C=1.0, V=30.0, L=1.0),
            Candidate(action="z", channel="mail", gate="caps"),
        ],
        "chosen": Choice(chosen, "mail") if chosen else None,
        "probability": 0.5 if chosen else None,
    }
    return Decision(**(fields | more))
