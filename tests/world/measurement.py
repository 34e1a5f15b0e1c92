"""What metrics show, read back."""

from __future__ import annotations

import re

from cjo_stream.telemetry import Metrics


def shown(metrics: Metrics) -> dict[str, float]:
    """Return the value of each series, by its name with its labels in the order of their names."""
    lines = re.findall(r"^(cjo_\S+) (\S+)$", metrics.render().decode(), re.M)
    return {name: float(value) for name, value in lines}
