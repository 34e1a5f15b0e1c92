"""A collector of spans: an HTTP server that takes OTLP, as OpenTelemetry's own collector does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collected(NamedTuple):
    """A span that came, with the attributes of the process that made it."""

    name: str
    parent: bytes
    links: set[tuple[str, str]]
    """Trace id and span id, in hex."""
    attributes: dict[str, Any]
    resource: dict[str, Any]


class Collector:
    """Where spans come to: `url`, as OTEL_EXPORTER_OTLP_ENDPOINT has it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._spans: list[Collected] = []
        self._lock = threading.Lock()

    def spans(self) -> list[Collected]:
        """Return the spans that have come so far."""
        with self._lock:
            return list(self._spans)

    def take(self, body: bytes) -> None:
        """Take one request."""
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            for resource in request.resource_spans:
                of = _plain(resource.resource.attributes)
                self._spans += [
                    Collected(
                        span.name,
                        span.parent_span_id,
                        {(link.trace_id.hex(), link.span_id.hex()) for link in span.links},
                        _plain(span.attributes),
                        of,
                    )
                    for scope in resource.scope_spans
                    for span in scope.spans
                ]


@contextmanager
def collecting() -> Iterator[Collector]:
    """Serve on a free port of loopback during the `with` block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.take(body)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
