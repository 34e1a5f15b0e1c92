"""The words of events with a built-in meaning: what surely misspells one is refused.

Such an event would be taken for another: an opt-out for something that happened, a consent for one
channel for a consent for all, an outcome for one without a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cjo_stream.core.program.program import ENGINE_TYPES
from cjo_stream.core.vocabulary import BUILT_IN, OWN, meant
from cjo_stream.errors import InputError

_OF_OUTCOMES: Final = "outcome", "value"
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
    near = meant(type_, BUILT_IN)
    why = f"`type` begins with {OWN} and is none of {', '.join(sorted(BUILT_IN))}"
    return why if near is None else f"{why}; did you mean {near}?"


def check_outcome(attributes: Mapping[str, Any]) -> None:
    """Raise InputError if an outcome has an attribute only under a misspelt name."""
    check_names(attributes, _OF_OUTCOMES)
    if attributes.get("action_id") is None:
        check_names(attributes, _OF_COMMANDS)


def check_names(attributes: Mapping[str, Any], words: Iterable[str]) -> None:
    """Raise InputError if an attribute is missing, and another has a name that is nearly so."""
    missing = [word for word in words if attributes.get(word) is None]
    if not missing:
        return
    for name, value in attributes.items():
        near = None if value is None or name in _KNOWN else meant(name, missing)
        if near is not None:
            raise InputError("invalid", f"unknown attribute `{name}`; did you mean `{near}`?")


_KNOWN: Final = frozenset[str]().union(*BUILT_IN.values())
