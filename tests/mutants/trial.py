"""One mutant and its tests, in a process of its own over a copy of the tree.

The process is forked from one that has the libraries, and nothing of the product or its tests: it
imports these anew, from the copy that holds the mutant.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

SURVIVED: Final = "survived"
KILLED: Final = "killed"
BY_TIME: Final = "killed by time"
COPIED: Final = (
    "cjo_stream",
    "tests",
    "topologies",
    "deploy",
    "docs",
    "pyproject.toml",
    "Makefile",
)
PAGES: Final = ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "SECURITY.md")
OWN: Final = ("cjo_stream", "tests")
_NO_TESTS: Final = 5
_OURS: Final = 99
"""The fault is not the mutant's: it was not tried."""


class Trial(NamedTuple):
    """A process under way."""

    pid: int
    until_s: float
    output: Path


def copy_tree(root: Path, to: Path) -> Path:
    """Make a copy of the tree at `to`, in the place of one that is there; return it."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
    for name in (*COPIED, *PAGES):
        if (root / name).is_dir():
            shutil.copytree(root / name, to / name, ignore=ignored)
        else:
            shutil.copy(root / name, to / name)
    return to


def import_libraries() -> None:
    """Import what every test needs and no mutant changes."""
    import msgspec  # noqa: F401  # for who is forked
    import pydantic_settings  # noqa: F401  # for who is forked
    import pytest  # noqa: F401  # for who is forked
    import ruamel.yaml  # noqa: F401  # for who is forked


def begin(tree: Path, tests: Iterable[str], limit_s: float) -> Trial:
    """Begin to run tests, in order, up to the first that fails."""
    output = tree / "output.txt"
    pid = os.fork()
    if pid == 0:
        code = _OURS
        try:
            code = _run(tree, list(tests), output)
        except BaseException:
            output.write_text(traceback.format_exc())
        os._exit(code)
    return Trial(pid, time.monotonic() + limit_s, output)


def ended(trial: Trial) -> str | None:
    """Return how a mutant ended; None while its tests run. One past its time is killed."""
    pid, status = os.waitpid(trial.pid, os.WNOHANG)
    if pid:
        code = os.waitstatus_to_exitcode(status)
        assert code not in (_NO_TESTS, _OURS), trial.output.read_text()[-2_000:]
        return SURVIVED if code == 0 else KILLED
    if time.monotonic() < trial.until_s:
        return None
    os.killpg(trial.pid, signal.SIGKILL)
    os.waitpid(trial.pid, 0)
    return BY_TIME


def _run(tree: Path, tests: list[str], output: Path) -> int:
    import pytest

    os.setpgid(0, 0)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.chdir(tree)
    for name in [name for name in sys.modules if name.partition(".")[0] in OWN]:
        del sys.modules[name]
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(tree))
    os.environ |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    code: int = pytest.main(
        ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=line", *tests]
    )
    return code
