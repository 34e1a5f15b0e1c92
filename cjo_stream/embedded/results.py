"""What a run wrote, read back: rows of the files of its --out folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from cjo_stream.core.record import Decision, IdentityChange, Reward, Transition
from cjo_stream.embedded.output import CUSTOMERS, NAMES
from cjo_stream.errors import UsageError

_Row = TypeVar("_Row")


class _Customer(msgspec.Struct):
    customer_id: str
    identifiers: dict[str, list[str]] = {}
    facts: dict[str, Any] = {}
    traits: dict[str, Any] = {}


def decisions(out: Path) -> Iterator[Decision]:
    """Yield the decisions of a run; raises UsageError where they cannot be read."""
    return _rows(out / NAMES["decision"], Decision)


def rewards(out: Path) -> Iterator[Reward]:
    """Yield the rewards of a run; raises UsageError where they cannot be read."""
    return _rows(out / NAMES["reward"], Reward)


def transitions(out: Path) -> Iterator[Transition]:
    """Yield the transitions of a run; raises UsageError where they cannot be read."""
    return _rows(out / NAMES["transition"], Transition)


def identities(out: Path) -> Iterator[IdentityChange]:
    """Yield the identity changes of a run; raises UsageError where they cannot be read."""
    return _rows(out / NAMES["identity"], IdentityChange)


def identifiers(out: Path) -> Iterator[dict[str, list[str]]]:
    """Yield each customer's identifiers, values by type; raises UsageError as the others."""
    for customer in _rows(out / CUSTOMERS, _Customer):
        yield customer.identifiers


def values(out: Path, name: str) -> dict[str, float]:
    """Return a trait or fact that is a number, by customer id, as it was at the run's end.

    Raises UsageError where no customer has it.
    """
    found = {}
    for customer in _rows(out / CUSTOMERS, _Customer):
        value = {**customer.facts, **customer.traits}.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[customer.customer_id] = float(value)
    if not found:
        raise UsageError(
            f"no customer of {out} has a trait or fact `{name}` that is a number: name one that "
            f"{CUSTOMERS} there shows"
        )
    return found


def _rows(path: Path, type_: type[_Row]) -> Iterator[_Row]:
    decode = msgspec.json.Decoder(type_).decode
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield decode(line)
                except msgspec.MsgspecError as error:
                    raise UsageError(
                        f"{path}, line {number}: {error}: it is not as a `run` left it; run again"
                    ) from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}): name the --out folder of a `run`"
        ) from None
