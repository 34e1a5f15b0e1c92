"""Why a broker that can be reached does not answer: TLS, certificates, the protocol of its port.

librdkafka tries again without end, and says of each certificate that it could not be verified. So
where it gets no answer, the first server that takes a connection is asked once more by hand:

    connect ──▶ TLS ──▶ which SASL mechanisms are there?
                 └▶ no TLS here, or a certificate that is not good
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Mapping
from typing import Final

from cjo_stream.errors import UsageError
from cjo_stream.kafka.client.property import parted
from cjo_stream.kafka.client.tls import tls_context
from cjo_stream.settings import Settings

WITHIN_S: Final = 2.0
"""For each step."""
TAKEN_WITHIN_S: Final = 1.5
"""A connection whose first packet is lost comes about after a second."""
SERVERS_MAX: Final = 3
LOOKS: Final = 2
LOOK_AGAIN_S: Final = 0.5
_PROTOCOL: Final = "CJO_KAFKA__SECURITY_PROTOCOL"
_NOT_SASL: Final = 34
"""ILLEGAL_SASL_STATE: what a listener without SASL says of a SaslHandshake."""
_NO_VERSION: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
"""OpenSSL's reasons where the other side does not speak TLS."""
_X509_EXPIRED: Final = 10
_X509_NOT_YET: Final = 9
_X509_OTHER_NAME: Final = (62, 64)


def wait_until_away(settings: Settings) -> None:
    """Return once none of the bootstrap servers has taken a connection, LOOKS times in a row.

    The kernel takes it, so a host that has much else to do is seldom away. One that takes it and
    then does not answer is not told from a slow one.
    """
    servers = settings.kafka_properties()["bootstrap.servers"].split(",")
    looks = 0
    while looks < LOOKS:
        if any(map(_takes_connection, servers)):
            looks = 0
        else:
            looks += 1
        if looks < LOOKS:
            time.sleep(LOOK_AGAIN_S)


def _takes_connection(server: str) -> bool:
    try:
        with socket.create_connection(parted(server), TAKEN_WITHIN_S):
            return True
    except (socket.gaierror, UnicodeError):
        return True  # nobody knows, or it is no name of a host
    except (OSError, UsageError):
        return False


def fault(properties: Mapping[str, str]) -> str | None:
    """Return what is wrong with the way to a broker, and what to set; None: nothing is found.

    `properties` are librdkafka's. Takes a few seconds at most.
    """
    protocol = properties.get("security.protocol", "plaintext").lower()
    for server in properties["bootstrap.servers"].split(",")[:SERVERS_MAX]:
        host, port = parted(server)
        try:
            with socket.create_connection((host, port), WITHIN_S) as connection:
                connection.settimeout(WITHIN_S)
                found = _fault(connection, host, protocol, properties)
        except (OSError, UnicodeError, UsageError):
            continue  # not reached, or too slow: it is away
        return f"the broker at {host}:{port} {found}" if found else None
    return None


def _fault(
    connection: socket.socket, host: str, protocol: str, properties: Mapping[str, str]
) -> str | None:
    if not protocol.endswith("ssl"):
        if (is_sasl := _asks_for_user(connection)) is not None:
            return _of_user(protocol, is_sasl)
        if _speaks_tls(connection.getpeername()):
            return f"speaks TLS: set {_PROTOCOL} to sasl_ssl or ssl, as the broker wants it"
        return None
    try:
        wrapped = tls_context(properties).wrap_socket(connection, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        return _of_certificate(error)
    except TimeoutError:
        raise
    except ssl.SSLError as error:
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or (
            error.reason in _NO_VERSION
        ):
            return _no_tls()
        return f"refuses TLS ({error.reason}): look at the properties ssl.* (CJO_KAFKA__SSL_…)"
    except ConnectionError:
        return _no_tls()
    with wrapped:
        try:
            is_sasl = _asks_for_user(wrapped)
        except ssl.SSLError as error:
            # With TLS 1.3 the server looks at our certificate when we believe that all is done.
            return (
                f"refuses TLS ({error.reason}): if it wants a certificate of ours, set "
                "CJO_KAFKA__SSL_CERTIFICATE_LOCATION and CJO_KAFKA__SSL_KEY_LOCATION"
            )
        return None if is_sasl is None else _of_user(protocol, is_sasl)


def _no_tls() -> str:
    return (
        f"does not speak TLS: set {_PROTOCOL} to sasl_plaintext or plaintext, or "
        "CJO_KAFKA__BOOTSTRAP_SERVERS to the port that does"
    )


def _of_certificate(error: ssl.SSLCertVerificationError) -> str:
    why = error.verify_message.rstrip(".")
    if error.verify_code in (_X509_EXPIRED, _X509_NOT_YET):
        mend = "renew it at the broker, or set the clock of this machine"
    elif error.verify_code in _X509_OTHER_NAME:
        mend = "name the broker in CJO_KAFKA__BOOTSTRAP_SERVERS as its certificate does"
    else:
        mend = "set CJO_KAFKA__SSL_CA_LOCATION to a PEM file of the authority that signed it"
    return f"has a certificate that is not good ({why}): {mend}"


def _of_user(protocol: str, is_sasl: bool) -> str | None:
    if is_sasl and not protocol.startswith("sasl"):
        needed = "sasl_ssl" if protocol == "ssl" else "sasl_plaintext"
        return (
            f"asks who this is: set {_PROTOCOL} to {needed}, CJO_KAFKA__SASL_MECHANISM, "
            "CJO_KAFKA__SASL_USERNAME and CJO_KAFKA__SASL_PASSWORD_FILE"
        )
    if not is_sasl and protocol.startswith("sasl"):
        return f"does not ask who this is: set {_PROTOCOL} to {protocol.removeprefix('sasl_')}"
    return None


def _speaks_tls(address: tuple[str, int]) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Nothing is sent: only whether there is TLS at all.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.suppress(OSError), socket.create_connection(address[:2], WITHIN_S) as asked:
        asked.settimeout(WITHIN_S)
        with context.wrap_socket(asked):
            return True
    return False


def _asks_for_user(connection: socket.socket) -> bool | None:
    """Return whether a listener has SASL; None where it does not speak Kafka's protocol.

    The request is SaslHandshake 1 (https://kafka.apache.org/protocol): the header (key, version,
    number, client), then a mechanism that no broker has. The answer begins with length, number and
    an error.
    """
    body = struct.pack(">hhih", 17, 1, 1, -1) + struct.pack(">h4s", 4, b"NONE")
    try:
        connection.sendall(struct.pack(">i", len(body)) + body)
        answer = b""
        while len(answer) < 10:
            if not (more := connection.recv(10 - len(answer))):
                return None
            answer += more
    except ssl.SSLError:
        raise
    except OSError:
        return None
    _, number, error = struct.unpack(">iih", answer)
    return error != _NOT_SASL if number == 1 else None
