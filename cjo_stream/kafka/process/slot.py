"""The slot of a process: only one process at a time owns its folder and its place in the group.

Two processes of one stage and slot would displace each other in the group for ever, and two
workers would write into the same folder. The lock is the operating system's, and ends with its
holder, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cjo_stream.errors import LockedError
from cjo_stream.settings import Settings
from cjo_stream.store.private import make_private

WAIT_S: Final = 5.0
"""For a predecessor that is ending."""
RETRY_S: Final = 0.1


def folder(settings: Settings, stage: str) -> Path:
    """Return the folder of a stage's slot on this machine."""
    return settings.data_dir / stage / settings.slot


@contextlib.contextmanager
def held(folder: Path, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold the slot of `folder`; raises LockedError if another process holds it."""
    make_private(folder)
    descriptor = os.open(folder / "owner", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, folder, time.monotonic() + wait_s)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path, until_s: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() < until_s:
                time.sleep(RETRY_S)
                continue
            holder = os.pread(descriptor, 32, 0).decode(errors="replace") or "unknown"
            raise LockedError(
                f"the slot {folder} is held by process {holder}: end it, or give this one a "
                "slot of its own (CJO_SLOT)"
            ) from error
        return
