"""Erasures that the archive has not carried out yet.

    erasures/CUSTOMER.order     JSON

An order is written before a customer is erased, because afterwards nothing else knows which
events are the person's. It is removed once they are out of the archive.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from cjo_stream.core.answer import Erased
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.archive.forget import Person

_FOLDER: Final = "erasures"
_ENDING: Final = ".order"


class Order(msgspec.Struct, frozen=True):
    """A person who leaves the archive, and what the installation has answered."""

    person: Person
    answer: Erased
    """Without `done`, the customer may not have been erased when it was written."""

    @property
    def path(self) -> str:
        """The order's file."""
        return f"{_FOLDER}/{self.answer.customer_id}{_ENDING}"


def keep(folder: Folder, order: Order) -> None:
    """Write an order, in place of an earlier one about the same customer; raises RetryError."""
    folder.replace(order.path, msgspec.json.encode(order))


def left(folder: Folder, identifiers: Collection[tuple[str, str]]) -> list[Order]:
    """Return the orders about whoever has one of these identifiers; raises RetryError."""
    paths = (path for path in folder.paths(_FOLDER) if path.endswith(_ENDING))
    orders = [msgspec.json.decode(folder.read(path), type=Order) for path in paths]
    return [one for one in orders if not one.person.identifiers.isdisjoint(identifiers)]
