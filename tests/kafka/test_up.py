import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cjo_stream.kafka.process import slot
from cjo_stream.kafka.process.ending import AWAY, REFUSED, USAGE
from cjo_stream.kafka.process.up import (
    AWAY_PAUSE_MAX_S,
    PAUSE_MAX_S,
    REFUSALS_MAX,
    REFUSED_PAUSE_S,
    STEADY_S,
    Restarts,
    children,
)

SUPERVISOR = """
import json, logging, sys, time
from pathlib import Path
from cjo_stream.kafka.process import up
logging.basicConfig(level="INFO", stream=sys.stderr)
folder = Path(sys.argv[1])
wanted = [up.Child(n, (sys.executable, str(folder / (n + ".py"))), {"NAME": n}, s)
          for s, n in enumerate(sys.argv[2:])]
def state(pids):
    (folder / "pids.new").write_text(json.dumps(pids))
    (folder / "pids.new").rename(folder / "pids")
say = lambda name, line: print(f"{name} | {line}", file=sys.stderr, flush=True)
def until_away():
    while not (folder / "away").exists():
        time.sleep(0.05)
sys.exit(up.supervise(wanted, say, state, until_away))
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
WAITING = """
import os, signal, sys, time
from pathlib import Path
def stop(*_):
    while not Path(sys.argv[0]).with_name("second.py.ended").exists():
        time.sleep(0.02)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
open(sys.argv[0] + ".up", "a").write("x")
while True:
    signal.pause()
"""
"""Ends once the child behind it has ended."""
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
        self.said = folder / "said"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SUPERVISOR, folder, *programs], stderr=said
            )

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


def test_one_signal_ends_all_at_once_where_the_broker_is_away(
    start: Callable[..., Supervisor], tmp_path: Path
) -> None:
    supervisor = start(first=WAITING, second=STEADY)
    until(lambda: supervisor.runs("first") == supervisor.runs("second") == 1)
    (tmp_path / "away").touch()
    supervisor.process.send_signal(signal.SIGINT)
    assert supervisor.process.wait(SECONDS) == 0
    assert "killed" not in supervisor.said.read_text()
    assert not any(alive(pid) for pid in supervisor.pids().values())


def test_a_child_that_dies_is_started_again(start: Callable[..., Supervisor]) -> None:
    supervisor = start(first=STEADY, second=STEADY)
    until(lambda: supervisor.runs("first") == supervisor.runs("second") == 1)
    before = supervisor.pids()
    for runs in (2, 3):
        os.kill(supervisor.pids()["first"], signal.SIGKILL)
        until(lambda runs=runs: supervisor.runs("first") == runs)
    assert supervisor.pids()["second"] == before["second"]


def test_a_child_that_keeps_dying_is_started_ever_more_slowly_and_anew_once_it_was_steady() -> (
    None
):
    restarts = Restarts()
    pauses = [restarts.after(1, 1.0) for _ in range(9)]
    assert pauses == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, PAUSE_MAX_S, PAUSE_MAX_S]
    assert restarts.after(1, STEADY_S) == 0.0


def test_a_child_whose_broker_is_away_is_never_kept_waiting() -> None:
    restarts = Restarts()
    for _ in range(9):
        restarts.after(1, 1.0)
    assert max(restarts.after(AWAY, 1.0) or 0.0 for _ in range(9)) == AWAY_PAUSE_MAX_S


def test_a_refusal_is_believed_when_it_comes_twice_and_a_wrong_call_at_once() -> None:
    assert Restarts().after(USAGE, 1.0) is None
    restarts = Restarts()
    for _ in range(3):
        for _ in range(REFUSALS_MAX - 1):
            pause_s = restarts.after(REFUSED, 1.0)
            assert pause_s is not None
            assert pause_s >= REFUSED_PAUSE_S
        assert restarts.after(1, 1.0) is not None
    assert [restarts.after(REFUSED, 1.0) is None for _ in range(REFUSALS_MAX)] == [False, True]


def test_a_child_that_is_called_wrongly_ends_all_and_its_word_is_the_last(
    start: Callable[..., Supervisor],
) -> None:
    wrong = "import sys; print('error: set it to something else'); sys.exit(2)"
    supervisor = start(first=STEADY, second=wrong)
    assert supervisor.process.wait(SECONDS) == 2
    last = supervisor.said.read_text().splitlines()[-1]
    assert last.endswith(
        "second cannot work, and all are ended. It said: error: set it to something else"
    )


def test_a_child_that_is_refused_ends_all(
    start: Callable[..., Supervisor], tmp_path: Path
) -> None:
    note = "open(sys.argv[0] + '.up', 'a').write('x')"
    supervisor = start(first=STEADY, second=f"import sys; {note}; sys.exit({REFUSED})")
    assert supervisor.process.wait(SECONDS) == REFUSED
    assert supervisor.runs("second") == REFUSALS_MAX
    assert (tmp_path / "first.py.ended").exists()


def test_every_line_bears_the_name_of_who_says_it(start: Callable[..., Supervisor]) -> None:
    speak = "import sys; print('one\\ntwo', flush=True); print('three', end='', file=sys.stderr)"
    supervisor = start(first=STEADY, second=f"{speak}; sys.stderr.flush(); sys.exit(2)")
    assert supervisor.process.wait(SECONDS) == 2
    said = supervisor.said.read_text()
    assert [line for line in said.splitlines() if line.startswith("second |")] == [
        "second | one",
        "second | two",
        "second | three",
    ]


def test_a_child_that_says_much_is_not_held_up(start: Callable[..., Supervisor]) -> None:
    speak = "import sys\nfor n in range(20_000): print('a line of some length', n)\nsys.exit(2)"
    supervisor = start(first=speak)
    assert supervisor.process.wait(SECONDS) == 2
    assert supervisor.said.read_text().count("first | a line of some length") == 20_000


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
    with_sink = children(("cjo-stream",), 1, "host", 9100, layer="s3://b/layer")
    assert with_sink[-1].arguments == ("cjo-stream", "insight", "sink", "--layer", "s3://b/layer")
    assert (with_sink[-1].environment["CJO_METRICS_PORT"], with_sink[-1].stage) == ("9104", 4)
    endpoints = Path("w.yaml")
    with_webhooks = children(("cjo-stream",), 1, "host", 9100, webhooks=endpoints)
    assert with_webhooks[-1].arguments == ("cjo-stream", "webhook", "w.yaml")
    assert with_webhooks[-1].stage == 4


# --- the commands, without a broker --------------------------------------------------------------

NO_BROKER = "127.0.0.1:1"
STAGES = ("intake", "worker", "dispatch", "learn")
WITHIN_S = 120.0
ENDS_WITHIN_S = 10.0
"""Twice what is promised: the machine may be busy."""


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return what starts a command of an installation whose broker does not answer."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, **variables: str) -> subprocess.Popen[str]:
        environment = {
            "CJO_KAFKA__BOOTSTRAP_SERVERS": NO_BROKER,
            "CJO_TENANT_KEY": "a-key-only-the-tests-have-0123456789",
            "CJO_DATA_DIR": str(tmp_path),
            "CJO_LOG_FORMAT": "text",
            **variables,
        }
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "cjo_stream", name],
                env={**os.environ, **environment},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_host_that_nobody_knows_is_told_and_not_waited_for(
    command: Callable[..., subprocess.Popen[str]],
) -> None:
    unknown = {"CJO_KAFKA__BOOTSTRAP_SERVERS": "no-such-host.invalid:9092"}
    for process in [command(stage, **unknown) for stage in ("up", "intake")]:
        _, said = process.communicate(timeout=WITHIN_S)
        assert process.returncode == 2
        assert "the host no-such-host.invalid is not known" in said
        assert "CJO_KAFKA__BOOTSTRAP_SERVERS" in said


@pytest.mark.slow
def test_a_second_process_of_a_slot_says_who_has_it(
    command: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    with contextlib.ExitStack() as holding:
        for stage in (*STAGES, "up"):
            holding.enter_context(slot.held(tmp_path / stage / "0"))
        for process in [command(stage) for stage in (*STAGES, "up")]:
            _, said = process.communicate(timeout=WITHIN_S)
            assert process.returncode == 1
            assert f"held by process {os.getpid()}: end it, or give this one a slot" in said


@pytest.mark.slow
def test_a_broker_that_is_not_up_yet_is_waited_for_and_the_endpoints_say_so(
    command: Callable[..., subprocess.Popen[str]],
) -> None:
    processes = {stage: command(stage, CJO_METRICS_PORT="0") for stage in STAGES}
    for stage, process in processes.items():
        assert process.stderr is not None
        told = next(line for line in process.stderr if "metrics at http" in line)
        port = told.split("/metrics")[0].rsplit(":", 1)[1]
        until(lambda port=port: answer(port, "readyz")[0] == 503)
        assert "waiting for the broker" in answer(port, "readyz")[1], stage
        assert answer(port, "healthz")[0] == 200, stage
    for process in processes.values():
        process.terminate()
    for process in processes.values():
        process.communicate(timeout=WITHIN_S)
        assert process.returncode in (0, -signal.SIGTERM)


@pytest.mark.slow
def test_without_a_broker_one_signal_ends_all_soon(
    command: Callable[..., subprocess.Popen[str]],
) -> None:
    process = command("up")
    assert process.stderr is not None
    waiting = set[str]()
    while waiting != {"intake", "worker-0", "dispatch", "learn"}:
        line = process.stderr.readline()
        if "at the start: the broker does not answer" in line:
            waiting.add(line.split()[0].strip("[]:|"))
    began_s = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WITHIN_S)
    assert process.returncode == 0
    assert time.monotonic() - began_s < ENDS_WITHIN_S


def answer(port: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
