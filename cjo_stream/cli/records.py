"""`cjo-stream records`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cjo_stream.cli.place import Results, records_of
from cjo_stream.cli.unrecorded import note_unrecorded
from cjo_stream.core.shown import escaped
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.core.catalogue import RecordKind


def records(
    context: typer.Context,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="action, decision, reward, prediction, transition, measure, identity, profile "
            "or governance.",
        ),
    ],
    results: Results = None,
    position: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Print only what came since the last call with this file, which keeps the place.",
        ),
    ] = None,
) -> None:
    """Print the records of a kind, one JSON object on each line.

    With --position every record is printed at least once: after an interruption, the next call
    prints again what this one has printed.
    """
    wanted = _kind(kind)
    reached = {} if position is None else _read(position)
    found = records_of(context, results)
    note_unrecorded(found.switched(), wanted.name)
    for written in found.since(wanted, reached):
        print(escaped(written.value.decode()))
        reached[written.lane] = written.next
    if position is not None:
        sys.stdout.flush()
        _write(position, reached)


def _kind(name: str) -> RecordKind:
    from cjo_stream.core.catalogue import DEAD_LETTER, RECORDS
    from cjo_stream.core.likeness import nearest

    if name == DEAD_LETTER.name:
        raise UsageError("dead letters have a command of their own: cjo-stream dead-letters list")
    kinds = {kind.name: kind for kind in RECORDS if kind.schema and kind is not DEAD_LETTER}
    if name in kinds:
        return kinds[name]
    near = nearest(name, kinds)
    guess = f"; did you mean {near}?" if near else ""
    raise UsageError(f"there are no records of kind {name}{guess} Name one of {', '.join(kinds)}")


def _read(position: Path) -> dict[str, int]:
    import msgspec

    try:
        return msgspec.json.decode(position.read_bytes(), type=dict[str, int])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"{position} is no position file ({error}): name the one of an earlier call, or none"
        ) from None


def _write(position: Path, reached: dict[str, int]) -> None:
    import msgspec

    beside = position.with_name(position.name + ".new")
    try:
        beside.write_bytes(msgspec.json.encode(reached))
        beside.replace(position)
    except OSError as error:
        raise UsageError(
            f"{position} cannot be written ({error.strerror}): what was printed is printed again "
            "by the next call; name a file in a folder that can be written to"
        ) from None
