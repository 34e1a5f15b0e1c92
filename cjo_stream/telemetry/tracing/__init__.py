"""Spans of the steps that handled traced events, for OpenTelemetry (extra `otel`).

name         the names of spans and of their attributes, in one table
step         what a step says of itself
asked        what the settings ask for: `tracing_of`
checkup      whether spans can be exported, for `doctor`
exporter     where spans go, and what comes of them
spans        one span of a step, with links to the trace contexts of its events

`exporter` and `spans` need the extra; `asked` does without where it is not installed. Nothing here
stops the engine or makes it wait.
"""

from cjo_stream.telemetry.tracing.asked import Tracing, tracing_of
from cjo_stream.telemetry.tracing.step import Step

__all__ = ["Step", "Tracing", "tracing_of"]
