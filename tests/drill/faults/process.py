"""Processes that end, hang, refuse, come and go."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.drill.fault import Fault, Hand, Run
from tests.drill.installation import wait
from tests.drill.traffic import Mode

if TYPE_CHECKING:
    from tests.drill.drilling import Drill

START_S: Final = 6.0
"""What a process takes from its start to its first work, on a busy machine."""
CLOCK_ASKED_S: Final = 10.0
"""How often a process asks for the broker's time; it compares two answers."""
SESSION_S: Final = 10.0
"""CJO_SESSION_TIMEOUT_MS."""
NOBODY: Final = "127.0.0.1:9"
AHEAD: Final = "+90s"
OTHER_TZDATA: Final = "2019.3"
FAILS_EVERY_S: Final = 5.0


def killed(name: str, alert: str = "CjoTargetDown") -> Fault:
    """Return the fault that a process is killed and stays down."""
    role = name.partition("-")[0]
    options = {"insight": " sink --layer LAYER", "webhook": " ENDPOINTS.yaml"}
    line = f"cjo-stream {role}{options.get(role, '')}"

    def kill(drill: Drill) -> None:
        drill.installation.kill(name)

    return Fault(f"{role}-killed", alert, kill, (Run(line, name),), name, labels={"process": name})


def _wrong_key(drill: Drill) -> float:
    drill.installation.end("dispatch")
    drill.installation.start("dispatch", {"CJO_TENANT_KEY": "somebody-else's-key-0123456789"})
    return time.monotonic()


def _restarting(drill: Drill) -> None:
    """Kill a process whenever Prometheus has just seen it, as a host with too little memory."""

    def again(stop: threading.Event) -> None:
        while not stop.is_set():
            drill.installation.kill("intake")
            drill.installation.start("intake")
            wait(lambda: drill.installation.answer("intake", "metrics"), 60, lambda: "no start")
            stop.wait(1.5)

    drill.go_on(again)


def _memory(drill: Drill) -> None:
    drill.stop()


def stands_still(name: str, stopped_s: float, goes_s: float) -> Callable[[Drill], None]:
    """Return a cause: a host whose processor is elsewhere most of the time."""

    def cause(drill: Drill) -> None:
        def stall(stop: threading.Event) -> None:
            while not stop.is_set():
                drill.installation.signal(name, signal.SIGSTOP)
                stop.wait(stopped_s)
                drill.installation.signal(name, signal.SIGCONT)
                stop.wait(goes_s)

        drill.go_on(stall)

    return cause


def elsewhere(name: str) -> Callable[[Drill], None]:
    """Return what is done by hand: the process is ended, and started on another host."""

    def move(drill: Drill) -> None:
        drill.stop()
        drill.installation.end(name)
        drill.installation.start(name)

    return move


def _come_and_go(drill: Drill) -> None:
    """Start worker after worker, and kill each soon after it has got partitions."""

    def again(stop: threading.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name = f"worker-stranger{number}"
            drill.installation.start(name)
            stop.wait(5)
            drill.installation.kill(name)

    drill.go_on(again)


def _stay(drill: Drill) -> None:
    drill.stop()


def _wrong_address(drill: Drill) -> float:
    """Webhook: a worker's partitions would wait for its session's end, which no drill divides."""
    drill.installation.end("webhook")
    drill.installation.start("webhook", {"CJO_KAFKA__BOOTSTRAP_SERVERS": NOBODY})
    return time.monotonic()


def _gone(name: str) -> Callable[[Drill], None]:
    """Return a cause: a process is gone, and service discovery has forgotten it."""

    def cause(drill: Drill) -> None:
        drill.installation.kill(name)
        drill.watching.forget(name)

    return cause


def _ahead(drill: Drill) -> float:
    drill.installation.end("learn")
    library = _library_of_time()
    drill.installation.start(
        "learn",
        {"LD_PRELOAD": str(library), "FAKETIME": AHEAD, "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
    )
    return time.monotonic()


def _patient(drill: Drill) -> float:
    """Start a learner that puts in force what it learns much later than the drill waits."""
    drill.installation.end("learn")
    drill.installation.start("learn", {"CJO_LEARN_INTERVAL_S": "3600"})
    return time.monotonic()


def _library_of_time() -> Path:
    from tests.drill.watching import FAKETIME, program

    root = Path(program(FAKETIME)).parents[1]
    return next(iter(sorted(root.glob("lib/*/faketime/libfaketimeMT.so.1"))))


def _other_library(drill: Drill) -> float:
    """Let the learner find another tzdata, as after an upgrade of one host."""
    folder = drill.installation.folder / "site"
    info = folder / f"tzdata-{OTHER_TZDATA}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: tzdata\nVersion: {OTHER_TZDATA}\n"
    )
    drill.installation.end("learn")
    drill.installation.start("learn", {"PYTHONPATH": str(folder)})
    return time.monotonic()


def _defect(drill: Drill) -> float:
    """Let the workers have a handler that fails at one event, which comes again and again."""
    broken = (sys.executable, "-m", "tests.drill.broken")
    for name in ("worker-0", "worker-1"):
        drill.installation.end(name)
        drill.installation.start(name, {"PYTHONPATH": str(Path(__file__).parents[3])}, broken)
    drill.installation.wait_ready()
    drill.rest()
    began_s = time.monotonic()

    def again(stop: threading.Event) -> None:
        while not stop.is_set():
            drill.traffic.shop.send_native("u1", "poison")
            stop.wait(FAILS_EVERY_S)

    drill.go_on(again)
    return began_s


def _former(drill: Drill) -> None:
    """Start the former release; the event that the other one failed at still comes."""
    for name in ("worker-0", "worker-1"):
        drill.installation.end(name)
        drill.installation.start(name)


ENDED: Final = (
    killed("intake"),
    killed("learn", "CjoLearnOrInsightDown"),
    killed("worker-1"),
    Fault(
        "dispatch-gone",
        "CjoStageGone",
        _gone("dispatch"),
        (Run("cjo-stream dispatch", "dispatch"),),
        "dispatch",
        labels={"stage": "dispatch"},
    ),
    killed("dispatch"),
    killed("insight", "CjoLearnOrInsightDown"),
    Fault(
        "insight-gone",
        "CjoLearnOrInsightDown",
        _gone("insight"),
        (Run("cjo-stream insight sink --layer LAYER", "insight"),),
        "insight",
        labels={"process": "insight"},
    ),
    killed("webhook"),
    Fault(
        "wrong-address",
        "CjoNotReady",
        _wrong_address,
        (Hand("mend `CJO_KAFKA__BOOTSTRAP_SERVERS`", elsewhere("webhook")),),
        "webhook",
        own_s=START_S,
        labels={"process": "webhook"},
    ),
    Fault(
        "wrong-key",
        "CjoTargetDown",
        _wrong_key,
        (Run("cjo-stream dispatch", "dispatch"),),
        "dispatch",
        own_s=START_S,
        labels={"process": "dispatch"},
    ),
)
BUSY: Final = (
    # A start, a rebalance and what waited take as long at any speed, so commands would be late for
    # a share of the time that none of these faults makes them late in an hour: people only browse.
    Fault(
        "rebalance-storm",
        "CjoRebalancing",
        _come_and_go,
        (Hand("Mend the worker that comes and goes", _stay),),
        own_s=SESSION_S,
        mode=Mode.BROWSING,
    ),
    Fault(
        "restarts",
        "CjoRestarting",
        _restarting,
        (Hand("give the host more memory", _memory),),
        "intake",
        mode=Mode.BROWSING,
        labels={"process": "intake"},
    ),
    Fault(
        "dispatch-slow",
        "CjoActionsLate",
        stands_still("dispatch", 2.4, 0.15),
        (Hand("start its process on another host", elsewhere("dispatch")),),
        "dispatch",
    ),
)
WRONG: Final = (
    Fault(
        "clock-ahead",
        "CjoClockSkew",
        _ahead,
        (Hand("Let one time service (NTP) set both", elsewhere("learn")),),
        "learn",
        own_s=START_S + 2 * CLOCK_ASKED_S,
        labels={"process": "learn"},
    ),
    Fault(
        "other-tzdata",
        "CjoLibrariesDiffer",
        _other_library,
        (Hand("install the old versions again", elsewhere("learn")),),
        "learn",
        own_s=START_S,
        labels={"library": "tzdata"},
    ),
    Fault(
        "learner-silent",
        "CjoLearnerSilent",
        _patient,
        (Hand("first make it shorter", elsewhere("learn")),),
        "learn",
        own_s=START_S,
    ),
)
DEFECT: Final = (
    Fault(
        "handler-broken",
        "CjoHandlerFailed",
        _defect,
        (
            Run("cjo-stream apply --to 3 --yes", names=lambda _: {"3": "1"}),
            Hand("take the former release", _former),
        ),
    ),
)
