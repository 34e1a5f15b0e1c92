"""Identifiers as they are written become values that compare equal when they mean the same.

    normalise     value
    email         stripped; checked by email-validator without asking DNS; all in lower case
    phone         E.164, by phonenumbers; a national number is one of the topology's region
    (none)        NFKC, then stripped

An e-mail domain of `.test` is accepted (RFC 2606 sets it aside for tests). A phone number need
only be possible, by its length: which ranges are in use changes with each release of the library,
and a customer must not.

Normalising takes time, and some values take far more than others. So each kind has a length beyond
which a text is none of it and is not looked into, and `steps` says what a value may take: about a
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
"""A longer text names nobody, and would only swell state."""
EMAIL_BYTES_MAX = 254
"""RFC 5321."""
PHONE_CHARACTERS_MAX = 40
"""15 digits, and what parts them."""

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
    """Return how many steps a value of a kind may take to normalise; 0 for one that is too long.

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
