"""What a page says to look at: whether each of its commands works while the fault is there."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Final

Done = subprocess.CompletedProcess[str]

FINDS: Final = (("doctor",), ("status",), ("topics", "verify"))
"""Commands of ours that exit with 1 where they find something; all others are to exit with 0."""
STATUS: Final = ("-w", "\n%{http_code}")
"""Lets curl print the status of the answer on a line of its own."""
REFUSED: Final = 7
"""curl's exit code where nobody listens."""
OK: Final = "200"
UNAVAILABLE: Final = "503"
CHECKS: Final = ("/readyz", "/healthz")
"""What a process answers with UNAVAILABLE, and why: that is what is looked for."""
SHOWN: Final = 300
"""So many last characters of what was said are shown."""


def look(words: list[str], ours: Callable[..., Done], within_s: float, *, is_up: bool) -> str:
    """Run a command; return what is wrong with it, or nothing.

    `ours` runs a command of `cjo-stream`. `is_up`: whether what curl asks runs at all: where it
    does not, no answer is the answer.
    """
    program, *rest = words
    if program == "cjo-stream":
        return wrong(words, ours(*rest), is_up=is_up)
    if shutil.which(program) is None:
        return f"no {program} here"
    if program == "curl":
        words = [*words, *STATUS]
    done = subprocess.run(words, capture_output=True, text=True, timeout=within_s)
    return wrong(words, done, is_up=is_up)


def wrong(words: list[str], done: Done, *, is_up: bool) -> str:
    """Return what is wrong with a command that has ended, or nothing."""
    said = (done.stdout + done.stderr)[-SHOWN:]
    if "Traceback" in done.stdout + done.stderr:
        return said
    if words[0] == "curl":
        return _unanswered(words, done, is_up=is_up)
    finds = words[0] == "cjo-stream" and any(
        tuple(words[1 : 1 + len(one)]) == one for one in FINDS
    )
    return "" if done.returncode in ((0, 1) if finds else (0,)) else _ended(done, said)


def _unanswered(words: list[str], done: Done, *, is_up: bool) -> str:
    if not is_up:
        return "" if done.returncode == REFUSED else _ended(done, "nobody was to answer")
    if done.returncode != 0:
        return _ended(done, done.stderr[-SHOWN:])
    body, _, status = done.stdout.rpartition("\n")
    checks = any(word.endswith(CHECKS) for word in words)
    expected = (OK, UNAVAILABLE) if checks else (OK,)
    return "" if status in expected else f"answered {status}: {body[-SHOWN:]}"


def _ended(done: Done, said: str) -> str:
    return f"exit code {done.returncode}: {said}"
