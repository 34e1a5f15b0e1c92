"""The broker and the processes of the drilled installation, each started and ended by name."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from cjo_stream.kafka.local.broker import PORTS, Broker
from tests.world.receiver import SECRET, Receiver
from tests.world.registry import AVRO_EVENT, Registry, avro

TENANT_KEY: Final = "a-key-only-the-drill-has-0123456789"
TOPOLOGY: Final = Path(__file__).parent / "topology"
NAMES: Final = ("intake", "worker-0", "worker-1", "dispatch", "learn", "insight", "webhook")
"""In the order of `up`, so of the ports that `cjo-stream monitoring` writes."""
PARTITIONS: Final = 2
SCHEMA: Final = 1
LATER_SCHEMA: Final = 2
"""By which records of the channel `app` are written; only a fault asks for the second."""
INTERVAL_S: Final = 300.0
"""Of checkpoints, models and archived files, before it is divided."""
ENDPOINT: Final = """\
webhook: letter
url: {url}
secrets: letter.secrets
addresses: any
timeout: 1s
"""
READY_WITHIN_S: Final = 90.0
COMMAND_S: Final = 120.0


class Installation:
    """All processes, without a supervisor: what ends stays down until somebody starts it."""

    def __init__(self, folder: Path, faster: float) -> None:
        self.folder = folder
        self.faster = faster
        self.broker = Broker(folder / "broker")
        self.registry = Registry()
        self.registry.schemas |= dict.fromkeys((SCHEMA, LATER_SCHEMA), avro(AVRO_EVENT))
        self.port = _free_ports(len(NAMES))
        self.layer = folder / "layer"
        self.checkpoints = folder / "checkpoints"
        self.archive = folder / "archive"
        self.endpoints = folder / "webhooks.yaml"
        self.endpoint: Receiver | None = None
        """What takes the commands of the channel `letter`, once all is up."""
        self.topology = TOPOLOGY
        self.data = {name: folder / "data" / name for name in NAMES}
        """The folder of each process: each has a host of its own, so to say."""
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._mounted: list[Path] = []

    def port_of(self, name: str) -> int:
        """Return where a process serves its metrics."""
        return self.port + NAMES.index(name)

    def env(self, name: str = "") -> dict[str, str]:
        """Return the environment of a process, or of an operator."""
        every_s = f"{max(1.0, INTERVAL_S / self.faster):g}"
        return {
            **os.environ,
            "CJO_KAFKA__BOOTSTRAP_SERVERS": self.broker.bootstrap,
            "CJO_TENANT_KEY": TENANT_KEY,
            "CJO_PARTITIONS": str(PARTITIONS),
            "CJO_DATA_DIR": str(self.data.get(name, self.folder / "data" / "operator")),
            "CJO_CHECKPOINT_URL": str(self.checkpoints),
            "CJO_CHECKPOINT_INTERVAL_S": every_s,
            "CJO_LEARN_INTERVAL_S": every_s,
            "CJO_ARCHIVE": str(self.archive),
            "CJO_ARCHIVE_INTERVAL_S": every_s,
            "CJO_REGISTRY__URL": f"http://127.0.0.1:{self.registry.port}",
            "CJO_SLOT": name.partition("-")[2] or "0",
            **({"CJO_METRICS_PORT": str(self.port_of(name))} if name in self.data else {}),
        }

    def start(
        self,
        name: str,
        env: Mapping[str, str] = {},
        program: Sequence[str] = (),
        words: Sequence[str] = (),
    ) -> None:
        """Start a process; `program` in place of ours, `env` beside its own environment.

        `words`: its command and options, as somebody else gives them.
        """
        role = name.partition("-")[0]
        options = {"insight": ("sink", "--layer", self.layer), "webhook": (self.endpoints,)}
        words = words or (role, *map(str, options.get(role, ())))
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*(program or (sys.executable, "-m", "cjo_stream")), *words],
                env={**self.env(name), **env},
                stdout=log,
                stderr=log,
            )

    def mount(self, folder: Path, mib: int) -> None:
        """Put a small disk in place of a folder, until the end; what was in it is not there."""
        said = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)],
            capture_output=True,
            text=True,
        )
        if said.returncode != 0:
            raise AssertionError(f"NO DISK IS FILLED: none may be mounted here: {said.stderr}")
        self._mounted.append(folder)

    def kill(self, name: str) -> None:
        """Kill -9; it stays down."""
        self.signal(name, signal.SIGKILL)
        self.processes[name].wait()

    def end(self, name: str, within_s: float = 30) -> None:
        """End a process as its supervisor would, at last by force."""
        self.signal(name, signal.SIGCONT)
        self.signal(name, signal.SIGTERM)
        try:
            self.processes[name].wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill(name)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process, if it runs."""
        if self.runs(name):
            self.processes[name].send_signal(number)

    def runs(self, name: str) -> bool:
        """Return whether a process runs."""
        return self.processes[name].poll() is None

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one `cjo-stream` command of an operator to its end."""
        return subprocess.run(
            [sys.executable, "-m", "cjo_stream", *words],
            env={**self.env(), "COLUMNS": "120"},
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            cwd=self.folder,
        )

    def must(self, *words: str) -> str:
        """Run a command that has to succeed; return what it prints."""
        done = self.command(*words)
        if done.returncode != 0:
            raise AssertionError(f"cjo-stream {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def answer(self, name: str, path: str = "readyz") -> str | None:
        """Return what a process answers with 200; None where it does not."""
        try:
            url = f"http://127.0.0.1:{self.port_of(name)}/{path}"
            with urllib.request.urlopen(url, timeout=5) as got:
                return str(got.read().decode())
        except (urllib.error.URLError, OSError):
            return None

    def not_ready(self) -> list[str]:
        """Return the processes that take no work."""
        return [name for name in NAMES if self.answer(name) is None]

    def wait_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Return when all processes work."""
        wait(lambda: not self.not_ready(), within_s, lambda: f"not ready: {self.not_ready()}")

    def open(self) -> None:
        """Bring everything up, with the topology in force."""
        for folder in (self.checkpoints, self.archive, self.layer, *self.data.values()):
            folder.mkdir(parents=True, exist_ok=True)
        self.registry.up()
        self.endpoint = Receiver(self.folder / "endpoint", "ok", tls=False)
        self.endpoints.write_text(ENDPOINT.format(url=self.endpoint.url))
        (self.folder / "letter.secrets").write_text(SECRET)
        self.broker.start()
        self.must("topics", "create", str(self.topology))
        for name in NAMES:
            self.start(name)
        self.must("apply", str(self.topology), "--yes")
        self.wait_ready()

    def close(self) -> None:
        """End everything that this drill has started."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        self.broker.stop()
        self.registry.down()
        if self.endpoint is not None:
            self.endpoint.stop()
        for folder in self._mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


@contextlib.contextmanager
def opened(folder: Path, faster: float) -> Iterator[Installation]:
    """Run an installation during the `with` block."""
    here = Installation(folder, faster)
    try:
        here.open()
        yield here
    finally:
        here.close()


def wait(
    condition: Callable[[], object], within_s: float, why: Callable[[], str], every_s: float = 0.2
) -> float:
    """Return how long it took until the condition held; raises AssertionError with `why`."""
    began_s = time.monotonic()
    while not condition():
        if time.monotonic() - began_s > within_s:
            raise AssertionError(why())
        time.sleep(every_s)
    return time.monotonic() - began_s


def _free_ports(number: int) -> int:
    """Return the first of so many free ports in a row."""
    for first in range(PORTS.start + os.getpid() % 5_000, PORTS.stop, number):
        if all(_is_free(first + one) for one in range(number)):
            return first
    raise AssertionError(f"no {number} free ports in a row in {PORTS}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
