"""Releases replace each other under load, process by process: no event is lost, none counts twice.

The next release is a copy of this one with another number, and with one more field in what a task
keeps of itself: releases of one behaviour read each other's stores.
"""

from __future__ import annotations

import compileall
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import cjo_stream
from tests.kafka.stages import until
from tests.world.chain import Chain, wait_until_quiet
from tests.world.load import Load
from tests.world.verdict import judge

pytestmark = pytest.mark.kafka

RATE = 100
PAUSE_MAX_S = 5.0
BUSY_PAUSE_MAX_S = 60.0
"""On a machine with much else to do: a process needs two seconds of a core until it works."""
BUSY_LOAD = 2.0
"""A core."""
NEXT = "0.99.0"
LAST_FIELD = '''    """Of the first partition: what guards have counted in all partitions."""
'''


def running(release: Path) -> dict[str, str]:
    """Return what lets Python take a release, and not the one in the folder that it starts in."""
    return {"PYTHONPATH": str(release), "PYTHONSAFEPATH": "1"}


class Rolled(Chain):
    """An installation whose processes may run another release."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        super().__init__(bootstrap, folder, workers=2)
        self.releases: dict[str, Path] = {}

    def env(self, name: str = "", slot: str = "0") -> dict[str, str]:
        found = super().env(name, slot)
        release = self.releases.get(name)
        return {**found, **running(release)} if release is not None else found

    def replace(self, name: str, release: Path | None) -> None:
        """End a process, and start it again by a release; None: this one. Return once it works."""
        self.hold_down(name, signal.SIGTERM, within_s=90)
        if release is None:
            self.releases.pop(name, None)
        else:
            self.releases[name] = release
        before = self.ends()
        self.let_up(name)
        until(lambda: all(now > then for now, then in zip(self.ends(), before, strict=True)))

    def ends(self) -> list[int]:
        """Return how many effects each partition has had."""
        return [len(messages) for _, messages in sorted(self.read("effect.v1").items())]

    def pauses_s(self) -> list[float]:
        """Return for each partition the longest time without an effect."""
        times = (
            [message.timestamp()[1] for message in messages]
            for messages in self.read("effect.v1").values()
        )
        return [max(b - a for a, b in pairwise(of_one)) / 1000 for of_one in times]


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """Return where the next release is."""
    folder = tmp_path / "next"
    source = Path(cjo_stream.__file__).parent
    shutil.copytree(source, folder / "cjo_stream", ignore=shutil.ignore_patterns("__pycache__"))
    number, codec = folder / "cjo_stream" / "__init__.py", folder / "cjo_stream/engine/codec.py"
    text = number.read_text()
    assert f'"{cjo_stream.__version__}"' in text
    number.write_text(text.replace(cjo_stream.__version__, NEXT))
    text = codec.read_text()
    assert text.count(LAST_FIELD) == 1
    codec.write_text(text.replace(LAST_FIELD, f"{LAST_FIELD}    added: int = 7\n"))
    asked = subprocess.run(
        [sys.executable, "-m", "cjo_stream", "--version"],
        env={**os.environ, **running(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert NEXT in asked.stdout
    compileall.compile_dir(folder, quiet=1)  # as an installer does
    return folder


@pytest.fixture
def chain(bootstrap: str, tmp_path: Path) -> Iterator[Rolled]:
    chain = Rolled(bootstrap, tmp_path)
    chain.create()
    chain.start()
    yield chain
    chain.stop()


def test_a_release_replaces_another_under_load_and_goes_back(
    chain: Rolled, next_release: Path
) -> None:
    load = Load(chain, rate=RATE, seconds=600)
    load.start()
    until(lambda: all(chain.ends()))
    for name in chain.names:
        chain.replace(name, next_release)
    for name in reversed(chain.names):
        chain.replace(name, None)
    pauses_s = chain.pauses_s()
    load.end()
    assert load.failed == 0
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    longest = ", ".join(f"{one:.1f} s" for one in pauses_s)
    print(f"the longest pauses of partitions: {longest} (load {busy:.1f} a core)")
    wait_until_quiet(chain, seconds=90)
    assert max(pauses_s) < (PAUSE_MAX_S if busy < BUSY_LOAD else BUSY_PAUSE_MAX_S)
    verdict = judge(chain)
    assert verdict.events == load.sent
    assert verdict.commands > 100
    assert not chain.exits, "no process ended by itself"
