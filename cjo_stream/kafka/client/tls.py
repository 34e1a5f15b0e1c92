"""librdkafka's properties of TLS, for what is not librdkafka."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from cjo_stream.errors import UsageError


def tls_context(properties: Mapping[str, str]) -> ssl.SSLContext:
    """Return the context of a client; raises UsageError for files that cannot be used."""
    for name in ("ssl.keystore.location", "ssl.certificate.pem", "ssl.key.pem"):
        if properties.get(name):
            raise UsageError(
                f"{name} is not supported by the worker: give the certificate and its key as "
                "files, by ssl.certificate.location and ssl.key.location"
            )
    try:
        context = ssl.create_default_context(
            ssl.Purpose.SERVER_AUTH,
            **_authorities(properties.get("ssl.ca.location")),
            cadata=properties.get("ssl.ca.pem") or None,
        )
        if certificate := properties.get("ssl.certificate.location"):
            context.load_cert_chain(
                certificate,
                properties.get("ssl.key.location") or None,
                # With None, OpenSSL would ask the terminal for that of a locked key.
                properties.get("ssl.key.password") or "",
            )
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"the TLS files cannot be used ({error}): set the properties ssl.*.location to PEM "
            "files that are there, and ssl.key.password to the key's"
        ) from error
    if properties.get("ssl.endpoint.identification.algorithm", "https").lower() == "none":
        context.check_hostname = False
    if properties.get("enable.ssl.certificate.verification", "true").lower() == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _authorities(location: str | None) -> dict[str, str]:
    """Return where the trusted certificates are: a file, or a folder; `probe`: the system's."""
    if not location or location == "probe":
        return {}
    return {"capath" if Path(location).is_dir() else "cafile": location}
