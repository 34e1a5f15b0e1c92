"""Handlers of messages that stand in for the product's: they fail, or do something more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cjo_stream.core import actor
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn

Handler = Callable[..., Any]


def wrap_handlers(
    patch: pytest.MonkeyPatch, message: type, wrap: Callable[[Handler], Handler]
) -> None:
    """Let `wrap` make of each handler of a message what handles it instead."""
    if message in actor.OF_IDENTIFIERS:
        patch.setitem(actor.OF_IDENTIFIERS, message, wrap(actor.OF_IDENTIFIERS[message]))
    else:
        wrapped = {at: wrap(handler) for at, handler in actor.OF_CUSTOMERS[message].items()}
        patch.setitem(actor.OF_CUSTOMERS, message, wrapped)


def fail_handlers(
    monkeypatch: pytest.MonkeyPatch,
    message: type,
    error: type[BaseException] = ValueError,
    bad: Callable[[Any], bool] = lambda message: message.event.type == "poison",
) -> None:
    """Let the handler of `message` do its work on the bad ones, and something more, and raise."""

    def faulty(handler: Handler) -> Handler:
        def handle(key: str, state: Any, given: Any, turn: Turn) -> Any:
            after = handler(key, state, given, turn)
            if bad(given):
                if isinstance(after, Customer):
                    after.events += 1_000
                    after.instances.clear()
                turn.count("cjo_events_total", "web", "half done")
                raise error("secret-value")
            return after

        return handle

    wrap_handlers(monkeypatch, message, faulty)
