"""A real disk that is soon full: a tmpfs of some KiB, mounted by root or in our own namespace."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOM_KIB = 40_000
BALLAST = "ballast"


class SmallDisk:
    """A mounted disk; `folder` is where its files are seen from here."""

    def __init__(self, mounted: Path, kib: int) -> None:
        self._shell = subprocess.Popen(
            ["sh"] if _is_root() else ["unshare", "--map-root-user", "--mount", "sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._mounted = mounted
        mounted.mkdir(parents=True)
        said = self._ask(f"mount -t tmpfs -o size={kib + ROOM_KIB}k,mode=700 tmpfs '{mounted}'")
        if said != "0":
            self.close()
            pytest.skip(f"no disk of our own may be mounted here: {said}")
        own = Path(f"/proc/{self._shell.pid}/root/{mounted.relative_to('/')}")
        self.folder = mounted if _is_root() else own
        (self.folder / BALLAST).write_bytes(bytes(ROOM_KIB * 1024))

    def make_room(self) -> None:
        """Let files have ROOM_KIB more."""
        (self.folder / BALLAST).unlink()

    def close(self) -> None:
        """Let go of the disk; what lies there is gone."""
        self._shell.communicate(f"umount -l '{self._mounted}'\n", timeout=10)

    def _ask(self, command: str) -> str:
        """Return the code by which a command ended, after what it said."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # unshare was not allowed, and says why
            self._shell.stdin.write(f'{command}; echo "$?"; echo end\n')
            self._shell.stdin.flush()
        said = []
        for line in self._shell.stdout:
            if line == "end\n":
                break
            said.append(line.strip())
        return " ".join(said)


def _is_root() -> bool:
    return os.geteuid() == 0


@contextmanager
def small_disk(mounted: Path, kib: int) -> Iterator[SmallDisk]:
    """Mount a small disk at a new folder; skip the test where that is not allowed."""
    try:
        disk = SmallDisk(mounted, kib)
    except FileNotFoundError as error:
        pytest.skip(f"no disk of our own may be mounted here: {error}")
    try:
        yield disk
    finally:
        disk.close()
