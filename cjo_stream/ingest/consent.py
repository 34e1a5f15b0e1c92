"""Statements of consent as senders write them, in the words of the contract.

A statement that cannot be read is refused: to drop it could mean to contact a customer who opted
out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from cjo_stream.core.likeness import surely
from cjo_stream.core.profile.consent import EVERY_CHANNEL, EVERYWHERE, NAME_CHARACTERS_MAX
from cjo_stream.core.word import ConsentStatus
from cjo_stream.errors import InputError
from cjo_stream.ingest.built_in import check_names

CONSENT_TYPE: Final = "cjo.consent"

STATUSES: Final = {
    ConsentStatus.GRANTED: (
        "granted", "grant", "given", "yes", "y", "true", "on", "opt_in", "opted_in", "optin",
        "subscribed", "subscribe", "resubscribed", "resubscribe", "group_resubscribe", "accepted",
        "accept", "allowed", "allow", "active", "confirmed", "consented", "confirmed_opt_in",
        "double_opt_in", "start", "unstop",
    ),
    ConsentStatus.DENIED: (
        "denied", "deny", "declined", "decline", "rejected", "reject", "refused", "refuse", "no",
        "n", "false", "off", "not_given", "not_granted", "not_subscribed", "never_subscribed",
        "non_subscribed", "not_opted_in", "disallowed", "no_consent",
    ),
    ConsentStatus.REVOKED: (
        "revoked", "revoke", "withdrawn", "withdraw", "opt_out", "opted_out", "optout",
        "unsubscribed", "unsubscribe", "group_unsubscribe", "global_unsubscribe",
        "globally_unsubscribed", "list_unsubscribe", "one_click_unsubscribe", "spam", "spamreport",
        "spam_report", "spam_complaint", "complained", "complaint", "abuse", "expired", "stop",
        "stopall", "cancel", "end", "quit",
    ),
}  # fmt: skip
"""What each status is called by the big senders; blanks and dashes count as `_`."""

_STATUS_OF: Final = {word: str(status) for status, words in STATUSES.items() for word in words}
_BETWEEN: Final = re.compile(r"[\s_-]+")
_NEEDED: Final = "purpose", "status"
_CHANNEL: Final = ("channel",)


def check_consent(attributes: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise InputError if a statement has an attribute only under a misspelt name.

    Without its `channel` a grant would be for every channel. So would a denial, which is the safe
    side: it is taken, whatever else it says. `known` are the names that a statement may have.
    """
    check_names(attributes, _NEEDED, known)
    if _status(attributes) == ConsentStatus.GRANTED:
        check_names(attributes, _CHANNEL, known)


def read_consent(attributes: dict[str, Any], channels: Collection[str]) -> dict[str, Any]:
    """Return the attributes of a statement with the words of the contract; raises InputError.

    `channels` are those of the topology.
    """
    purpose = _word(attributes.get("purpose"))
    if purpose is None or len(purpose) > NAME_CHARACTERS_MAX:
        raise InputError("invalid", "a consent needs `purpose`, a text such as marketing")
    status = _status(attributes)
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
    named = _word(channel)
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


def _status(attributes: Mapping[str, Any]) -> str | None:
    return _STATUS_OF.get(_BETWEEN.sub("_", _word(attributes.get("status")) or ""))


def _word(value: Any) -> str | None:
    """Return a text in lower case, as are `true` and `false`; None for what is not a word."""
    if isinstance(value, bool):
        return str(value).lower()
    return value.strip().lower() or None if isinstance(value, str) else None
