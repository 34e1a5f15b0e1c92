"""An operator's commands on the customers of an installation, sent to whom they are for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cjo_stream.core.event import Identifier
from cjo_stream.core.message import ActorMessage, identifier_key
from cjo_stream.errors import UsageError
from cjo_stream.ingest.identifier import named
from cjo_stream.kafka import command, retention
from cjo_stream.kafka.definition import current
from cjo_stream.settings import Settings


class OnKafka:
    """The customers of an installation; raises UsageError where nothing is applied yet.

    RefusalError where the installation has another tenant key.

    All methods raise RetryError where broker, worker or dispatch do not answer.
    """

    def __init__(self, settings: Settings) -> None:
        settings.require_tenant_key()
        program = current(settings)
        if program is None:
            raise UsageError("nothing is applied yet: run `cjo-stream apply TOPOLOGY`")
        self._settings = settings
        self._program = program

    def named(self, written: str) -> Identifier:
        """Return the identifier written `type:value`; raises UsageError."""
        return named(self._program, self._settings.tenant_key_bytes(), written)

    def look(self, at: Identifier, order: Callable[[str], ActorMessage]) -> Any:
        """Return the answer to an order that changes nothing."""
        return self.tell(at, order)

    def tell(self, at: Identifier, order: Callable[[str], ActorMessage]) -> Any:
        """Have an order carried out; return its answer."""
        return command.ask_actor(self._settings, identifier_key(at.hash), order)

    def sweep(self) -> list[int]:
        """Let every store forget what was overwritten; return the partitions that have not."""
        return command.sweep(self._settings)

    def kept(self) -> list[retention.Kept]:
        """Return what still holds what was written before, and for how long."""
        return retention.kept(self._settings, self._program)
