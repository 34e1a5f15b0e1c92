"""Who may read /metrics, and the certificate that the port shows.

The files of a certificate are replaced while the process runs, as Kubernetes and certbot do: each
connection looks whether they changed. Where the new ones cannot be used, the last good ones stay.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import ssl
import threading
from pathlib import Path
from typing import Final, NamedTuple

from cjo_stream.errors import UsageError
from cjo_stream.settings import Settings

_LOG = logging.getLogger(__name__)
_SCHEME: Final = "basic "


class Login:
    """The name and the password that /metrics asks for (RFC 7617)."""

    def __init__(self, username: str, password: str) -> None:
        self._digest = _digest(f"{username}:{password}".encode())

    def lets_in(self, header: str | None) -> bool:
        """Return whether an Authorization header has both.

        Digests of one length are compared, in a time that does not tell where they differ.
        """
        if header is None or not header.lower().startswith(_SCHEME):
            return False
        try:
            given = base64.b64decode(header[len(_SCHEME) :].strip(), validate=True)
        except ValueError:
            return False
        return hmac.compare_digest(_digest(given), self._digest)


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


class Certificate:
    """A certificate with its key, as their files are now."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raise UsageError where the files cannot be used."""
        self._files = (certificate, key)
        self._lock = threading.Lock()
        self._seen = self._look()
        try:
            self._context = self._load()
        except OSError as error:
            raise UsageError(
                f"the metrics' certificate cannot be used ({_why(error)}): set "
                f"CJO_METRICS_TLS_CERT (now {certificate}) to a PEM file with the certificate, "
                f"and CJO_METRICS_TLS_KEY (now {key}) to one with its key, without a passphrase"
            ) from None

    def context(self) -> ssl.SSLContext:
        """Return what a connection is wrapped with; any thread may ask."""
        with self._lock:
            if (now := self._look()) != self._seen:
                self._seen = now
                try:
                    self._context = self._load()
                except OSError as error:
                    # While both files are being replaced, they need not fit each other.
                    _LOG.warning(
                        "the metrics' new certificate cannot be used (%s): the one before stays; "
                        "mend CJO_METRICS_TLS_CERT or CJO_METRICS_TLS_KEY",
                        _why(error),
                    )
                else:
                    _LOG.info("the metrics have a new certificate, of %s", self._files[0])
            return self._context

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # With no password at all, OpenSSL would ask the terminal for one.
        context.load_cert_chain(*self._files, password="")
        return context

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Return what changes when a file is replaced; of a file that is away, None."""
        found: list[tuple[int, int, int] | None] = []
        for path in self._files:
            try:
                stat = path.stat()
            except OSError:
                found.append(None)
            else:
                found.append((stat.st_mtime_ns, stat.st_ino, stat.st_size))
        return tuple(found)


def _why(error: OSError) -> str:
    """Return the reason without a traceback's noise."""
    return getattr(error, "reason", None) or error.strerror or str(error)


class Access(NamedTuple):
    """What the endpoint asks of its callers, and shows them."""

    login: Login | None = None
    certificate: Certificate | None = None

    @property
    def scheme(self) -> str:
        """Return `http` or `https`."""
        return "https" if self.certificate else "http"


OPEN: Final = Access()
"""No login, no TLS."""


def access_of(settings: Settings) -> Access:
    """Return what the settings ask for; raises UsageError for files that cannot be used."""
    login = certificate = None
    if settings.metrics_username and settings.metrics_password:
        login = Login(settings.metrics_username, settings.metrics_password.get_secret_value())
    if settings.metrics_tls_cert and settings.metrics_tls_key:
        certificate = Certificate(settings.metrics_tls_cert, settings.metrics_tls_key)
    return Access(login, certificate)
