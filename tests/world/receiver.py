"""A channel system that takes webhooks: an HTTP server in a process of its own.

It appends each request to a file, as one line of JSON, before it answers; so whatever it answered
stands there, whoever is killed. Its behaviour is a file too, which a test rewrites while it runs:

    ok        200, {"outcome": "delivered"}       reject      422
    slow      200 after 20 s                      gone        410
    error     500                                 redirect    302, to another path of this server
    busy      429, Retry-After: 1                 closing     no answer: the connection is closed
    lying     200, an outcome that is none        torn        200, a body shorter than announced
    huge      200, 20 MB of a JSON text           bomb        200, a packed body
    flaky     500 for one request of three       later       202, no body
"""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import json
import os
import ssl
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from standardwebhooks.webhooks import Webhook

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER: Final = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


class Receiver:
    """One such process, seen from a test."""

    def __init__(self, folder: Path, behaviour: str, *, tls: bool) -> None:
        self._folder = folder
        folder.mkdir()
        self.behave(behaviour)
        if tls:
            _certify(folder)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.world.receiver", str(folder)], stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        where = f"{'https' if tls else 'http'}://127.0.0.1"
        self.url = f"{where}:{int(self.process.stdout.readline())}/hooks"

    def behave(self, behaviour: str) -> None:
        """Behave otherwise from now on."""
        new = self._folder / "new"
        new.write_text(behaviour)
        new.replace(self._folder / "behaviour")

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests that it got, in their order; the last line may be half written."""
        file = self._folder / "requests.jsonl"
        lines = file.read_text().splitlines(keepends=True) if file.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def bodies(self) -> list[dict[str, Any]]:
        """Return their bodies."""
        return [json.loads(one["body"]) for one in self.requests()]

    def first_numbers(self) -> dict[str, list[int]]:
        """Return by customer the numbers in the payloads, each where it was seen first."""
        found: dict[str, list[int]] = defaultdict(list)
        for body in self.bodies():
            if body["payload"]["number"] not in found[body["customer_id"]]:
                found[body["customer_id"]].append(body["payload"]["number"])
        return dict(found)

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def receiving(folder: Path, behaviour: str = "ok", *, tls: bool = False) -> Iterator[Receiver]:
    """Run a receiver; with `tls`, under a certificate of its own, cert.pem in the folder."""
    receiver = Receiver(folder, behaviour, tls=tls)
    try:
        yield receiver
    finally:
        receiver.stop()


def _certify(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path
    numbers = itertools.count(1)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        verified = []
        for secret in (SECRET, OTHER):
            with contextlib.suppress(Exception):
                Webhook(secret).verify(body, dict(self.headers.items()))
                verified.append(secret)
        line = {
            "id": self.headers["webhook-id"],
            "path": self.path,
            "verified": verified,
            "at": time.time(),
            "body": body.decode(),
            "trace": [self.headers["traceparent"], self.headers["tracestate"]],
        }
        with (self.folder / "requests.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        behaviour = (self.folder / "behaviour").read_text()
        if behaviour == "flaky":
            behaviour = "error" if next(self.numbers) % 3 == 0 else "ok"
        getattr(self, f"_{behaviour}")()

    def _say(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("content_length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _ok(self) -> None:
        self._say(200, b'{"outcome": "delivered"}')

    def _later(self) -> None:
        self._say(202)

    def _slow(self) -> None:
        time.sleep(20)
        self._ok()

    def _error(self) -> None:
        self._say(500, b"oops")

    def _busy(self) -> None:
        self._say(429, retry_after="1")

    def _lying(self) -> None:
        self._say(200, b'{"outcome": "delivred"}')

    def _reject(self) -> None:
        self._say(422, b'{"outcome": "accept"}')

    def _gone(self) -> None:
        self._say(410)

    def _redirect(self) -> None:
        self._say(302, location="/elsewhere")

    def _closing(self) -> None:
        self.close_connection = True

    def _torn(self) -> None:
        self._say(200, b'{"outcome": "accept"', content_length="1000")
        self.close_connection = True

    def _huge(self) -> None:
        with contextlib.suppress(OSError):
            self._say(200, b'{"outcome": "accept", "x": "' + b"x" * 20_000_000 + b'"}')
        self.close_connection = True

    def _bomb(self) -> None:
        self._say(200, b"\x1f\x8b" + b"\0" * 50, content_encoding="gzip")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of whoever was killed while it asked."""


def _serve(folder: Path) -> None:
    _Handler.folder = folder
    server = _Server(("127.0.0.1", 0), _Handler)
    if (folder / "cert.pem").exists():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    os.write(1, f"{server.server_port}\n".encode())
    server.serve_forever()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
