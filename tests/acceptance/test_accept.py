"""The acceptance cases that use what is built so far."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ACCEPT = Path(__file__).resolve().parents[3] / "shared" / "accept"
CASES = (
    "caps_and_consent",
    "goal_and_exit_order",
    "keyed_carts",
    "next_best_action",
    "quiet_hours_delay",
)

pytestmark = pytest.mark.skipif(not ACCEPT.exists(), reason="../shared/accept is not here")


@pytest.mark.parametrize("case", CASES)
def test_acceptance_case(case: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ACCEPT / "check.py"), str(ACCEPT / case)],
        env={**os.environ, "CJO": f"{sys.executable} -m cjo_stream"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
