"""The event types of built-in meaning, the attributes that they are read by, and their words.

All types that begin with `cjo.` are the engine's own: no other can be meant.
"""

from __future__ import annotations

import re
from typing import Any, Final

from cjo_stream.core.word import ConsentStatus

OWN: Final = "cjo."
BUILT_IN: Final[dict[str, tuple[str, ...]]] = {
    "cjo.profile": (),
    "cjo.consent": ("purpose", "channel", "status"),
    "cjo.outcome": ("action_id", "action", "channel", "outcome", "value", "issue", "group"),
}
"""The attributes of each type; those of `cjo.profile` are the facts."""

STATUSES: Final[dict[ConsentStatus, tuple[str, ...]]] = {
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


def status_of(value: Any) -> str | None:
    """Return the status that a sender's word stands for; None if it stands for none.

    >>> status_of("Opted-out"), status_of(True), status_of("perhaps")
    ('revoked', 'granted', None)
    """
    return _STATUS_OF.get(_BETWEEN.sub("_", word_of(value) or ""))


def word_of(value: Any) -> str | None:
    """Return a text in lower case, as are `true` and `false`; None for what is not a word."""
    if isinstance(value, bool):
        return str(value).lower()
    return value.strip().lower() or None if isinstance(value, str) else None
