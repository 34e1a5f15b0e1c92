"""Parts of the language that this release does not run yet: load refuses them by name.

Each row is a key or a word: (its place, its name). A row is removed when its feature is added.
"""

from __future__ import annotations

from cjo_stream.definition.code import Code
from cjo_stream.definition.text.report import quoted

_ROWS: frozenset[tuple[str, str]] = frozenset(
    {
        ("a journey", "canary"),
        ("a journey", "migrate"),
        ("a journey", "map"),
        ("status", "paused"),
        ("status", "retired"),
    }
)


def unsupported(where: str, what: str) -> tuple[Code, str] | None:
    """Return code and message for `what` at `where`, or None if it is merely unknown."""
    if (where, what) not in _ROWS:
        return None
    return Code.UNSUPPORTED, f"{quoted(what)} is not yet supported by this release: leave it out"
