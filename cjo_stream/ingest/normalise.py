"""Normalises identifiers, so that different spellings of the same identifier are equal.

    normalise     value
    email         stripped; checked by email-validator without asking DNS; all in lower case
    phone         E.164, by phonenumbers; a national number is one of the topology's region
    (none)        NFKC, then stripped

An e-mail domain of `.test` is accepted (RFC 2606 reserves it for tests). A phone number must only
be possible, by its length: the ranges in use change with each release of the library, but a
customer's identifier must not.

Some values take much longer to normalise than others. So each kind has a bound of length, beyond
which a text is rejected unread, and `steps` returns how long a value may take at most: about a
microsecond a step, by its length and letters alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from cjo_stream.core.program.topology import IdentifierType
from cjo_stream.core.word import NormalForm

VALUE_CHARACTERS_MAX = 1_000
"""A longer text is not an identifier; it would only make the state large."""
EMAIL_BYTES_MAX = 254
"""RFC 5321."""
PHONE_CHARACTERS_MAX = 40
"""15 digits, and separators."""

BLOCKED = frozenset({"", "-1", "0", "null", "none", "undefined", "anonymous", "unknown", "n/a"})
_ZEROS = re.compile(r"[0-]*")

Normalise = Callable[[str], str | None]


def is_blocked(value: str, blocked: frozenset[str]) -> bool:
    """Return whether a value is blocked: by the built-in list, or by the topology's `blocked`.

    `blocked` is in lower case; the case of `value` does not matter.
    """
    lowered = value.strip().lower()
    return lowered in BLOCKED or lowered in blocked or _ZEROS.fullmatch(lowered) is not None


def normaliser(identifier: IdentifierType, region: str | None) -> Normalise:
    """Return the function that normalises values of a type; it returns None for a bad value."""
    if identifier.normalise == NormalForm.EMAIL:
        return email
    if identifier.normalise == NormalForm.PHONE:
        return lambda value: phone(value, region)
    return text


def is_too_long(kind: NormalForm | None, value: str) -> bool:
    """Return whether a text is longer than any value of its kind."""
    if kind == NormalForm.EMAIL:
        return len(value) > EMAIL_BYTES_MAX or len(value.encode()) > EMAIL_BYTES_MAX
    return len(value) > (
        PHONE_CHARACTERS_MAX if kind == NormalForm.PHONE else VALUE_CHARACTERS_MAX
    )


def steps(kind: NormalForm | None, value: str) -> int:
    """Return how many steps a value may take to normalise; 0 if it is too long.

    >>> names = ("ann.lee@example.com", "ann@xn--bcher-kva.example")
    >>> [steps(NormalForm.EMAIL, name) for name in names]
    [38, 175]
    """
    if is_too_long(kind, value):
        return 0
    if kind == NormalForm.EMAIL:
        is_plain = value.isascii() and "xn--" not in value.lower()
        return 2 * len(value) if is_plain else 7 * len(value.encode())
    if kind == NormalForm.PHONE:
        is_plain = value.isascii() and len(value) <= 20
        return (4 if is_plain else 16) * len(value)
    return 0 if value.isascii() else 2 * len(value)


def text(value: str) -> str | None:
    """Return `value` in Unicode's compatibility form, stripped."""
    return unicodedata.normalize("NFKC", value).strip()


def email(value: str) -> str | None:
    """Return an e-mail address in lower case, or None if the text is not one.

    >>> email(" Ann.Lee@Example.COM ")
    'ann.lee@example.com'
    """
    try:
        valid = validate_email(value.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return valid.normalized.lower()


def phone(value: str, region: str | None) -> str | None:
    """Return a phone number in E.164, or None if the text is not one, or lacks its area code.

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
