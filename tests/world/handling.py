"""Puts another handler of a message in the place of the product's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cjo_stream.core import actor

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
