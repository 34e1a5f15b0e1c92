"""The event types of built-in meaning, and the attributes that they are read by.

All types that begin with `cjo.` are the engine's own: no other can be meant.
"""

from __future__ import annotations

from typing import Final

OWN: Final = "cjo."
BUILT_IN: Final[dict[str, tuple[str, ...]]] = {
    "cjo.profile": (),
    "cjo.consent": ("purpose", "channel", "status"),
    "cjo.outcome": ("action_id", "action", "channel", "outcome", "value", "issue", "group"),
}
"""The attributes of each type; those of `cjo.profile` are the facts."""
