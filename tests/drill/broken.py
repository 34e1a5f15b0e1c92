"""cjo-stream with a defect: the handler of one type of event fails."""

from __future__ import annotations

import sys
from typing import Any

from cjo_stream.__main__ import main
from cjo_stream.core import actor
from cjo_stream.core.message import Deliver


def _failing(handler: Any) -> Any:
    def handle(key: str, state: Any, given: Any, turn: Any) -> Any:
        if given.event.type == "poison":
            raise ValueError("a defect of the drill")
        return handler(key, state, given, turn)

    return handle


if __name__ == "__main__":
    handlers = actor.OF_CUSTOMERS[Deliver]
    actor.OF_CUSTOMERS[Deliver] = {at: _failing(one) for at, one in handlers.items()}
    sys.exit(main())
