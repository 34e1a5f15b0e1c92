"""The short drill: two faults of a real installation, told by a real Alertmanager, and mended."""

import os
import subprocess
import sys

import pytest

from tests.drill.watching import missing
from tests.kafka.conftest import say_loudly

pytestmark = pytest.mark.kafka

FASTER = "12"
"""Slow enough for a machine with other work."""
WITHIN_S = 400
LOAD_MAX = 4.0
"""A core. Where more waits for it, a second is over before a command is sent."""


def test_two_faults_are_told_alone_and_mended_by_their_pages(
    bootstrap: str, pytestconfig: pytest.Config
) -> None:
    """`bootstrap`: where no broker can be started, this is skipped as all tests here."""
    if lacking := missing():
        say_loudly(pytestconfig, f"NO FIRE IS DRILLED: no {', '.join(lacking)} (make drill)")
        pytest.skip("no Prometheus")
    if (load := os.getloadavg()[0]) > LOAD_MAX * (os.cpu_count() or 1):
        say_loudly(
            pytestconfig, f"NO FIRE IS DRILLED: the machine has other work (load {load:.0f})"
        )
        pytest.skip("commands would be late without a fault")
    done = subprocess.run(
        [sys.executable, "-m", "tests.drill", "--faults", "2", "--faster", FASTER],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
