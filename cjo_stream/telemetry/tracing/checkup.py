"""Whether spans that are asked for can be exported, for `doctor`."""

from __future__ import annotations

from collections.abc import Iterator

from cjo_stream.errors import UsageError
from cjo_stream.installation.finding import Finding, ok, problem
from cjo_stream.settings import Settings
from cjo_stream.telemetry.metrics import Metrics
from cjo_stream.telemetry.tracing import asked


def checkup(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of tracing; nothing where it is off. No collector is asked."""
    if not settings.tracing:
        return
    names = asked.wanted(settings)
    if not names:
        yield ok("tracing", "trace contexts go on; no spans, as OTEL_TRACES_EXPORTER says")
        return
    try:
        asked.spans(names, "doctor", "", settings.slot, Metrics()).close()
    except UsageError as error:
        yield problem("tracing", "no span is exported", str(error))
    else:
        yield ok("tracing", f"spans are exported by {', '.join(names)}")
