"""The customers who live by the applied set, and what another one would do to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from cjo_stream.core.message import Foresee
from cjo_stream.definition import compile_stored, heed
from cjo_stream.engine.prospect import Foreseen, People, together
from cjo_stream.installation.answer import Population
from cjo_stream.kafka.command import ask_each
from cjo_stream.kafka.definition.apply import (
    APPLY_WITHIN_S,
    answered,
    check_errors,
    content_in_force,
    counted,
    with_entrants,
)
from cjo_stream.settings import Settings

FORESEEN_CUSTOMERS: Final = 2_000
"""Whom a task looks at for one question of a plan: it does nothing else in the meantime."""


def population(settings: Settings, within_s: float = APPLY_WITHIN_S) -> Population | None:
    """Return the applied set and its customers, asking every task.

    None before the first `apply`; raises RetryError where a partition does not answer.
    """
    content = content_in_force(settings)
    if content is None:
        return None
    live, verdicts = counted(settings, within_s)
    return Population(
        content=heed(content, verdicts),
        living=with_entrants(live, compile_stored(content)),
        foresee=lambda after: _foresee(settings, after, within_s),
    )


def _foresee(settings: Settings, content: bytes, within_s: float) -> People:
    """Return what a set would do to the customers, asking every task for some after the other."""
    parts: list[People] = []
    following = dict.fromkeys(range(settings.partitions), "")
    while following:
        places = dict(following)

        def questions(command_id: str, places: Mapping[int, str] = places) -> dict[int, Foresee]:
            return {
                partition: Foresee(content, after, FORESEEN_CUSTOMERS, command_id)
                for partition, after in places.items()
            }

        answers = answered(ask_each(settings, questions, within_s), places, within_s)
        check_errors(answers.values())
        following.clear()
        for partition, answer in answers.items():
            foreseen = msgspec.convert(answer, Foreseen)
            parts.append(foreseen.people)
            if foreseen.after is not None:
                following[partition] = foreseen.after
    return together(parts)
