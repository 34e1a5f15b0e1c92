"""Whether a process lives, and whether it is ready for work."""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[[], str | None]
"""Returns None where all is well, else what is not. Called from the endpoint's threads."""


def well() -> str | None:
    """Return None: all is well."""
    return None


class Health:
    """Two questions: /healthz asks `live` (no: restart me), /readyz `ready` (no: wait for me)."""

    def __init__(self, live: Check = well, ready: Check = well) -> None:
        self.live = live
        self.ready = ready
