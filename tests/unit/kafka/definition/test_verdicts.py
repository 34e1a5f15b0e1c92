"""The verdicts of guards as tasks answer them."""

from __future__ import annotations

import msgspec

from cjo_stream.core.answer import SetInForce
from cjo_stream.kafka.definition.apply import verdicts_in


def test_verdicts_are_read_from_an_answer() -> None:
    body = SetInForce(2, None, verdicts=[("welcome", 2, "back")])
    answer = msgspec.json.decode(msgspec.json.encode(body))
    assert verdicts_in(answer) == [("welcome", 2, "back")]
    assert verdicts_in({"active": 1}) == []  # of an earlier release
