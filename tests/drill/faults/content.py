"""What comes in: poison, too much of one thing, definitions that do harm."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from typing import TYPE_CHECKING, Final

from tests.drill.fault import Fault, Hand, Run
from tests.drill.faults.process import stands_still
from tests.drill.installation import wait
from tests.drill.traffic import Mode, native, receipt

if TYPE_CHECKING:
    from tests.drill.drilling import Drill

POISON_EVERY_S: Final = 0.04
BEFORE: Final = "time: row.ts\n"
AFTER: Final = "time: coalesce(row.ts, row.sold_at)\n"
JOURNEY: Final = "journey: cart\nversion: 1\n"
CANARY: Final = (
    "journey: cart\nversion: 2\n"
    "canary: {share: 50%, guards: [{metric: goal_rate, worse_than: 10%}], "
    "then: promote, for: 7d}\n"
)
GOAL: Final = "when: event.cart == key, within: 60s"
HARDER: Final = "when: event.cart == key and event.total > 99, within: 60s"
LAG: Final = 'sum(cjo:lag_records:sum{stage="intake"})'
INTAKE_STANDS_S: Final = (0.12, 0.005)
"""For how long it stands still, and for how long it goes on then."""
PRODUCER: Final = "the producer of batches"
BATCH: Final = 5_000
BATCH_RATE: Final = 6_000
"""Events a second, after the first batch."""
WAVE_S: Final = 0.1
HOT_BYTES: Final = 1_500
HOT_WAVE: Final = 50_000
HOT_LEAST: Final = 25_000
"""Where fewer records wait, the robot sends the next wave: so its records always wait, and are not
ever more for long, which is CjoLagGrowing."""
LOOKS_EVERY_S: Final = 3.0
"""How often it looks: what it has sent shows in Prometheus by then."""
ROBOT: Final = "robot"
BLOCKED: Final = "blocked: [guest]"
REFUSED: Final = 'sum(cjo_identifiers_ignored_total{reason="blocked"})'
REFUSED_WITHIN_S: Final = 30.0
GUARD_S: Final = 240.0
EXPIRES: Final = "expires: 20s\n"
HELD_S: Final = 26.0
"""Some seconds longer than commands are worth sending. With the two commands around it, it is less
than the window of the alert, 45 s in a drill, which so goes on until older commands are sent."""


def _poison(drill: Drill) -> None:
    """Let the tills call the time otherwise: their receipts have none any more."""

    def sell(stop: threading.Event) -> None:
        number = 0
        while not stop.wait(POISON_EVERY_S):
            number += 1
            bill = receipt(f"u{number % 50}", number)
            bill["receipt"], bill["sold_at"] = f"n{number}", bill.pop("ts")
            drill.traffic.send("store", json.dumps(bill).encode())

    drill.go_on(sell)


def _map_mended(drill: Drill) -> None:
    """Write what the tills mean now into the channel's map."""
    _changed(drill, "mapped", (BEFORE, AFTER))


def _sample(drill: Drill) -> dict[str, str]:
    """Return the name of a file with a record as it comes now."""
    bill = receipt("u1", 1)
    bill["sold_at"] = bill.pop("ts")
    file = drill.installation.folder / "receipts.jsonl"
    file.write_text(json.dumps({**bill, "channel": "store"}) + "\n")
    return {"EVENTS.jsonl": str(file)}


def _yes(_: Drill) -> tuple[str, ...]:
    return ("--yes",)


def _unmapped(_: Drill) -> dict[str, str]:
    return {"malformed": "unmapped"}


def _changed(drill: Drill, name: str, *changes: tuple[str, str]) -> None:
    """Change the topology that an operator has at hand."""
    mended = drill.installation.folder / name
    shutil.copytree(drill.installation.topology, mended, dirs_exist_ok=True)
    file = mended / "topology.yaml"
    text = file.read_text()
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    file.write_text(text)
    drill.installation.topology = mended


def _busy(drill: Drill) -> None:
    """Let intake's host have other work most of the time, to the end of the fault.

    Intake takes far more than a drill can send for long. It still answers whoever asks for its
    metrics.
    """
    stands_still("intake", *INTAKE_STANDS_S)(drill)


def _view(user: str) -> bytes:
    event = native(user, "product_viewed", product="p1")
    return json.dumps({"id": f"flood{time.monotonic()}", **event}).encode()


def _batch(drill: Drill) -> None:
    """Let a producer of batches send more than intake takes."""
    _busy(drill)
    event = _view("u1")

    def flood(stop: threading.Event) -> None:
        number = BATCH
        while not stop.is_set():
            for _ in range(number):
                drill.traffic.send("web", event)
            stop.wait(WAVE_S)
            number = int(BATCH_RATE * WAVE_S)

    drill.go_on(flood, PRODUCER)


def _slower(drill: Drill) -> None:
    drill.stop(PRODUCER)


def _hot(drill: Drill) -> None:
    """Let a robot view the shop as one customer: one partition has all of that to read.

    Its records are long, or so many would be fetched ahead that the other partition waits, too.
    """
    _busy(drill)
    event = _view(ROBOT).ljust(HOT_BYTES)

    def wave(stop: threading.Event) -> None:
        while not stop.is_set():
            if drill.watching.value(LAG) < HOT_LEAST:
                for _ in range(HOT_WAVE):
                    drill.traffic.send("web", event, ROBOT)
            stop.wait(LOOKS_EVERY_S)

    drill.go_on(wave, ROBOT)


def _blocked(drill: Drill) -> None:
    _changed(drill, "blocked", (BLOCKED, f"blocked: [guest, {ROBOT}]"))


def _traced(drill: Drill) -> None:
    """Stop the robot, and wait until what it has sent is read."""
    drill.stop(ROBOT)
    wait(lambda: drill.watching.value(LAG) < 1_000, GUARD_S, lambda: "it is not read")


def _robot_comes_back(drill: Drill) -> None:
    """Send as the robot until it is refused."""
    refused = drill.watching.value(REFUSED)

    def is_refused() -> bool:
        drill.traffic.send("web", _view(ROBOT), ROBOT)
        return drill.watching.value(REFUSED) > refused

    wait(is_refused, REFUSED_WITHIN_S, lambda: f"the {ROBOT} is still let in", 1.0)


def _canary(drill: Drill) -> float:
    """Apply a version whose goal is hardly ever reached, and wait for its guard."""
    _changed(drill, "canary", (JOURNEY, CANARY), (GOAL, HARDER))
    drill.installation.must("apply", str(drill.installation.topology), "--yes")
    wait(lambda: "back" in _verdicts(drill), GUARD_S, lambda: "the guard does not trip", 0.1)
    return time.monotonic()


def _verdicts(drill: Drill) -> set[str]:
    """Return the verdicts on the canary that workers show."""
    said = "".join(drill.installation.answer(n, "metrics") or "" for n in ("worker-0", "worker-1"))
    return set(re.findall(r'cjo_canary\{.*verdict="(\w+)".*\} 1', said))


def _without_canary(drill: Drill) -> None:
    without = CANARY.replace("version: 2\ncanary", "version: 3\n# was")
    _changed(drill, "without", (CANARY, without), (HARDER, GOAL))


def _expiring(drill: Drill) -> float:
    """Hold a channel's commands for longer than they are worth sending, again and again."""
    began_s = _held(drill, threading.Event())

    def again(stop: threading.Event) -> None:
        while not stop.is_set():
            _held(drill, stop)

    drill.go_on(again)
    return began_s


def _held(drill: Drill, stop: threading.Event) -> float:
    """Hold the channel for a while, or until `stop`; return when it was to be released."""
    drill.installation.must("hold", "--channel", "email", "--why", "a drill")
    stop.wait(HELD_S)
    began_s = time.monotonic()
    drill.installation.must("release", "--channel", "email")
    return began_s


def _older(drill: Drill) -> None:
    _changed(drill, "older", (EXPIRES, "expires: 1h\n"))


TOO_MUCH: Final = (
    Fault(
        "flood",
        "CjoLagGrowing",
        _batch,
        (Hand("Let a producer of batches send more slowly", _slower),),
        "intake",
        mode=Mode.BROWSING,
        labels={"stage": "intake"},
    ),
    Fault(
        "hot-partition",
        "CjoPartitionHot",
        _hot,
        (
            Hand("stop what sends it", _traced),
            Hand("block its value in the topology", _blocked),
            Run("cjo-stream validate TOPOLOGY"),
            Run('cjo-stream apply TOPOLOGY --why "a shared terminal"', more=_yes),
        ),
        mode=Mode.BROWSING,
        proof=_robot_comes_back,
        labels={"stage": "intake"},
    ),
)
FAULTS: Final = (
    Fault(
        "poison",
        "CjoDeadLetters",
        _poison,
        (
            Hand("change the channel's `map`", _map_mended),
            Run("cjo-stream validate TOPOLOGY --events EVENTS.jsonl", names=_sample),
            Run("cjo-stream apply TOPOLOGY", more=_yes),
            Run("cjo-stream dead-letters redrive --reason malformed --dry-run", names=_unmapped),
            Run("cjo-stream dead-letters redrive --reason malformed --yes", names=_unmapped),
        ),
        "intake",
    ),
    Fault(
        "commands-expired",
        "CjoCommandsExpired",
        _expiring,
        (
            Hand("raise `expires` of these actions", _older),
            Run('cjo-stream apply TOPOLOGY --why "commands may be older"', more=_yes),
        ),
        "dispatch",
    ),
    Fault(
        "canary-worse",
        "CjoCanaryBack",
        _canary,
        (
            Hand("apply a set with a better version, or without the canary", _without_canary),
            Run("cjo-stream plan TOPOLOGY"),
            Run('cjo-stream apply TOPOLOGY --why "the guard took version 2 back"', more=_yes),
        ),
        labels={"journey": "cart", "version": "2"},
    ),
)
