"""The compiled wheel, installed beside the source: what it gives is the same bytes.

Tests that replace functions of the engine do not run on it; those here see it from outside.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hatch_build

ROOT = Path(__file__).parents[2]
WORLDS = "tests/differential/test_worlds.py"
SUITES = (
    "tests/replay/test_bundled.py",
    "tests/replay/test_history.py",
    "tests/acceptance/test_accept.py",
    "tests/acceptance/test_lending.py",
    f"{WORLDS}::test_a_world_has_the_same_effects_every_way",
    f"{WORLDS}::test_the_number_of_partitions_does_not_change_a_verdict_or_what_follows",
)
WHEEL = os.environ.get("CJO_COMPILED_WHEEL")

pytestmark = pytest.mark.skipif(
    WHEEL is None,
    reason="run them by `make compiled`, which takes minutes",
)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like the repository, but for its package, which is the compiled wheel's."""
    assert WHEEL is not None
    clone = tmp_path_factory.mktemp("compiled")
    for name in ("tests", "topologies", "deploy", "docs"):
        left = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, clone / name, ignore=left)
    for path in ROOT.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copy(path, clone)
    shutil.unpack_archive(WHEEL, clone, "zip")
    return clone


def run(folder: Path, *arguments: str) -> str:
    """Run Python in a folder whose package it imports; return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-5_000:]
    return done.stdout


def test_each_listed_module_is_compiled(installed: Path) -> None:
    names = [name.removesuffix(".py").replace("/", ".") for name in hatch_build.modules()]
    script = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]: print(importlib.import_module(name).__file__)\n"
    )
    files = run(installed, "-c", script, *names).splitlines()
    assert len(files) == len(names)
    assert all(file.startswith(str(installed)) and file.endswith(".so") for file in files)


def test_it_says_that_it_is_compiled(installed: Path) -> None:
    shown = run(installed, "-m", "cjo_stream", "--version")
    assert shown.endswith(" (compiled)\n")
    assert not run(ROOT, "-m", "cjo_stream", "--version").endswith(" (compiled)\n")


def test_every_effect_and_every_stored_value_is_the_same(installed: Path) -> None:
    ours = run(ROOT, "-m", "tests.compiled.digest").splitlines()
    theirs = run(installed, "-m", "tests.compiled.digest").splitlines()
    assert (ours[0], theirs[0]) == ("python", "compiled")
    assert len(ours) > 80
    assert theirs[1:] == ours[1:]


@pytest.mark.parametrize("suite", SUITES)
def test_what_holds_of_the_source_holds_of_it(installed: Path, suite: str) -> None:
    assert " passed" in run(installed, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", suite)
