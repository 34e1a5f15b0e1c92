"""For operators: metrics, health, the log.

    metrics = Metrics()
    metrics.add(task.take_counts())                     counts, as the engine returns them
    endpoint = serve(metrics, Health(), host, port, folder)    /metrics, /healthz, /readyz
    log.set_up("INFO", "auto")

Labels come from definitions and from the engine, never from customers' data. Nothing here measures
anything: it only publishes.
"""

from cjo_stream.telemetry.access import access_of
from cjo_stream.telemetry.endpoint import Endpoint, serve, serving
from cjo_stream.telemetry.health import Health, well
from cjo_stream.telemetry.metric import METRICS, PROCESS_METRICS, Metric
from cjo_stream.telemetry.metrics import Metrics
from cjo_stream.telemetry.tracing import Step, Tracing, tracing_of

__all__ = [
    "METRICS",
    "PROCESS_METRICS",
    "Endpoint",
    "Health",
    "Metric",
    "Metrics",
    "Step",
    "Tracing",
    "access_of",
    "serve",
    "serving",
    "tracing_of",
    "well",
]
