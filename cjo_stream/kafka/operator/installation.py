"""Operators' questions and orders to an installation on Kafka."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from cjo_stream.core.event import Identifier
from cjo_stream.core.message import identifier_key
from cjo_stream.core.program.program import Program
from cjo_stream.definition import DefinitionSet
from cjo_stream.engine.hold import Hold
from cjo_stream.errors import RefusalError
from cjo_stream.ingest.identifier import named
from cjo_stream.installation.answer import Applied, Holding, Kept, Population, Status, answered
from cjo_stream.installation.known import KnownSet
from cjo_stream.installation.port import Check, Order
from cjo_stream.kafka import command
from cjo_stream.kafka.definition import apply as definition
from cjo_stream.kafka.definition.population import population
from cjo_stream.kafka.operator import archived, holding, retention
from cjo_stream.kafka.operator.alternative import alternative
from cjo_stream.settings import Settings

_Answer = TypeVar("_Answer")


class OnKafka:
    """An installation on a broker.

    All methods raise RetryError where broker, worker or dispatch do not answer, RefusalError where
    the installation has another tenant key. The methods about customers raise UsageError where
    nothing is applied yet.
    """

    def __init__(self, settings: Settings, *, keep_key: bool = False) -> None:
        """`keep_key`: let `apply` store the tenant key if sets were applied and none is stored."""
        self.place = f"the topics {settings.topic_prefix}*"
        self._settings = settings
        self._keep_key = keep_key
        self._read: Program | None = None

    def status(self) -> Status:
        """Return which definition set runs where, asking every task; and what is held."""
        found = definition.status(self._settings)
        return msgspec.structs.replace(found, holding=self.holding())

    def apply(
        self,
        definitions: DefinitionSet,
        on_step: Callable[[str], None],
        check: Check,
        *,
        retire: bool = False,
    ) -> Applied:
        """Put a definition set in force; return when it is in force everywhere."""
        return definition.apply(
            self._settings, definitions, on_step, check, keep_key=self._keep_key, retire=retire
        )

    def in_force(self) -> bytes | None:
        """Return the set in force, as it is stored; None before the first `apply`."""
        return definition.content_in_force(self._settings, keep_key=self._keep_key)

    def sets(self) -> list[KnownSet]:
        """Return the sets that are kept, the oldest first."""
        return definition.kept_sets(self._settings)

    def former(self, number: int) -> bytes:
        """Return a set that is kept, as it was stored."""
        return definition.former_set(self._settings, number)

    def population(self) -> Population | None:
        """Return the set in force and its customers, asking every task."""
        return population(self._settings)

    def program(self) -> Program:
        """Return the definitions in force."""
        if self._read is None:
            self._read = definition.in_force(self._settings)
        return self._read

    def named(self, written: str) -> Identifier:
        """Return the identifier written `type:value`; raises UsageError.

        A value that names nobody is refused as that, also with another tenant key than the
        installation's.
        """
        key = self._settings.tenant_key_bytes()
        with alternative("name a state folder with --state"):
            self._settings.require_tenant_key()
            try:
                program = self.program()
            except RefusalError:
                keyless = self._settings.model_copy(update={"tenant_key": None})
                named(definition.in_force(keyless), key, written)
                raise
        return named(program, key, written)

    def look(self, at: Identifier, order: Order, answer: type[_Answer]) -> _Answer:
        """Return the answer to an order that changes nothing."""
        return self.order(at, order, answer)

    def order(self, at: Identifier, order: Order, answer: type[_Answer]) -> _Answer:
        """Carry out an order; return its answer."""
        body = command.ask_actor(self._settings, identifier_key(at.hash), order)
        return answered(body, at, answer)

    def holding(self) -> Holding:
        """Return what operators hold, and what waits."""
        return holding.read(self._settings)

    def hold(self, hold: Hold) -> None:
        """Let commands wait."""
        holding.write(self._settings, hold, is_held=True)

    def release(self, hold: Hold) -> None:
        """Take a hold back."""
        holding.write(self._settings, hold, is_held=False)

    def sweep(self) -> list[int]:
        """Let every store forget what was overwritten; return the partitions that have not."""
        return command.sweep(self._settings)

    def unarchived(self, on_wait: Callable[[], None]) -> list[str]:
        """Wait until what has come is archived; return the topic/partitions of which it is not."""
        return archived.unarchived(self._settings, self.program(), on_wait)

    def kept(self) -> list[Kept]:
        """Return what still holds earlier records and states, and for how long."""
        return retention.kept(self._settings, self.program())
