"""The largest memory of a process.

What the system remembers of a child that has ended (`ru_maxrss`) is at least what its parent had
when the child began, so it is no figure of the child.
"""

import subprocess
import time

import psutil

EVERY_S = 0.02


def peak_bytes(process: subprocess.Popen[bytes]) -> int:
    """Return the largest memory that was seen of a process until it ended."""
    most, seen = 0, psutil.Process(process.pid)
    while process.poll() is None:
        try:
            most = max(most, seen.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
        time.sleep(EVERY_S)
    return most
