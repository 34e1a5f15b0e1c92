"""HTTP whose answer is there within a time in all, not only each part of it.

A timeout of a socket counts anew with every byte, so that a server which drips would be listened
to for hours. Here a timer ends the connection, and whoever reads from it meets its end.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import socket
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from types import TracebackType
from typing import Any


class Deadline:
    """A context manager, for one request: what it opens is ended once the time is over."""

    def __init__(self, within_s: float) -> None:
        self._is_over = False
        self._within_s = within_s
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(within_s, self._end)
        self._timer.daemon = True

    def opened(self, request: urllib.request.Request, tls: ssl.SSLContext) -> Any:
        """Return the answer to a request, as `urllib.request.urlopen` does."""
        opener = urllib.request.build_opener(_Plain(self), _Tls(self, tls), _SameHost())
        return opener.open(request, timeout=self._within_s)

    def watch(self, connection: socket.socket) -> None:
        """End a connection with the others; raises TimeoutError if the time is over."""
        with self._lock:
            self.check()
            # A copy, because TLS takes the socket itself over.
            self._sockets.append(connection.dup())

    def check(self) -> None:
        """Raise TimeoutError if the time is over."""
        if self._is_over:
            raise TimeoutError(f"none that is whole within {self._within_s:g} s")

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for one in self._sockets:
                one.close()
            self._sockets.clear()

    def _end(self) -> None:
        with self._lock:
            self._is_over = True
            for one in self._sockets:
                with contextlib.suppress(OSError):  # the other side was faster
                    one.shutdown(socket.SHUT_RDWR)


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Goes where an answer redirects to on the same host alone, and never from TLS to none.

    Else whoever answers for the registry would choose which of our hosts we ask.
    """

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        """Return the next request; raises URLError where it would be of another host."""
        before, after = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if after.hostname != before.hostname or after.scheme not in ("https", before.scheme):
            raise urllib.error.URLError("it redirects to another host")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Connection(http.client.HTTPConnection):
    deadline: Deadline

    def connect(self) -> None:
        super().connect()
        self.deadline.watch(self.sock)


class _TlsConnection(http.client.HTTPSConnection, _Connection):
    """Watched from before its handshake: `connect` there goes on from the one above."""


def _made(
    kind: type[_Connection], deadline: Deadline, host: str, /, **given: Any
) -> http.client.HTTPConnection:
    connection = kind(host, **given)
    connection.deadline = deadline
    return connection


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._make = functools.partial(_made, _Connection, deadline)

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._make, req)


class _Tls(urllib.request.HTTPSHandler):
    def __init__(self, deadline: Deadline, tls: ssl.SSLContext) -> None:
        super().__init__(context=tls)
        self._make = functools.partial(_made, _TlsConnection, deadline, context=tls)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._make, req)
