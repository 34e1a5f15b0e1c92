"""`cjo-stream`, and `python -m cjo_stream`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line; the process ends with its exit code."""
    from cjo_stream.cli.app import call
    from cjo_stream.embedded.collector import YOUNG_OBJECTS, leave
    from cjo_stream.store.private import UMASK

    os.umask(UMASK)
    gc.set_threshold(YOUNG_OBJECTS)
    code = call(sys.argv[1:])
    leave()
    sys.exit(code)


if __name__ == "__main__":
    main()
