"""A local development broker, started from the repository's `deploy/kafka/start.sh`.

For tests and benchmarks, on loopback, with a data folder of its own. `make kafka` runs the same
script in the foreground. Nothing here is for production.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from cjo_stream.errors import RetryError, UsageError

SCRIPT: Final = Path(__file__).parents[3] / "deploy" / "kafka" / "start.sh"
PORTS: Final = range(20_000, 32_000)
"""Below the ports that the system gives to outgoing connections: a client that keeps trying a
broker which is down must never be given the broker's own port, and so connect to itself."""
READY_WITHIN_S: Final = 90.0
"""The first start brings the jars; later ones take about 3 s, after a kill about 7 s."""
STOP_WITHIN_S: Final = 20.0
ASK_S: Final = 0.5


class Broker:
    """One broker over one data folder. Killed, it may be started again on the same.

    As a context manager it is started, and stopped at the end.
    """

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port if port is not None else free_port()
        self._controller_port = free_port(self.port)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Return the address, in librdkafka's form."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Return the file with the broker's output."""
        return self.folder / "broker.log"

    def start(self, within_s: float = READY_WITHIN_S) -> None:
        """Return when the broker answers.

        Raises UsageError where Java, Maven or the repository is missing, RetryError where the
        broker does not answer in time.
        """
        if not SCRIPT.exists():
            raise UsageError(
                "the local broker is started from a clone of the repository (deploy/kafka); with "
                "an installed package, name a broker: CJO_KAFKA__BOOTSTRAP_SERVERS=host:port"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own script
                [*_ending_with_us(), str(SCRIPT)],
                env={
                    **os.environ,
                    "CJO_BROKER_PORT": str(self.port),
                    "CJO_BROKER_CONTROLLER_PORT": str(self._controller_port),
                    "CJO_BROKER_DATA": str(self.folder),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait(time.monotonic() + within_s)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the broker cleanly; kill it if that takes too long."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None

    def kill(self) -> None:
        """Kill -9 the broker."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                # The script's children too: while it fetches jars, it is not the broker yet.
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait(self, until_s: float) -> None:
        assert self._process is not None
        admin = AdminClient(
            {
                "bootstrap.servers": self.bootstrap,
                "reconnect.backoff.max.ms": "200",
                "log_level": "0",
            }
        )
        while not _answers(admin):
            if (code := self._process.poll()) is not None:
                raise UsageError(
                    f"the local broker ended with code {code}. Mend what it says, and start it "
                    f"again: {self._last_lines()}"
                )
            if time.monotonic() > until_s:
                raise RetryError(
                    "the local broker does not answer. Start it again where the machine has time "
                    f"for it, or mend what it says: {self._last_lines()}"
                )

    def _last_lines(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "; ".join(lines[-5:] or ["nothing"]) + f" (all of it: {self.log})"


def free_port(but: int | None = None) -> int:
    """Return a port of `PORTS` that is free now."""
    # Drawn at random, so that two brokers starting at once seldom get the same one.
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port != but:
            return port
    raise RetryError(
        f"no port of {PORTS.start} to {PORTS.stop - 1} is free for a local broker: end what has "
        "them"
    )


def _answers(admin: AdminClient) -> bool:
    try:
        return bool(admin.list_topics(timeout=ASK_S).brokers)
    except KafkaException:
        return False


def _ending_with_us() -> list[str]:
    """Return a command that lets the system kill the broker when this process ends, if any."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []
