"""Definition sets of a state folder: applied while nothing runs on it, and reported."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from cjo_stream import engine_here
from cjo_stream.core.answer import CanaryRow
from cjo_stream.core.canary.share import ruled
from cjo_stream.definition import DefinitionSet, compile_stored, library_differences
from cjo_stream.embedded.delivery import delivering, operator_destination
from cjo_stream.embedded.hold import holding_in
from cjo_stream.embedded.installation import begun_number, check_shape, choose, govern, keep_key
from cjo_stream.embedded.query import sets_in
from cjo_stream.embedded.state import StateFolder
from cjo_stream.embedded.taking import taken
from cjo_stream.engine import codec
from cjo_stream.engine.decider import canary_rows
from cjo_stream.engine.governor import GOVERNOR
from cjo_stream.engine.rollout import add_live
from cjo_stream.installation.answer import Applied, Status, TakenFile
from cjo_stream.installation.known import known_sets
from cjo_stream.installation.port import Check


def apply(
    definitions: DefinitionSet,
    state: Path,
    tenant_key: bytes | None = None,
    check: Check = lambda _: None,
    *,
    retire: bool = False,
) -> Applied:
    """Put a definition set in force for the customers in a state folder.

    `check` and `retire` are those of `Installation.apply`. Its effects go to the files of
    operators' commands.

    Raises UsageError if the folder holds no state, another topology's state, or a killed run;
    DefinitionError if the set may not follow the set in force.
    """
    destination = operator_destination(state)
    with closing(StateFolder(state)) as folder:
        log = folder.log
        stores = folder.stores(check_shape(log, state, definitions, 1))
        keep_key(log, state, tenant_key)
        with delivering(log, stores, state, destination) as (runtime, delivery):
            check(runtime.governing)
            begun = choose(runtime, log, definitions, retire=retire)
            delivery.begin(destination)
            changed = govern(runtime, log, begun)
            return Applied(begun.number, changed)


def status(state: Path) -> Status:
    """Return which set governs a state folder, and which files it has taken.

    Raises UsageError if the folder holds no state.
    """
    with closing(StateFolder(state)) as folder:
        stores = folder.tasks()
        values = [store.get(codec.META_KEY) for store in stores]
        metas = [
            codec.decode_meta(value) if value is not None else codec.Meta() for value in values
        ]
        active = [meta.active for meta in metas]
        content = stores[0].get(codec.set_key(active[0]))
        topology = None
        libraries: list[str] = []
        canaries: list[CanaryRow] = []
        if content is not None:
            applied = codec.decode_set(content)
            topology = compile_stored(applied).topology
            libraries = library_differences(applied)
            program = ruled(compile_stored(applied), metas[GOVERNOR].verdicts)
            canaries = canary_rows(metas[GOVERNOR].decider, program)
        return Status(
            topology=topology,
            applied=active[0],
            begun=begun_number(folder.log),
            sets=known_sets(sets_in(stores[0])),
            partitions=dict(enumerate(active)),
            libraries=libraries,
            instances=add_live(meta.live for meta in metas),
            canaries=canaries,
            holding=holding_in(folder.log, len(stores)),
            files=[
                TakenFile(
                    path=one.path,
                    bytes=one.end.bytes,
                    digest=one.digest.hex(),
                    line=one.end.line,
                    rows=one.rows,
                    refused=one.refused,
                    is_given_up=one.is_given_up,
                )
                for one in taken(folder.log)
            ],
            engine=engine_here(),
        )
