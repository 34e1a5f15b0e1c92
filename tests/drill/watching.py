"""Prometheus, Alertmanager, and a receiver that notes whom they would have woken."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple

from ruamel.yaml import YAML

from cjo_stream.kafka.local.broker import free_port
from cjo_stream.telemetry.monitoring import Plan
from cjo_stream.telemetry.monitoring.config import as_yaml, prometheus
from cjo_stream.telemetry.monitoring.rule import divided
from tests.drill.installation import Installation, wait

PROMETHEUS: Final = ("prometheus",)
ALERTMANAGER: Final = ("prometheus-alertmanager", "alertmanager")
FAKETIME: Final = ("faketime",)
WATCHDOG: Final = "CjoWatchdog"
UP_WITHIN_S: Final = 30.0
RESEND: Final = "1m"
"""How often Prometheus tells Alertmanager again of what fires, before it is divided."""


class Notice(NamedTuple):
    """One alert of one notification; `at_s` by the monotonic clock."""

    at_s: float
    receiver: str
    status: str
    alert: str
    labels: dict[str, str]


class Watching:
    """Watches an installation by the files that `cjo-stream monitoring` writes for it."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.installation = installation
        self.folder = folder
        self.notices: list[Notice] = []
        self.address = f"127.0.0.1:{free_port()}"
        self.alertmanager = f"127.0.0.1:{free_port()}"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _receiver(self.notices))

    @property
    def options(self) -> list[str]:
        """Return the options of `cjo-stream monitoring` for this installation."""
        return [
            *("--port", str(self.installation.port), "--workers", "2", "--insight", "--webhooks"),
            *("--faster", f"{self.installation.faster:g}"),
            *("--notify", f"http://127.0.0.1:{self._server.server_address[1]}"),
        ]

    def open(self) -> None:
        """Write the files, and start everything."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.installation.must("monitoring", str(self.folder), *self.options)
        self.mend_address()
        self._start_alertmanager()
        self.start_prometheus()

    def mend_address(self) -> None:
        """Write this Alertmanager's address, in place of its usual one."""
        text = self.configuration.read_text().replace("127.0.0.1:9093", self.alertmanager)
        self.configuration.write_text(text)

    def targets(self) -> dict[str, str]:
        """Return the address of each process that is asked, by its name."""
        (job,) = YAML(typ="safe").load(self.configuration)["scrape_configs"]
        return {one["labels"]["process"]: one["targets"][0] for one in job["static_configs"]}

    def discover(self, name: str) -> None:
        """Do what service discovery does when a process is there."""
        if name not in (there := self.targets()):
            self._ask_only({**there, name: f"127.0.0.1:{self.installation.port_of(name)}"})

    def forget(self, *names: str) -> None:
        """Do what service discovery does when processes are gone for good."""
        self._ask_only({n: at for n, at in self.targets().items() if n not in names})

    def _ask_only(self, targets: dict[str, str]) -> None:
        plan = Plan(targets, self.installation.faster)
        self.configuration.write_text(as_yaml(prometheus(plan)))
        self.mend_address()
        self.reload()

    @property
    def configuration(self) -> Path:
        """Return the configuration of Prometheus."""
        return self.folder / "prometheus" / "prometheus.yml"

    def reload(self) -> None:
        """Let Prometheus read its configuration anew."""
        self._processes["prometheus"].send_signal(signal.SIGHUP)

    def start_prometheus(self) -> None:
        """Start Prometheus, and return when it is ready."""
        self._run(
            "prometheus",
            [
                program(PROMETHEUS),
                f"--config.file={self.configuration}",
                f"--storage.tsdb.path={self.folder / 'tsdb'}",
                f"--web.listen-address={self.address}",
                f"--rules.alert.resend-delay={divided(RESEND, self.installation.faster)}",
            ],
        )
        wait(lambda: _ready(self.address), UP_WITHIN_S, lambda: self._told("prometheus"))

    def kill_prometheus(self) -> None:
        """Kill -9; it stays down."""
        self._processes["prometheus"].kill()
        self._processes["prometheus"].wait()

    def runs(self, name: str) -> bool:
        """Return whether `prometheus` or `alertmanager` runs."""
        return self._processes[name].poll() is None

    def close(self) -> None:
        """End everything."""
        for process in self._processes.values():
            process.kill()
            process.wait()
        self._server.shutdown()
        self._server.server_close()

    def firing(self) -> set[str]:
        """Return the alerts that fire in Prometheus, without the watchdog."""
        return {one["labels"]["alertname"] for one in self._firing()} - {WATCHDOG}

    def shown(self) -> list[dict[str, str]]:
        """Return the labels of the alerts whose condition holds, not of those that are kept."""
        return [one["labels"] for one in self._firing() if "keepFiringSince" not in one]

    def _firing(self) -> list[dict[str, Any]]:
        alerts = self._ask("/api/v1/alerts")["alerts"]
        return [one for one in alerts if one["state"] == "firing"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return what an expression gives now: series with labels and a value."""
        asked = urllib.parse.urlencode({"query": expr})
        return list(self._ask(f"/api/v1/query?{asked}")["result"])

    def query_range(
        self, expr: str, from_s: float, until_s: float, step_s: float
    ) -> list[dict[str, Any]]:
        """Return what an expression gave in a time: series with labels and values."""
        asked = urllib.parse.urlencode(
            {"query": expr, "start": from_s, "end": until_s, "step": step_s}
        )
        return list(self._ask(f"/api/v1/query_range?{asked}")["result"])

    def value(self, expr: str) -> float:
        """Return the one number that an expression gives; 0 where it gives nothing."""
        found = self.query(expr)
        return float(found[0]["value"][1]) if found else 0.0

    def since(self, began_s: float) -> list[Notice]:
        """Return what was told from a moment on."""
        return [one for one in list(self.notices) if one.at_s >= began_s]

    def told(self, alert: str, status: str, began_s: float) -> float | None:
        """Return when an alert was told first from a moment on."""
        came = (n.at_s for n in self.since(began_s) if (n.alert, n.status) == (alert, status))
        return min(came, default=None)

    def last(self, alert: str) -> str | None:
        """Return what was told of an alert last: firing, resolved, or nothing."""
        told = [one.status for one in list(self.notices) if one.alert == alert]
        return told[-1] if told and alert != WATCHDOG else None

    def _start_alertmanager(self) -> None:
        self._run(
            "alertmanager",
            [
                program(ALERTMANAGER),
                f"--config.file={self.folder / 'alertmanager' / 'alertmanager.yml'}",
                f"--storage.path={self.folder / 'alertmanager' / 'data'}",
                f"--web.listen-address={self.alertmanager}",
                "--cluster.listen-address=",
            ],
        )
        wait(lambda: _ready(self.alertmanager), UP_WITHIN_S, lambda: self._told("alertmanager"))

    def _run(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def _told(self, name: str) -> str:
        lines = (self.folder / f"{name}.log").read_text().splitlines()
        return f"{name} is not ready: {'; '.join(lines[-5:])}"

    def _ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as answer:
            return json.load(answer)["data"]


@contextlib.contextmanager
def watched(installation: Installation, folder: Path) -> Iterator[Watching]:
    """Watch an installation during the `with` block."""
    watching = Watching(installation, folder)
    try:
        watching.open()
        yield watching
    finally:
        watching.close()


def program(names: tuple[str, ...]) -> str:
    """Return where a program is; raises AssertionError where it is not."""
    found = next(filter(None, map(shutil.which, names)), None)
    assert found is not None, f"no {names[0]} here"
    return found


def missing() -> list[str]:
    """Return the programs of a drill that are not here."""
    wanted = (PROMETHEUS, ALERTMANAGER, FAKETIME)
    return [names[0] for names in wanted if not any(map(shutil.which, names))]


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _receiver(notices: list[Notice]) -> type[BaseHTTPRequestHandler]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            at_s, receiver = time.monotonic(), self.path.strip("/")
            notices.extend(
                Notice(at_s, receiver, one["status"], one["labels"]["alertname"], one["labels"])
                for one in body["alerts"]
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Receiver
