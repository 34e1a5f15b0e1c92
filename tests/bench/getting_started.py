"""How long a newcomer's first path takes: what docs/getting-started.md says, from `git clone` on.

Its commands for Kafka are given one after another in a clean clone of this one, with Prometheus at
the end if it is at hand: until the query of a dashboard has a value. Prints a line of JSON: the
seconds of each step. The ports 9090, 9092 and 9464 to 9467 must be free.

    python -m tests.bench.getting_started
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.embedded import ROOT
from tests.docs import example
from tests.docs.page import blocks

WITHIN_S = 600.0
SHOWN = "sum(cjo_events_total)"
_OF_TESTS = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV")


class Newcomer:
    """Somebody with a clone, who follows the page; `took_s` has what each step took."""

    def __init__(self, place: Path) -> None:
        self.clone, self.folder = place / "clone", place / "own"
        self.folder.mkdir()
        self.took_s: dict[str, float] = {}
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in _OF_TESTS},
            "PATH": f"{self.clone}/.venv/bin:{os.environ['PATH']}",
            "CJO_TENANT_KEY": secrets.token_hex(32),
            "CJO_METRICS_PORT": "9464",
        }

    def do(self, step: str, *command: str, at: Path | None = None) -> str:
        """Give a command to its end; return what it prints."""
        began_s = time.monotonic()
        done = subprocess.run(
            command,
            cwd=at or self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        self._note(step, began_s)
        return done.stdout

    @contextmanager
    def running(
        self, step: str, *command: str, at: Path | None = None, until: Callable[[], bool]
    ) -> Iterator[None]:
        """Leave a command running during the `with` block, which begins once `until` holds."""
        began_s = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=at or self.folder,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while not until():
                assert process.poll() is None, f"{command} ended with {process.returncode}"
                assert time.monotonic() - began_s < WITHIN_S, f"{command} is not ready"
                time.sleep(0.1)
            self._note(step, began_s)
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(WITHIN_S)

    def _note(self, step: str, began_s: float) -> None:
        self.took_s[step] = round(self.took_s.get(step, 0.0) + time.monotonic() - began_s, 1)


def follow(newcomer: Newcomer) -> None:
    """Follow the page from its first command to a dashboard."""
    clone = newcomer.clone
    newcomer.do("git clone", "git", "clone", "-q", str(ROOT), str(clone), at=ROOT)
    newcomer.do("make install", "make", "install", at=clone)
    newcomer.do("make demo", "make", "demo", at=clone)
    page = (clone / "docs" / "getting-started.md").read_text()
    example.write_files(page, newcomer.folder)
    newcomer.do("run", "cjo-stream", "run", "cafe", "events.jsonl", "--out", "first")
    with newcomer.running("make kafka", "make", "kafka", at=clone, until=lambda: answers(9092)):
        newcomer.do("topics create", "cjo-stream", "topics", "create", "cafe")
        up = ("cjo-stream", "up", "--workers", "1")
        with newcomer.running("up", *up, until=lambda: answers(9464)):
            newcomer.do("apply", "cjo-stream", "apply", "cafe", "--yes")
            for block in blocks(page):
                if block.mark == "kafka" and block.kind == "python":
                    newcomer.do("events to command", "python", "-c", block.text)
            told = newcomer.do("monitoring", "cjo-stream", "monitoring", "watch", "--workers", "1")
            following = [line.removeprefix("next: ").split() for line in told.splitlines()]
            prometheus = next(words for words in following if words[:1] == ["prometheus"])
            if shutil.which("prometheus") is not None:
                with newcomer.running("Prometheus", *prometheus, until=is_shown):
                    pass


def answers(port: int) -> bool:
    """Return whether something listens on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def is_shown() -> bool:
    """Return whether Prometheus has a value for what the first chart of a dashboard asks."""
    query = urllib.parse.urlencode({"query": SHOWN})
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:9090/api/v1/query?{query}", timeout=2
        ) as at:
            return bool(json.load(at)["data"]["result"])
    except OSError:
        return False


def main() -> int:
    """Follow the page, and print what each step took."""
    with tempfile.TemporaryDirectory() as place:
        newcomer = Newcomer(Path(place))
        follow(newcomer)
    whole_s = round(sum(newcomer.took_s.values()), 1)
    print(json.dumps({**newcomer.took_s, "all of it": whole_s}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
