"""`python -m tests.replay.sample FOLDER OUT`: a bundled topology over its own events.jsonl.

As `cjo-stream run` does it, with a key and a time of the tests' own, so that no setting of the
machine changes a byte.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from cjo_stream.definition import DefinitionSet
from cjo_stream.embedded.run import run
from cjo_stream.engine.port import DecodedRecord
from cjo_stream.ingest import decoder, files

KEY = b"key of the tests"
DAY_MS = 86_400_000
NOW_MS = 1_893_456_000_000  # 2030: nothing of a sample is in the future


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sort", action="store_true")
    parser.add_argument("--drain-days", type=int, default=0)
    asked = parser.parse_args()

    def source(definitions: DefinitionSet) -> tuple[str, Iterator[DecodedRecord]]:
        program = definitions.program
        read = files.read(
            [str(asked.folder / "events.jsonl")],
            decoder(program, KEY),
            channel=files.choose_channel(program, None),
            now=NOW_MS,
            sort=asked.sort,
        )
        return "sample", read

    run(asked.folder, source, asked.out, drain_ms=asked.drain_days * DAY_MS)


if __name__ == "__main__":
    main()
