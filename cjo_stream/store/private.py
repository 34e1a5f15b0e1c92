"""Folders for customers' data: only their owner may enter them.

Whatever its own mode, a file in such a folder is out of others' reach. The command line also sets
the process's umask, so that files elsewhere (results, records read from topics) are private.
"""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path
from typing import Final

OWNER_ONLY: Final = 0o700
UMASK: Final = 0o077


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can enter; an existing one gets that mode.

    Raises OSError where it cannot be made. A folder of another owner stays as it is, and so does
    one that is meant for everybody, such as /tmp.
    """
    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    mode = folder.stat().st_mode
    if mode & 0o777 & ~OWNER_ONLY and not mode & stat.S_ISVTX:
        with contextlib.suppress(PermissionError):
            folder.chmod(OWNER_ONLY)
