"""Folders for what is known of customers: nobody but their owner may enter them.

What lies in such a folder is out of others' reach whatever its own mode is. The command line also
sets the process's umask, so that files elsewhere (results, topics' records read back) are private.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

OWNER_ONLY: Final = 0o700
UMASK: Final = 0o077


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can enter; close one that others could.

    Raises OSError where it cannot be made. One of another owner stays as it is.
    """
    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o777 & ~OWNER_ONLY:
        with contextlib.suppress(PermissionError):
            folder.chmod(OWNER_ONLY)
