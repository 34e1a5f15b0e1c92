"""The processes of a run on several cores: none is left, and none is waited for in vain."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cjo_stream.definition import load
from cjo_stream.embedded.cores import wire
from cjo_stream.embedded.cores.crew import Processes
from cjo_stream.embedded.output import SPOOL
from cjo_stream.engine.cache import ACTORS_BYTES
from cjo_stream.errors import StopError
from tests.unit.embedded.cores.test_cores import carts
from tests.world import TOPOLOGY

WITHIN_S = 60.0


class Running:
    """A run on two cores that waits for the end of its input."""

    def __init__(self, out: Path) -> None:
        self.out = out
        command = [sys.executable, "-m", "cjo_stream", "run", str(TOPOLOGY), "-"]
        self.process = subprocess.Popen(
            [*command, "--channel", "web", "--out", str(out), "--cores", "2"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            # Tests in the background of a script ignore Ctrl-C, and their children would, too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        assert self.process.stdin is not None
        for record in carts(50):
            self.process.stdin.write(record.value + b"\n")
        self.process.stdin.flush()
        until(lambda: len(self.shares()) == 2, "two shares run")
        self.started = self.shares()

    def shares(self) -> list[int]:
        """Return the processes of its shares."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(child) for child in children.read_text().split() if is_share(int(child))]

    def end(self) -> tuple[int, str]:
        """Let its input end; return its exit code and what it said."""
        _, errors = self.process.communicate(timeout=WITHIN_S)
        return self.process.returncode, errors.decode()

    def check_none_is_left(self) -> None:
        until(lambda: not any(map(is_share, self.started)), "all shares have ended")


def is_share(process: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def until(holds: Callable[[], bool], what: str) -> None:
    by = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < by, what
        time.sleep(0.02)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    run = Running(tmp_path / "out")
    yield run
    run.process.kill()
    run.process.communicate()


@pytest.mark.slow
def test_a_run_ends_with_its_processes(running: Running) -> None:
    code, said = running.end()
    assert code == 0, said
    running.check_none_is_left()


def test_a_share_that_is_killed_ends_the_run_with_an_error(running: Running) -> None:
    os.kill(running.started[1], signal.SIGKILL)
    code, said = running.end()
    assert code == 1
    assert "one of the 2 processes of this run ended (SIGKILL)" in said
    assert "with --force" in said
    assert "Traceback" not in said
    running.check_none_is_left()


def test_no_share_ever_hears_ctrl_c(running: Running) -> None:
    for share in running.started:
        status = Path(f"/proc/{share}/status").read_text()
        blocked = next(line for line in status.splitlines() if line.startswith("SigBlk:"))
        assert int(blocked.split()[1], 16) & 1 << signal.SIGINT - 1


@pytest.mark.slow
def test_ctrl_c_ends_all(running: Running) -> None:
    os.killpg(running.process.pid, signal.SIGINT)
    code, said = running.end()
    assert code == 130, said
    assert "Traceback" not in said
    running.check_none_is_left()


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_no_share(running: Running) -> None:
    running.process.kill()
    running.check_none_is_left()


@pytest.mark.slow
def test_the_events_of_a_killed_run_lie_with_its_results_until_it_begins_anew(
    running: Running, tmp_path: Path
) -> None:
    until((running.out / SPOOL).exists, "the run reads")
    running.process.kill()
    running.process.communicate()
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"".join(record.value + b"\n" for record in carts(5)))
    given = ["--channel", "web", "--out", str(running.out), "--cores", "2", "--force"]
    command = [sys.executable, "-m", "cjo_stream", "run", str(TOPOLOGY), str(events), *given]
    subprocess.run(command, check=True, capture_output=True, timeout=WITHIN_S)
    assert SPOOL not in {file.name for file in running.out.iterdir()}


@pytest.mark.slow
def test_a_share_that_cannot_go_on_says_why() -> None:
    begin = wire.Begin(0, 1, load(TOPOLOGY).content, False, gc.get_threshold(), ACTORS_BYTES)
    with closing(Processes(lambda _: begin, 1)) as crew:
        crew.ask(begin)
        with pytest.raises(StopError, match="a share began twice"):
            crew.next(0, wire.Ready)
    with closing(Processes(lambda _: begin, 1)) as crew:
        crew.ask(wire.Tally())
        assert crew.next(0, wire.Counted).events == {}
