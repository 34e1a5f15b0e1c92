"""`cjo-stream`, and `python -m cjo_stream`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; the process ends with its exit code."""
    from cjo_stream.cli.app import call

    sys.exit(call(sys.argv[1:]))


if __name__ == "__main__":
    main()
