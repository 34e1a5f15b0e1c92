"""`cjo-stream bench`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.demo import DAY_MS, START_MS
from cjo_stream.cli.option import Json, Topology, topology_folder
from cjo_stream.cli.terminal import say_json, say_table

if TYPE_CHECKING:
    from cjo_stream.embedded.run import Summary
    from cjo_stream.engine.port import DecodedRecord

EVENTS_A_PERSON: Final = 22
"""About, in the simulated fortnight."""
DAYS: Final = 14


def bench(
    topology: Topology = "shop",
    events: Annotated[int, typer.Option(min=1_000, help="About how many events.")] = 50_000,
    seed: Annotated[int, typer.Option(help="Seed of the simulated people.")] = 1,
    json: Json = False,
) -> None:
    """Measure the engine on one core of this machine, with simulated traffic.

    It runs once with its state in memory, as `run`, and once on disk, as `run --state`.
    """
    from cjo_stream import definition, ingest, simulate
    from cjo_stream.embedded.run import run
    from cjo_stream.settings import DEMO_TENANT_KEY

    definitions = definition.load(topology_folder(topology))
    program = definitions.program
    world = simulate.open_world(
        program.topology,
        people=max(1, events // EVENTS_A_PERSON),
        seed=seed,
        start_ms=START_MS,
        duration_ms=DAYS * DAY_MS,
    )
    records = list(simulate.People(world, program).events())

    def decoded(_: object) -> tuple[str, Iterator[DecodedRecord]]:
        decode = ingest.decoder(program, DEMO_TENANT_KEY.encode())
        return "bench", ((record, decode(record)) for record in records)

    figures: dict[str, Summary] = {}
    for name in ("memory", "disk"):
        with tempfile.TemporaryDirectory() as folder:
            state = Path(folder) / "state" if name == "disk" else None
            figures[name] = run(definitions, decoded, Path(folder) / "out", state=state)
    if json:
        say_json(figures)
        return
    say_table(
        f"{program.topology}: from raw records to files",
        ("state in", "#events", "#events/s", "#customers", "#transitions", "#actions"),
        (
            (
                name,
                found.events,
                round(found.events_per_second),
                found.customers,
                found.transitions,
                found.actions,
            )
            for name, found in figures.items()
        ),
    )
