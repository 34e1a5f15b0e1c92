import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cjo_stream.kafka.up import children

SUPERVISOR = """
import json, logging, sys
from pathlib import Path
from cjo_stream.kafka import up
logging.basicConfig(level="INFO", stream=sys.stderr)
folder = Path(sys.argv[1])
wanted = [up.Child(n, (sys.executable, str(folder / (n + ".py"))), {"NAME": n}, s)
          for s, n in enumerate(sys.argv[2:])]
def state(pids):
    (folder / "pids.new").write_text(json.dumps(pids))
    (folder / "pids.new").rename(folder / "pids")
sys.exit(up.supervise(wanted, state))
"""
STEADY = """
import os, signal, sys
def stop(*_):
    open(sys.argv[0] + ".ended", "a").write(os.environ["NAME"] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
open(sys.argv[0] + ".up", "a").write("x")
while True:
    signal.pause()
"""
SECONDS = 20.0


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


class Supervisor:
    def __init__(self, folder: Path, **programs: str) -> None:
        self.folder = folder
        for name, text in programs.items():
            (folder / f"{name}.py").write_text(text)
        self.process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, folder, *programs])

    def pids(self) -> dict[str, int]:
        path = self.folder / "pids"
        return json.loads(path.read_text()) if path.exists() else {}

    def runs(self, name: str) -> int:
        path = self.folder / f"{name}.py.up"
        return len(path.read_text()) if path.exists() else 0


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Supervisor]]:
    started: list[Supervisor] = []

    def start(**programs: str) -> Supervisor:
        started.append(Supervisor(tmp_path, **programs))
        return started[-1]

    yield start
    for supervisor in started:
        supervisor.process.kill()
        supervisor.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_ends_all_in_order(
    start: Callable[..., Supervisor], number: signal.Signals, tmp_path: Path
) -> None:
    supervisor = start(first=STEADY, second=STEADY)
    until(lambda: supervisor.runs("first") == supervisor.runs("second") == 1)
    supervisor.process.send_signal(number)
    assert supervisor.process.wait(SECONDS) == 0
    ended = [tmp_path / f"{name}.py.ended" for name in ("first", "second")]
    assert ended[0].stat().st_mtime_ns <= ended[1].stat().st_mtime_ns
    assert not any(alive(pid) for pid in supervisor.pids().values())


def test_a_child_that_dies_is_started_again(start: Callable[..., Supervisor]) -> None:
    supervisor = start(first=STEADY, second=STEADY)
    until(lambda: supervisor.runs("first") == supervisor.runs("second") == 1)
    before = supervisor.pids()
    for runs in (2, 3):
        os.kill(supervisor.pids()["first"], signal.SIGKILL)
        until(lambda runs=runs: supervisor.runs("first") == runs)
    assert supervisor.pids()["second"] == before["second"]


def test_a_child_that_keeps_dying_is_started_ever_more_slowly(
    start: Callable[..., Supervisor], tmp_path: Path
) -> None:
    note = "open(sys.argv[0] + '.at', 'a').write(f'{time.time()}\\n')"
    start(first=f"import sys, time\n{note}\nsys.exit(1)")
    times = tmp_path / "first.py.at"
    until(lambda: times.exists() and len(times.read_text().split()) >= 4)
    at = [float(text) for text in times.read_text().split()]
    assert at[2] - at[1] >= 0.5
    assert at[3] - at[2] >= 1.0


def test_a_child_that_is_called_wrongly_ends_all(start: Callable[..., Supervisor]) -> None:
    supervisor = start(first=STEADY, second="import sys; sys.exit(2)")
    assert supervisor.process.wait(SECONDS) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_killing_the_supervisor_leaves_no_orphan(start: Callable[..., Supervisor]) -> None:
    supervisor = start(first=STEADY, second=STEADY)
    until(lambda: supervisor.runs("first") == supervisor.runs("second") == 1)
    pids = supervisor.pids()
    supervisor.process.kill()
    supervisor.process.wait()
    until(lambda: not any(alive(pid) for pid in pids.values()))


def test_each_process_has_its_own_slot_and_port() -> None:
    planned = children(("cjo-stream", "--config", "x.toml"), 2, "host", 9100)
    assert [child.name for child in planned] == [
        "intake",
        "worker-0",
        "worker-1",
        "dispatch",
        "learn",
    ]
    assert planned[1].arguments == ("cjo-stream", "--config", "x.toml", "worker")
    assert [child.environment.get("CJO_SLOT") for child in planned] == [
        None,
        "host-0",
        "host-1",
        None,
        None,
    ]
    assert len({child.environment["CJO_METRICS_PORT"] for child in planned}) == 5
    assert [child.stage for child in planned] == [0, 1, 1, 2, 3]
