"""Normalises identifiers, so that different spellings of the same identifier are equal.

    normalise     value
    email         checked by email-validator without asking DNS, or by what mail systems deliver
                  all the same (dots in any place, `_` in a domain); all in lower case
    phone         E.164 (`ingest/phone.py`)
    (none)        NFKC; digits that end in `.0` are an integer's, from a column of floats

Blanks and invisible characters at the edges are no part of any of them. An e-mail domain of
`.test` is accepted (RFC 2606 sets it aside for tests).

Some values take much longer to normalise than others. So each kind has a bound of length, beyond
which a text is rejected unread, and `steps` returns how long a value may take at most: about a
microsecond a step, by its length and letters alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from cjo_stream.core.program.topology import IdentifierType
from cjo_stream.core.word import Ignored, NormalForm

VALUE_CHARACTERS_MAX = 1_000
"""A longer text is not an identifier; it would only make the state large."""
EMAIL_BYTES_MAX = 254
"""RFC 5321."""
PHONE_CHARACTERS_MAX = 40
"""15 digits, and what parts them."""
EXACT_FLOATS: Final = 1 << 53
"""Below it a float holds every integer; beyond, another number may have been rounded to it."""

_INVISIBLE: Final = (
    " \t\n\r\v\f\x00\x1c\x1d\x1e\x1f\x85\xa0\xad\u1680\u180e"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u200e\u200f"
    "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u202f\u205f\u2060\u2061\u2062\u2063\u2064\u3000\ufeff"
)
_WHOLE: Final = re.compile(r"(-?[0-9]+)\.0+")
_DELIVERED: Final = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}"
    r"@(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+(?!(?:invalid|localhost|onion|arpa)$)[a-z]{2,63}"
)
"""Addresses that no grammar allows and mail systems deliver."""

Normalise = Callable[[str, bool], str | Ignored]
"""From a value, and whether it came as a number, to its normal form, or why it has none."""


def normaliser(identifier: IdentifierType, region: str | None) -> Normalise:
    """Return the function that gives a type's normal form."""
    if identifier.normalise == NormalForm.EMAIL:
        return lambda value, _: email(value)
    if identifier.normalise == NormalForm.PHONE:
        from cjo_stream.ingest.phone import phone  # only those who have numbers pay for it

        return lambda value, is_number: phone(text(value), region, is_number=is_number)
    return lambda value, _: without_fraction(text(value))


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
        is_plain = value.isascii() and value[:1] in ("+", "0") and len(value) <= 20
        return (4 if is_plain else 16) * len(value)
    return 0 if value.isascii() else 2 * len(value)


def text(value: str) -> str:
    """Return `value` in Unicode's compatibility form, without what cannot be seen at its edges."""
    return unicodedata.normalize("NFKC", value).strip(_INVISIBLE)


def without_fraction(value: str) -> str:
    """Return the digits of an integer that a column of floats wrote; any other text as it is.

    >>> without_fraction("12345.0"), without_fraction("1.5")
    ('12345', '1.5')
    """
    whole = _WHOLE.fullmatch(value)
    return whole[1] if whole else value


def text_of_number(number: float) -> str | Ignored:
    """Return an identifier that came as a number, as text.

    >>> text_of_number(12345), text_of_number(12345.0), text_of_number(0.5)
    ('12345', '12345', '0.5')
    """
    if isinstance(number, int):
        return str(number)
    if not number.is_integer():
        return repr(number)
    return str(int(number)) if abs(number) < EXACT_FLOATS else Ignored.AMBIGUOUS


def email(value: str) -> str | Ignored:
    """Return an address in lower case.

    >>> email(" Ann.Lee@Example.COM "), email("ann..lee.@example.com")
    ('ann.lee@example.com', 'ann..lee.@example.com')
    """
    from email_validator import EmailNotValidError, validate_email  # likewise of addresses

    bare = value.strip(_INVISIBLE).removeprefix("mailto:").rstrip(".")
    try:
        valid = validate_email(
            bare, check_deliverability=False, test_environment=True, allow_quoted_local=True
        )
    except EmailNotValidError:
        lowered = bare.lower()
        return lowered if _DELIVERED.fullmatch(lowered) else Ignored.UNUSABLE
    return valid.normalized.lower()
