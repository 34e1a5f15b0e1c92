"""A real schema registry: Apicurio, from the archive that `deploy/registry` names."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

from cjo_stream.kafka.local.broker import free_port
from tests.docs.page import ROOT

SCRIPT: Final = ROOT / "deploy" / "registry" / "start.sh"
READY_WITHIN_S: Final = 300.0
"""The first start brings the archive; later ones take some 4 s."""
STOP_WITHIN_S: Final = 20.0


class Apicurio:
    """Starts and stops; started again, it has its schemas still."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._data = folder / "registry"
        self._log = folder / "registry.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/apis/ccompat/v7"

    def launch(self) -> None:
        """Start it, and do not wait. It ends with the thread that calls this."""
        setpriv = shutil.which("setpriv")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*([setpriv, "--pdeathsig", "KILL"] if setpriv else []), str(SCRIPT)],
                env={
                    **os.environ,
                    "CJO_LOCAL_REGISTRY_PORT": str(self.port),
                    "CJO_LOCAL_REGISTRY_DATA": str(self._data),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> None:
        """Return when it answers; raises RuntimeError where it does not."""
        self.launch()
        assert self._process is not None
        end_s = time.monotonic() + READY_WITHIN_S
        while True:
            with contextlib.suppress(OSError):
                self.ask("/subjects")
                return
            code = self._process.poll()
            if code is not None or time.monotonic() > end_s:
                self.kill()
                said = "; ".join(self._log.read_text(errors="replace").splitlines()[-3:])
                raise RuntimeError(f"no schema registry: {said}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it cleanly, so that its schemas are on the disk."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STOP_WITHIN_S)
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def register(self, subject: str, schema: str, kind: str = "AVRO", **more: Any) -> int:
        """Register a schema; return its id."""
        body = {"schema": schema, "schemaType": kind, **more}
        return int(self.ask(f"/subjects/{subject}/versions", body)["id"])

    def ask(self, path: str, body: Any = None, method: str | None = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.loads(answer.read())
