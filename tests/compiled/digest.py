"""Digests of what the installed engine gives: `python -m tests.compiled.digest --seeds 40`.

One line a run: of every effect (or file of results) and of every stored value.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

import cjo_stream
from cjo_stream import ingest
from cjo_stream.definition import load
from cjo_stream.embedded.installation import open_installation
from cjo_stream.embedded.run import drain, feed, finish
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine.port import RawRecord, Store
from cjo_stream.ingest import decoder
from cjo_stream.simulate import traffic
from cjo_stream.store.memory import MemoryStore
from tests.differential import engine
from tests.differential.stream import raw_records
from tests.differential.worlds import KEY, draw_world, loaded, plain

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
START_MS = 1_772_323_200_000
DAY_MS = 86_400_000
TIMINGS = "summary.json"
"""The file that says how long a run took."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=6_000, help="of shop and of lending")
    parser.add_argument("--seeds", type=int, default=40, help="of random worlds, from 0 on")
    asked = parser.parse_args()
    print("compiled" if cjo_stream.is_compiled() else "python")
    for topology in ("shop", "lending"):
        print(topology, *of_run(topology, asked.events))
    for seed in range(asked.seeds):
        for partitions in (1, 5):
            print(f"world {seed}, {partitions} partitions", *of_world(seed, partitions))


def of_run(topology: str, events: int) -> tuple[str, str]:
    """Return the digests of a bundled topology's files of results, and of its state folder."""
    definitions = load(TOPOLOGIES / topology)
    people = max(100, events // 25)
    simulated = traffic(
        topology, people=people, seed=5, start_ms=START_MS, duration_ms=30 * DAY_MS
    )
    records = [
        RawRecord(one.channel, "bench", 0, n, one.arrives_ms, one.value, one.key, (), one.channel)
        for n, one in enumerate(itertools.islice(simulated, events))
    ]
    decode = decoder(definitions.program, KEY)
    with tempfile.TemporaryDirectory() as folder:
        out, state = Path(folder, "out"), Path(folder, "state")
        with open_installation(
            definitions, out, state=state, partitions=3, profiles=True
        ) as installation:
            feed(installation, "bench", ((record, decode(record)) for record in records))
            drain(installation, 30 * DAY_MS)
            finish(installation, 1.0)
        files = sorted(path for path in out.rglob("*") if path.is_file())
        given = (path.name.encode() + path.read_bytes() for path in files if path.name != TIMINGS)
        kept = StateFolder(state)
        try:
            return digest(given), digest(stored(kept.stores(3)))
        finally:
            kept.close()


def of_world(seed: int, partitions: int) -> tuple[str, str]:
    """Return the digests of a random world's effects and rows, and of what was stored."""
    world = draw_world(seed)
    definitions, stores = loaded(world.documents), [MemoryStore() for _ in range(partitions)]
    effects, rows = engine.run_in_memory(
        definitions,
        ingest.decoder(definitions.program, KEY),
        raw_records(world.records),
        world.drain_ms,
        partitions,
        stores=stores,
    )
    given = [repr(plain(effect)).encode() for effect in effects]
    return digest([*given, msgspec.json.encode(rows)]), digest(stored(stores))


def stored(stores: Sequence[Store]) -> Iterator[bytes]:
    """Yield every key and every value, each of its own store."""
    for number, store in enumerate(stores):
        for key, value in store.scan(b"", b"\xff" * 8):
            yield repr((number, key, value)).encode()


def digest(parts: Iterable[bytes]) -> str:
    """Return a digest of parts, and how many there are."""
    found, number = hashlib.blake2b(digest_size=12), 0
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
        number += 1
    return f"{found.hexdigest()} ({number})"


if __name__ == "__main__":
    main()
