"""What is reported to the engine of a command: the event cjo.outcome, as channel systems write it.

Its id is made of the command's, so of several reports of one command (the endpoint answered, and
the process was killed before that was committed) the engine takes the first alone.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cjo_stream.core.command.outcome import OUTCOME


def outcome_event(action_id: str, outcome: str, value: float | None, now_ms: int) -> bytes:
    """Return a native event."""
    attributes: dict[str, Any] = {"action_id": action_id, "outcome": outcome}
    if value is not None:
        attributes["value"] = value
    return msgspec.json.encode(
        {
            "type": OUTCOME,
            "time": now_ms,
            "id": f"{action_id}-webhook",
            "attributes": attributes,
        }
    )
