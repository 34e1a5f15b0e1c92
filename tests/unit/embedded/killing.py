"""A durable run that is killed with -9 again and again, and each time goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from cjo_stream.embedded.output import SUMMARY

KILLS = 5 if "CJO_LONG" in os.environ else 3
WRITTEN_WITHIN_S = 30
ENDED_WITHIN_S = 60
LOOKED_EVERY_S = 0.002


def run_killed(arguments: Sequence[str], out: Path, *, seed: int, most: int, late_s: float) -> int:
    """Run a command to its end, killed at most so many times; return how many kills there were.

    Each kill comes once the command has written to `out` again, and up to `late_s` after that. One
    that comes when all is done, just before the process ends, leaves nothing to go on with.
    """
    draw = random.Random(seed)
    kills = 0
    while True:
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        size = _size(out)
        until = time.monotonic() + WRITTEN_WITHIN_S
        while kills < most and process.poll() is None and time.monotonic() < until:
            if _size(out) > size:
                time.sleep(draw.uniform(0, late_s))
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(LOOKED_EVERY_S)
        _, errors = process.communicate(timeout=ENDED_WITHIN_S)
        was_done = kills and (out / SUMMARY).exists() and b"is not empty" in errors
        if process.returncode == 0 or was_done:
            return kills
        assert process.returncode == -signal.SIGKILL, errors.decode()


def _size(out: Path) -> int:
    path = out / "transitions.jsonl"
    return path.stat().st_size if path.exists() else 0
