"""The short drill: two faults of a real installation, told by a real Alertmanager, and mended."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest

from tests.drill.watching import missing
from tests.kafka.conftest import say_loudly
from tests.world.metronome import WINDOW, Metronome, worst

pytestmark = pytest.mark.kafka

WITHIN_S = 500
ENDS_WITHIN_S = 60
"""In which a drill that is broken off ends its broker and all of its processes."""
SLOWDOWN_MAX = 4.0
"""Where a process has less than a fourth of a core, a second is over before a command is sent."""
OF_TIME = ("not told", "told too late", "not resolved", "not at rest", "other pages")
"""Misses that such a machine explains. All others are failures there, too."""


def test_two_faults_are_told_alone_and_mended_by_their_pages(
    bootstrap: str, pytestconfig: pytest.Config
) -> None:
    """`bootstrap`: where no broker can be started, this is skipped as all tests here."""
    if lacking := missing():
        _skip(pytestconfig, f"no {', '.join(lacking)} (make drill)")
    if (load := os.getloadavg()[0]) > SLOWDOWN_MAX * (os.cpu_count() or 1):
        _skip(pytestconfig, f"the machine has other work (load {load:.0f})")
    with Metronome() as metronome:
        code, said = _drilled()
    print(said)
    if code != 0 and (excuse := excuse_of(metronome.slowdowns, said)):
        _skip(pytestconfig, excuse)
    assert code == 0


def _drilled() -> tuple[int, str]:
    """Return the exit code and the output of a short drill; one that takes too long is ended."""
    command = [sys.executable, "-m", "tests.drill", "--faults", "2"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as drill:
        try:
            said, _ = drill.communicate(timeout=WITHIN_S)
        except subprocess.TimeoutExpired:
            drill.send_signal(signal.SIGINT)
            try:
                said, _ = drill.communicate(timeout=ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                drill.kill()
                said, _ = drill.communicate()
        return drill.returncode, said


def excuse_of(slowdowns: Sequence[float], said: str) -> str:
    """Return why a drill that failed proves nothing; empty if it had the machine's time.

    What counts is what it had while it ran: work that comes afterwards is no excuse. Nor is there
    one for what no machine explains, as a command of a runbook that fails.
    """
    slowdown = worst(slowdowns)
    missed = re.findall(r"^(?:MISS: [^:]+|NO DATA): (.+)$", said, re.M)
    if slowdown <= SLOWDOWN_MAX or not missed or not all(m.startswith(OF_TIME) for m in missed):
        return ""
    return (
        f"it failed ({'; '.join(missed)}), and for ten seconds of it work took {slowdown:.1f} "
        "times as long as alone"
    )


MISS = "MISS: broker-down: told too late\n"


def test_a_drill_that_had_the_machine_s_time_has_no_excuse() -> None:
    calm, busy = [1.1] * 200, [SLOWDOWN_MAX + 2] * WINDOW
    assert excuse_of([], MISS) == excuse_of(calm, MISS) == ""
    short = [*calm, *busy[: WINDOW // 4], *calm]
    assert excuse_of(short, MISS) == "", "a moment makes nobody late"
    excuse = excuse_of([*calm, *busy, *calm], MISS)
    assert "6.0 times as long" in excuse
    assert "told too late" in excuse


@pytest.mark.parametrize(
    "said",
    [
        "Traceback (most recent call last):\n",
        "MISS: poison: ended by itself\n",
        f"{MISS}MISS: poison: cjo-stream status: exit code 2: error\n",
        f"{MISS}NO DATA: health, Lag: cjo_lag_records\n",
    ],
)
def test_what_no_machine_explains_is_a_failure_on_a_busy_one_too(said: str) -> None:
    assert excuse_of([SLOWDOWN_MAX + 2] * WINDOW, said) == ""


def test_a_metronome_measures_what_a_process_is_given() -> None:
    with Metronome() as metronome:
        until_s = time.monotonic() + 30
        while len(metronome.slowdowns) < 2 and time.monotonic() < until_s:
            time.sleep(0.1)
    assert all(one >= 0.9 for one in metronome.slowdowns)
    assert len(metronome.slowdowns) >= 2


def _skip(config: pytest.Config, why: str) -> None:
    say_loudly(config, f"NO FIRE IS DRILLED: {why}")
    pytest.skip(why)
