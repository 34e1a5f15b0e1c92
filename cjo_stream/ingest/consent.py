"""Statements of consent as senders write them, in the words of the contract.

A statement that cannot be read is refused: to drop it could mean to contact a customer who opted
out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from cjo_stream.core.likeness import surely
from cjo_stream.core.profile.consent import EVERY_CHANNEL, EVERYWHERE, NAME_CHARACTERS_MAX
from cjo_stream.core.vocabulary import status_of, word_of
from cjo_stream.core.word import ConsentStatus
from cjo_stream.errors import InputError
from cjo_stream.ingest.built_in import check_names

CONSENT_TYPE: Final = "cjo.consent"

_NEEDED: Final = "purpose", "status"
_CHANNEL: Final = ("channel",)


def check_consent(attributes: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise InputError if a statement has an attribute only under a misspelt name.

    Without its `channel` a grant would be for every channel. So would a denial, which is the safe
    side: it is taken, whatever else it says. `known` are the names that a statement may have.
    """
    check_names(attributes, _NEEDED, known)
    if status_of(attributes.get("status")) == ConsentStatus.GRANTED:
        check_names(attributes, _CHANNEL, known)


def read_consent(attributes: dict[str, Any], channels: Collection[str]) -> dict[str, Any]:
    """Return the attributes of a statement with the words of the contract; raises InputError.

    `channels` are those of the topology.
    """
    purpose = word_of(attributes.get("purpose"))
    if purpose is None or len(purpose) > NAME_CHARACTERS_MAX:
        raise InputError("invalid", "a consent needs `purpose`, a text such as marketing")
    status = status_of(attributes.get("status"))
    if status is None:
        raise InputError(
            "invalid",
            "the `status` of a consent is no word such as granted, denied or revoked; "
            "docs/events.md lists all",
        )
    read = {**attributes, "purpose": purpose, "status": status}
    channel = attributes.get("channel")
    if channel is None:
        return read
    named = word_of(channel)
    if named in EVERY_CHANNEL:
        named = EVERYWHERE
    elif named not in channels:
        known = ", ".join(sorted(channels))
        raise InputError("invalid", f"the `channel` of a consent is none of {known}, nor *")
    return {**read, "channel": named}


class Wide(NamedTuple):
    """Why a statement may be about every channel by mistake."""

    reason: str
    """`map`: the map of its records should give a `channel`; `attribute`: one may be meant so."""
    names: list[str]
    """Those attributes."""


def why_wide(read: dict[str, Any], known: Collection[str], *, has_map: bool) -> Wide | None:
    """Return why a statement without `channel` may be meant for one; None if nothing says so.

    Of a grant, any attribute that is not `known` may be meant as the channel; of a denial, which
    stops more than was meant at most, one whose name surely misspells it.
    """
    if read.get("channel") is not None:
        return None
    names = [name for name in read if name not in known]
    if read["status"] != ConsentStatus.GRANTED:
        names = [name for name in names if surely(name, _CHANNEL)]
    elif has_map:
        return Wide("map", [])
    return Wide("attribute", names) if names else None
