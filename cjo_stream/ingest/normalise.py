"""Identifiers as they are written become values that compare equal when they mean the same.

    normalise     value
    email         stripped; checked by email-validator without asking DNS; all in lower case
    phone         E.164, by phonenumbers; a national number is one of the topology's region
    (none)        NFKC, then stripped

An e-mail domain of `.test` is accepted (RFC 2606 sets it aside for tests). A phone number need
only be possible, by its length: which ranges are in use changes with each release of the library,
and a customer must not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from cjo_stream.core.program import IdentifierType

VALUE_CHARACTERS_MAX = 1_000
"""A longer text names nobody, and would only swell state."""

BLOCKED = frozenset({"", "-1", "0", "null", "none", "undefined", "anonymous", "unknown", "n/a"})
_ZEROS = re.compile(r"[0-]*")

Normalise = Callable[[str], str | None]


def is_blocked(value: str, blocked: frozenset[str]) -> bool:
    """Return whether a value stands for nobody: built in, or among the topology's `blocked`.

    `blocked` is in lower case; any case of `value` is.
    """
    lowered = value.strip().lower()
    return lowered in BLOCKED or lowered in blocked or _ZEROS.fullmatch(lowered) is not None


def normaliser(identifier: IdentifierType, region: str | None) -> Normalise:
    """Return the function that gives a type's normal form, or None for what has none."""
    if identifier.normalise == "email":
        return email
    if identifier.normalise == "phone":
        return lambda value: phone(value, region)
    return text


def text(value: str) -> str | None:
    """Return `value` in Unicode's compatibility form, stripped."""
    return unicodedata.normalize("NFKC", value).strip()


def email(value: str) -> str | None:
    """Return an address in lower case, or None where it is none.

    >>> email(" Ann.Lee@Example.COM ")
    'ann.lee@example.com'
    """
    try:
        valid = validate_email(value.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return valid.normalized.lower()


def phone(value: str, region: str | None) -> str | None:
    """Return a number in E.164, or None where it is none, or lacks its area.

    >>> phone("0170 1234567", "DE")
    '+491701234567'
    """
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
