"""Erasures that the archive has not carried out yet.

    erasures/CUSTOMER.order     JSON

An order is written before a customer is erased, because afterwards nothing else knows which
events are the person's. It is removed once they are out of the archive. It holds the person's
identifiers, so on a local disk only its owner can read it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from cjo_stream.core.answer import Erased
from cjo_stream.errors import RetryError
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.archive.forget import Person
from cjo_stream.ingest.archive.name import ORDERS

_ENDING: Final = ".order"
_OWNER_ONLY: Final = 0o600


class Order(msgspec.Struct, frozen=True):
    """A person who leaves the archive, and what the installation has answered."""

    person: Person
    answer: Erased
    """Without `erased_at`, the customer may not have been erased when it was written."""

    @property
    def path(self) -> str:
        """The order's file."""
        return f"{ORDERS}/{self.answer.customer_id}{_ENDING}"

    @property
    def erased_at(self) -> int | None:
        """When the customer was erased, ms; None if that is not known."""
        at = self.answer.erased_at
        return at if isinstance(at, int) else None

    @property
    def whose(self) -> Person:
        """Whose events must leave: of a customer who was erased, those up to the erasure."""
        return msgspec.structs.replace(self.person, until=self.erased_at)


def keep(folder: Folder, order: Order) -> None:
    """Write an order, in place of an earlier one about the same customer; raises RetryError."""
    folder.replace(order.path, msgspec.json.encode(order), mode=_OWNER_ONLY)


def left(folder: Folder, identifiers: Collection[tuple[str, str]]) -> list[Order]:
    """Return the orders about whoever has one of these identifiers, the latest last.

    Raises RetryError.
    """
    paths = (path for path in folder.paths(ORDERS) if path.endswith(_ENDING))
    orders = [_read(folder, path) for path in paths]
    found = [one for one in orders if not one.person.identifiers.isdisjoint(identifiers)]
    return sorted(found, key=lambda one: one.erased_at or 0)


def _read(folder: Folder, path: str) -> Order:
    try:
        return msgspec.json.decode(folder.read(path), type=Order)
    except msgspec.MsgspecError:
        raise RetryError(
            f"{folder.url}/{path} is not a whole order of an erasure: move it out of the archive, "
            "then try again"
        ) from None
