"""/metrics, /healthz and /readyz of one process, served by a thread of its own.

/metrics may ask for a login; the other two never do, since whoever probes a process has none. With
a certificate all of them speak TLS.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import shutil
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cjo_stream.errors import RefusalError
from cjo_stream.telemetry.access import OPEN, Access, Login
from cjo_stream.telemetry.health import Check, Health
from cjo_stream.telemetry.metrics import CONTENT_TYPE, Metrics

_LOG = logging.getLogger(__name__)
_REQUEST_S = 10.0
CONNECTIONS_MAX: Final = 50
"""At once: beyond, the oldest ends. Answers take milliseconds, so that is one which waits."""


class Endpoint:
    """A server that answers until it is closed."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self.port: int = server.server_address[1]
        self._thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A killed process leaves the address in use for a while; its successor needs it at once.
    allow_reuse_address = True

    access: Access = OPEN

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._open: dict[Any, socket.socket] = {}
        """The connections, the oldest first. The copy stays when TLS takes the socket over."""
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own; end the oldest connection where there are too many."""
        with self._lock:
            self._open[request] = request.dup()
            if len(self._open) > CONNECTIONS_MAX:
                with contextlib.suppress(OSError):  # the other side was faster
                    next(iter(self._open.values())).shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            if copy := self._open.pop(request, None):
                copy.close()
        super().shutdown_request(request)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer one request, in a thread of its own; so is the handshake, which may take long."""
        if self.access.certificate is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(_REQUEST_S)
        with self.access.certificate.context().wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - as socketserver has it
        """Log what went wrong with a request; that the other side has gone is no fault here.

        Nor is it ours that it speaks no TLS, or does not know our certificate.
        """
        is_gone = isinstance(sys.exc_info()[1], ConnectionError | TimeoutError | ssl.SSLError)
        level = logging.DEBUG if is_gone else logging.WARNING
        _LOG.log(level, "a request of %s was not answered", client_address, exc_info=True)


def serve(
    metrics: Metrics, health: Health, host: str, port: int, folder: Path, access: Access = OPEN
) -> Endpoint:
    """Answer at `host`:`port`; 0 for any free port, which is then the endpoint's `port`.

    Each answer measures the disk that holds `folder`. Raises RefusalError where the port is not
    available.
    """
    handler = type(
        "Handler",
        (_Handler,),
        {"metrics": metrics, "health": health, "folder": folder, "login": access.login},
    )
    try:
        server = _Server((host, port), handler)
    except OSError as error:
        raise RefusalError(
            f"metrics cannot be served at {host}:{port}: {error.strerror}; set CJO_METRICS_PORT "
            "to a free port, or CJO_METRICS_HOST to an address of this machine"
        ) from error
    server.access = access
    endpoint = Endpoint(server)
    _LOG.info("metrics at %s://%s:%d/metrics", access.scheme, host, endpoint.port)
    if access.login and not access.certificate and not _is_loopback(server):
        _LOG.warning(
            "the metrics' password goes over the network in clear: set CJO_METRICS_TLS_CERT and "
            "CJO_METRICS_TLS_KEY, too"
        )
    return endpoint


def _is_loopback(server: ThreadingHTTPServer) -> bool:
    return ipaddress.ip_address(server.socket.getsockname()[0]).is_loopback


@contextlib.contextmanager
def serving(
    host: str,
    port: int | None,
    metrics: Metrics,
    health: Health,
    folder: Path,
    access: Access = OPEN,
) -> Iterator[None]:
    """Serve during the `with` block, if `port` is set; raises as `serve`."""
    if port is None:
        yield
        return
    endpoint = serve(metrics, health, host, port, folder, access)
    try:
        yield
    finally:
        endpoint.close()


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    metrics: Metrics
    health: Health
    folder: Path
    login: Login | None
    timeout = _REQUEST_S

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if (
            path == "/metrics"
            and self.login
            and not self.login.lets_in(self.headers.get("Authorization"))
        ):
            self._answer(HTTPStatus.UNAUTHORIZED, b"a name and a password are needed\n")
        elif path == "/metrics":
            self._measure()
            self._answer(HTTPStatus.OK, self.metrics.render(), CONTENT_TYPE)
        elif path == "/healthz":
            self._check(self.health.live)
        elif path == "/readyz":
            self._check(self.health.ready)
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"/metrics, /healthz, /readyz\n")

    def _measure(self) -> None:
        """Set what is known only when it is asked for."""
        self.metrics.set("cjo_ready", (), self.health.ready() is None)
        try:
            disk = shutil.disk_usage(self.folder)
        except OSError:
            self.metrics.forget("cjo_disk_bytes")
            self.metrics.forget("cjo_disk_free_bytes")
        else:
            self.metrics.set("cjo_disk_bytes", (), disk.total)
            self.metrics.set("cjo_disk_free_bytes", (), disk.free)

    def _check(self, check: Check) -> None:
        problem = check()
        status = HTTPStatus.OK if problem is None else HTTPStatus.SERVICE_UNAVAILABLE
        self._answer(status, f"{problem or 'ok'}\n".encode())

    def _answer(
        self, status: HTTPStatus, body: bytes, content_type: str = "text/plain; charset=utf-8"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="cjo-stream", charset="UTF-8"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server has it
        _LOG.debug(format, *args)
