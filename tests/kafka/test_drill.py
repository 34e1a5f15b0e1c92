"""The short drill: two faults of a real installation, told by a real Alertmanager, and mended."""

import os
import subprocess
import sys

import pytest

from tests.drill.watching import missing
from tests.kafka.conftest import say_loudly

pytestmark = pytest.mark.kafka

WITHIN_S = 400
LOAD_MAX = 4.0
"""A core. Where more waits for it, a second is over before a command is sent."""


def test_two_faults_are_told_alone_and_mended_by_their_pages(
    bootstrap: str, pytestconfig: pytest.Config
) -> None:
    """`bootstrap`: where no broker can be started, this is skipped as all tests here."""
    if lacking := missing():
        _skip(pytestconfig, f"no {', '.join(lacking)} (make drill)")
    _skip_under_load(pytestconfig)
    done = subprocess.run(
        [sys.executable, "-m", "tests.drill", "--faults", "2"],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )
    if done.returncode != 0:
        print(done.stdout, done.stderr)
        _skip_under_load(pytestconfig)
    assert done.returncode == 0


def _skip_under_load(config: pytest.Config) -> None:
    """Skip where the machine has so much other work that commands are late without a fault."""
    if (load := os.getloadavg()[0]) > LOAD_MAX * (os.cpu_count() or 1):
        _skip(config, f"the machine has other work (load {load:.0f})")


def _skip(config: pytest.Config, why: str) -> None:
    say_loudly(config, f"NO FIRE IS DRILLED: {why}")
    pytest.skip(why)
