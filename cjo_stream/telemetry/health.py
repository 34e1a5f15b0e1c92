"""Whether a process lives, and whether it is ready for work.

503 at /healthz says that starting the process anew helps: never for an outage of the broker.
503 at /readyz says that it takes no work now, or the broker does not answer: wait for it.
"""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[[], str | None]
"""Returns None where all is well, else what is not. Called from the endpoint's threads."""


def well() -> str | None:
    """Return None: all is well."""
    return None


class Health:
    """/healthz asks `live`, /readyz `ready`. Both may be set anew as a process gets on."""

    def __init__(self, live: Check = well, ready: Check = well) -> None:
        self.live = live
        self.ready = ready
