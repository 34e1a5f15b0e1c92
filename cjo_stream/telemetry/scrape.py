"""What one process shows at its endpoint, read back."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from cjo_stream.errors import RetryError

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


def scrape(host: str, port: int) -> Scrape:
    """Ask the process at `host`:`port`; raises RetryError where none of ours answers there."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        _, text = _ask(connection, "/metrics")
        status, problem = _ask(connection, "/readyz")
        samples = tuple(
            Sample(one.name, one.labels, one.value)
            for family in text_string_to_metric_families(text)
            for one in family.samples
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise RetryError(
            f"no answer from {host}:{port}: {error or type(error).__name__}"
        ) from error
    finally:
        connection.close()
    found = Scrape(time.monotonic(), samples, "" if status == HTTPStatus.OK else problem.strip())
    if not any(True for _ in found.of("cjo_build_info")):
        raise RetryError(f"what answers at {host}:{port} is no process of cjo-stream")
    return found


def _ask(connection: http.client.HTTPConnection, path: str) -> tuple[int, str]:
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode("utf-8", "replace")
