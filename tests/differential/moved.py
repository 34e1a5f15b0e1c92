"""Worlds whose customer base moves: half of the records before it, half behind it.

The base is exported from one number of partitions and imported into another, sometimes more than
once. The effects must be those of a world that does not move: with one partition all of them,
with others each customer's own (`worlds.by_customer`).
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import msgspec

from cjo_stream import ingest
from cjo_stream.definition import DefinitionSet, compile_content
from cjo_stream.embedded import moving
from cjo_stream.embedded.installation import Begun, founding, shape_of
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine.intake import dead_letter_of
from cjo_stream.engine.port import Decode, RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.tenant import fingerprint
from cjo_stream.store.export import Export
from tests.differential import engine
from tests.differential.stream import raw_records
from tests.differential.worlds import (
    KEY,
    World,
    by_customer,
    draw_world,
    loaded,
    plain,
    same,
    told,
)

MOVES = ((1, 5), (5, 2), (4, 7), (3, 1), (2, 5, 3), (6, 6))


def run(seed: int) -> Counter[str]:
    """Run a seed's world with moves, and without; return what was met. Raises AssertionError."""
    world = draw_world(seed)
    draw = Random(f"moved {seed}")
    partitions = draw.choice(MOVES)
    cuts = sorted(draw.randrange(len(world.records) + 1) for _ in partitions[1:])
    return compare(world, partitions, cuts)


def compare(world: World, partitions: Sequence[int], cuts: Sequence[int]) -> Counter[str]:
    """Compare a world that moves after so many records with one that does not."""
    definitions = loaded(world.documents)
    records, decode = raw_records(world.records), ingest.decoder(definitions.program, KEY)
    reference = told(definitions, records, world.drain_ms)
    wanted = [plain(effect) for effect in reference.effects]
    output = engine.Collected()
    met: Counter[str] = Counter()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder, "0")
        found_state(state, definitions, partitions[0])
        pieces = list(zip([0, *cuts], [*cuts, len(records)], strict=True))
        for number, (begin, end) in enumerate(pieces):
            if number:
                exported, moved = Path(folder, f"export-{number}"), Path(folder, str(number))
                manifest = moving.export(state, exported, KEY)
                moving.import_(Export(exported), moved, partitions[number], KEY)
                state = moved
                met["a move"] += 1
                met["actors moved"] += manifest.actors
            with running(state, output) as runtime:
                if not number:
                    runtime.apply(1, definitions.content)
                offer(runtime, decode, records, begin, end)
                if number == len(cuts):
                    runtime.advance(runtime.high + world.drain_ms)
                    rows = msgspec.to_builtins(list(runtime.rows()))
            met["an effect before a move"] += len(output.effects) if not number else 0
    found = [plain(effect) for effect in engine.of_customers(output.effects)]
    one, other = by_customer(wanted), by_customer(found)
    where = f"moved to {'→'.join(map(str, partitions))} partitions after {cuts}"
    for key in sorted({*one, *other}):
        same(one[key], other[key], f"{where}, {key or 'nobody'}")
    same(reference.rows(), rows, f"{where}, the rows of customers")
    return met


def found_state(state: Path, definitions: DefinitionSet, partitions: int) -> None:
    """Make a state folder with so many partitions."""
    begun = Begun(1, definitions.digest, definitions.content)
    notes = founding(partitions, definitions.program.topology, fingerprint(KEY), begun)
    with closing(StateFolder(state, is_new=True)) as opened:
        opened.log.append([], notes)


@contextmanager
def running(state: Path, output: engine.Collected) -> Iterator[Runtime]:
    """Open a runtime over a state folder; end it cleanly."""
    opened = StateFolder(state)
    noted = shape_of(opened.log)
    assert noted is not None
    stores = opened.stores(noted[0])
    with (
        closing(opened),
        Runtime(log=opened.log, stores=stores, compile_=compile_content, output=output) as runtime,
    ):
        yield runtime


def offer(
    runtime: Runtime, decode: Decode, records: Sequence[RawRecord], begin: int, end: int
) -> None:
    """Let a runtime take some records."""
    for number in range(begin, end):
        event = decode(records[number])
        refused = event if isinstance(event, InputError) else None
        if not isinstance(event, InputError):
            refused = runtime.offer("lane", number, event)
        if refused is not None:
            runtime.refuse("lane", number, dead_letter_of(records[number], refused))
    runtime.flush()
