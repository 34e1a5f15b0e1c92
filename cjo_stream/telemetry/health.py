"""Whether a process is alive, and whether it is ready for work.

503 at /healthz: a restart of the process would help. An outage of the broker never causes it.
503 at /readyz: the process takes no work now, or the broker does not answer. Wait.
"""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[[], str | None]
"""Returns None if all is well, else the problem. Called from the endpoint's threads."""


def well() -> str | None:
    """Return None: all is well."""
    return None


class Health:
    """/healthz calls `live`, /readyz `ready`. A process may replace both while it runs."""

    def __init__(self, live: Check = well, ready: Check = well) -> None:
        self.live = live
        self.ready = ready
