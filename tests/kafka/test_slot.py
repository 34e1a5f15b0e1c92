import os
import subprocess
import sys
from pathlib import Path

import pytest

from cjo_stream.errors import LockedError
from cjo_stream.kafka.process import slot

HOLDER = """
import sys
from pathlib import Path
from cjo_stream.kafka.process import slot
with slot.held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_slot_is_held_by_one_process_until_it_dies(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(LockedError, match=f"held by process {holder.pid}"),
            slot.held(tmp_path, wait_s=0),
        ):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with slot.held(tmp_path, wait_s=0):
        assert (tmp_path / "owner").read_text() == str(os.getpid())
    with slot.held(tmp_path, wait_s=0):
        pass
