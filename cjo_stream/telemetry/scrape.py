"""What one process shows at its endpoint, read back."""

from __future__ import annotations

import base64
import http.client
import ssl
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from cjo_stream.errors import RetryError
from cjo_stream.settings import Settings

TIMEOUT_S: Final = 2.0

Labels = Mapping[str, str]


class Sample(NamedTuple):
    """One number of a process: of a metric, or of a bucket of a histogram (label `le`)."""

    name: str
    labels: Labels
    value: float


class Scrape(NamedTuple):
    """What a process showed; `at_s` is by the monotonic clock.

    `unready`: why it does no work now; empty if it does.
    """

    at_s: float
    samples: tuple[Sample, ...]
    unready: str = ""

    def of(self, name: str, **labels: str) -> Iterator[Sample]:
        """Yield the samples of this name with these labels, whatever others they have."""
        for sample in self.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                yield sample

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of these samples; 0 where there is none."""
        return sum(sample.value for sample in self.of(name, **labels))


class Way(NamedTuple):
    """How an endpoint is asked: the Authorization header, and what its certificate must be."""

    authorization: str = ""
    tls: ssl.SSLContext | None = None


OPEN: Final = Way()
"""No login, no TLS."""


def way_of(settings: Settings) -> Way:
    """Return how endpoints under the same settings are asked (see `access`).

    Their certificate must be the one of the settings, or one that it vouches for, by whatever name
    the host is asked. Raises OSError where that file cannot be read.
    """
    authorization, tls = "", None
    if settings.metrics_username and settings.metrics_password:
        login = f"{settings.metrics_username}:{settings.metrics_password.get_secret_value()}"
        authorization = "Basic " + base64.b64encode(login.encode()).decode()
    if settings.metrics_tls_cert:
        tls = ssl.create_default_context(cafile=str(settings.metrics_tls_cert))
        tls.check_hostname = False
        tls.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return Way(authorization, tls)


def scrape(host: str, port: int, way: Way = OPEN) -> Scrape:
    """Ask the process at `host`:`port`; raises RetryError where none of ours answers there."""
    connection = (
        http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        if way.tls is None
        else http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=way.tls)
    )
    try:
        asked, text = _ask(connection, "/metrics", way)
        status, problem = _ask(connection, "/readyz", way)
        families = text_string_to_metric_families(text if asked == HTTPStatus.OK else "")
        samples = tuple(
            Sample(one.name, one.labels, one.value)
            for family in families
            for one in family.samples
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise RetryError(
            f"no answer from {host}:{port}: {error or type(error).__name__}"
        ) from error
    finally:
        connection.close()
    if asked == HTTPStatus.UNAUTHORIZED:
        raise RetryError(
            f"{host}:{port} asks for a name and a password: set CJO_METRICS_USERNAME and "
            "CJO_METRICS_PASSWORD as that process has them"
        )
    found = Scrape(time.monotonic(), samples, "" if status == HTTPStatus.OK else problem.strip())
    if not any(True for _ in found.of("cjo_build_info")):
        raise RetryError(f"what answers at {host}:{port} is no process of cjo-stream")
    return found


def _ask(connection: http.client.HTTPConnection, path: str, way: Way) -> tuple[int, str]:
    headers = {"Authorization": way.authorization} if way.authorization else {}
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    return response.status, response.read().decode("utf-8", "replace")
