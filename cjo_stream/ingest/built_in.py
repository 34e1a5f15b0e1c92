"""The words of events with a built-in meaning: what surely misspells one is refused.

Such an event would be taken for another: an opt-out for something that happened, a consent for one
channel for a consent for all, an acceptance for one without a value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from cjo_stream.core.command.window import ACCEPTANCES
from cjo_stream.core.likeness import nearest, surely
from cjo_stream.core.program.program import ENGINE_TYPES
from cjo_stream.core.vocabulary import BUILT_IN, OWN
from cjo_stream.errors import InputError

_OF_OUTCOMES: Final = ("outcome",)
_OF_ACCEPTANCES: Final = ("value",)
_OF_COMMANDS: Final = "action_id", "action", "channel"
"""What names a command; with the first of them nothing else is needed."""


def why_refused(type_: str) -> str | None:
    """Return why no producer may send events of a type; None if one may.

    >>> why_refused("cjo.consnt")
    '`type` begins with cjo. and is none of cjo.consent, cjo.outcome, cjo.profile; did you mean \
cjo.consent?'
    """
    if type_ in ENGINE_TYPES:
        return f"the engine alone raises {type_}: give the event another `type`"
    if not type_.startswith(OWN) or type_ in BUILT_IN:
        return None
    near = nearest(type_.removeprefix(OWN), (word.removeprefix(OWN) for word in BUILT_IN))
    why = f"`type` begins with {OWN} and is none of {', '.join(sorted(BUILT_IN))}"
    return why if near is None else f"{why}; did you mean {OWN}{near}?"


def check_outcome(attributes: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise InputError if an outcome has an attribute only under a misspelt name.

    `known` are the names that an outcome may have, which misspell none.
    """
    check_names(attributes, _OF_OUTCOMES, known)
    if str(attributes.get("outcome")) in ACCEPTANCES:
        check_names(attributes, _OF_ACCEPTANCES, known)
    if attributes.get("action_id") is None:
        check_names(attributes, _OF_COMMANDS, known)


def check_names(
    attributes: Mapping[str, Any], words: Iterable[str], known: Collection[str]
) -> None:
    """Raise InputError if an attribute is missing, and one that is not known misspells it."""
    missing = [word for word in words if attributes.get(word) is None]
    if not missing:
        return
    for name, value in attributes.items():
        near = None if value is None or name in known else surely(name, missing)
        if near is not None:
            raise InputError("invalid", f"unknown attribute `{name}`; did you mean `{near}`?")
