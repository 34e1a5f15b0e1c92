"""A run on several cores, opened: its processes, its files of results."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cjo_stream.core.program.program import Program
from cjo_stream.definition import DefinitionSet, succeed
from cjo_stream.embedded.cores import wire
from cjo_stream.embedded.cores.crew import Processes
from cjo_stream.embedded.cores.decoding import decode_by
from cjo_stream.embedded.cores.runtime import Cores
from cjo_stream.embedded.delivery import run_destination
from cjo_stream.embedded.installation import Installation
from cjo_stream.embedded.log import EmbeddedLog, MemoryLog
from cjo_stream.embedded.output import SPOOL, Output, beginning, check_free, clear
from cjo_stream.embedded.progress import Progress
from cjo_stream.engine.cache import ACTORS_BYTES
from cjo_stream.ingest import Decoder


def can_share(program: Program) -> bool:
    """Return whether the work of a set can be shared out.

    A guarded canary is decided from the counts of all customers at once, so it cannot.
    """
    return all(one.guards is None for one in program.journeys.values())


@contextmanager
def open_on_cores(
    definitions: DefinitionSet,
    out: Path,
    *,
    cores: int,
    prepare: Callable[[EmbeddedLog, bool], None],
    force: bool = False,
    profiles: bool = False,
    decoder: Decoder | None = None,
    tenant_key: bytes | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Iterator[Installation]:
    """Open a run under `definitions` in that many processes, its state in memory.

    Arguments and errors are those of `open_installation`; `report` gets the progress. With a
    `decoder` of the `tenant_key` the processes decode, too, and it gets what they note.
    """
    prepare(MemoryLog(), False)
    check_free(out, force=force)
    content = succeed(definitions, None)
    clear(out)

    def begin(share: int) -> wire.Begin:
        return wire.Begin(
            share,
            cores,
            content,
            profiles,
            looks=gc.get_threshold(),
            actors_bytes=ACTORS_BYTES // cores,
            tenant_key=tenant_key,
        )

    sizes, note = beginning(out, {}), run_destination(out).note
    # Customers' events lie with the results, so that a killed run leaves none where nobody looks.
    spool = out / SPOOL
    try:
        with (
            closing(Output(out, note, sizes, profiles=profiles)) as output,
            closing(Processes(begin, cores)) as crew,
        ):
            decode_all = decode_by(crew, decoder) if decoder is not None else None
            cores_ = Cores(content, crew, output, spool, report)
            yield Installation(cores_, output, decode_all=decode_all)
    finally:
        spool.unlink(missing_ok=True)
