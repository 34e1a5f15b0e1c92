"""Phone numbers as people, forms and exports write them, in E.164.

    written                          of region DE             is
    +49 170 1234567, 0049170…        any                      international
    0170 1234567                     with its trunk prefix    national
    491701234567, 491701234567.0     with its own country     international, where that is a
                                     code                     number
    1701234567                       neither                  national, where that is a number
    … ext. 5                         an extension             another line: `+49…;ext=5`

The number of one person must never become that of another. So digits that may mean two numbers
are AMBIGUOUS, and letters, two numbers at once and Excel's `4.9E+11` are UNUSABLE. A spreadsheet
that keeps numbers takes their leading zero; what is left is read as national only where no other
reading is a number.

A number with its country code or trunk prefix need only be possible, by its length: which ranges
are in use changes with each release of the library, and a customer must not.
"""

from __future__ import annotations

import re
from typing import Final

import phonenumbers
from phonenumbers import CountryCodeSource, PhoneNumber, PhoneNumberFormat, PhoneNumberType
from phonenumbers.phonemetadata import PhoneMetadata

from cjo_stream.core.word import Ignored

_FLOAT: Final = re.compile(r"([^.]+)\.0+")
"""A column of floats ends each number in `.0`."""
_EXTENSION: Final = re.compile(
    r"(.*?)[\s,;]*(?:;ext=|ext(?:ension|n)?[.:]?|durchwahl|x|#|доб\.?)\s*([0-9]{1,7})",
    re.IGNORECASE,
)
_WRITTEN: Final = re.compile(r"(?:tel:)?[(]?[+]*[\d\s().\-/‐-―−]+", re.IGNORECASE)
_ALTERNATIVE: Final = re.compile(r"\d\s*/\s*\d{1,3}$")
"""`030 123456/78` is two lines, or one of them with an extension."""
_MEXICO: Final = re.compile(r"(?:1|01|04[45])(\d{10})")
"""Mexico's prefix of mobile numbers, and those of dialling them, until 2019."""
_MEXICO_CODE: Final = 52
_MOBILE: Final = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
_INVALID: Final = PhoneNumberType.UNKNOWN
_POSSIBLE: Final = phonenumbers.ValidationResult.IS_POSSIBLE


def phone(value: str, region: str | None, *, is_number: bool = False) -> str | Ignored:
    """Return a number in E.164, with `;ext=` where it has an extension, or why there is none.

    `value` is in compatibility form (NFKC), without blanks around; `is_number` where it came as
    one, and has no leading zeros.

    >>> phone("0170 1234567", "DE"), phone("491701234567.0", "DE")
    ('+491701234567', '+491701234567')
    >>> phone("+49 30 123456 ext. 7", None)
    '+4930123456;ext=7'
    """
    if whole := _FLOAT.fullmatch(value):
        value, is_number = whole[1], True
    written, extension = _parted(value)
    if not _WRITTEN.fullmatch(written) or _ALTERNATIVE.search(written):
        return Ignored.UNUSABLE
    number = _read(written, region, lacks_zeros=is_number)
    if isinstance(number, Ignored):
        return number
    if len(set(phonenumbers.national_significant_number(number))) == 1:
        return Ignored.BLOCKED  # a form's 1111111111
    return f"{_e164(number)};ext={extension}" if extension else _e164(number)


def _parted(value: str) -> tuple[str, str]:
    """Return the number as written, and its extension."""
    if parted := _EXTENSION.fullmatch(value):
        return parted[1], parted[2]
    return value, ""


def _read(written: str, region: str | None, *, lacks_zeros: bool) -> PhoneNumber | Ignored:
    digits = re.sub(r"\D", "", written)
    if "+" in written:
        return _possible(_parse("+" + digits.lstrip("0")))
    own = None if region is None else PhoneMetadata.metadata_for_region(region)
    if digits.startswith("00"):
        return _read_dialled(
            digits, region, is_usual=own is not None and own.international_prefix == "00"
        )
    if own is None:
        return Ignored.AMBIGUOUS
    here = _parse(digits, region)
    if here is None:
        return Ignored.UNUSABLE
    if here.country_code_source == CountryCodeSource.FROM_NUMBER_WITH_IDD:
        return here if _is_valid(here) else Ignored.UNUSABLE
    is_whole = phonenumbers.national_significant_number(here) == digits
    if digits.startswith("0") or not is_whole:
        return _possible(here)
    return _choose(digits, here, own, lacks_zeros=lacks_zeros)


def _read_dialled(digits: str, region: str | None, *, is_usual: bool) -> PhoneNumber | Ignored:
    """Read digits that begin with 00: the usual prefix of foreign calls, but not everywhere."""
    written = _parse("+" + digits[2:])
    if region is None or is_usual:
        return _possible(written)
    dialled = _parse(digits, region)
    if (
        dialled is None
        or dialled.country_code_source != CountryCodeSource.FROM_NUMBER_WITH_IDD
        or not _is_valid(dialled)
    ):
        return written if written and _is_valid(written) else Ignored.UNUSABLE
    # In Colombia 005 is a carrier's prefix: 0057 is Colombia's code, or Russia's behind it.
    if written and _is_valid(written) and _e164(written) != _e164(dialled):
        return Ignored.AMBIGUOUS
    return dialled


def _choose(
    digits: str, here: PhoneNumber, own: PhoneMetadata, *, lacks_zeros: bool
) -> PhoneNumber | Ignored:
    """Choose what digits without any prefix are: national, or with a country code and no plus."""
    kind, is_usual = phonenumbers.number_type(here), _is_usual(digits, here)
    abroad = _parse("+" + digits)
    kind_abroad = _INVALID if abroad is None else phonenumbers.number_type(abroad)
    if abroad is not None and kind_abroad != _INVALID and digits.startswith(str(own.country_code)):
        if kind == _INVALID or _e164(abroad) == _e164(here):
            return abroad
        return abroad if kind_abroad in _MOBILE and not is_usual else Ignored.AMBIGUOUS
    if kind == _INVALID:
        return _possible(here) if _has_one_length(own) else Ignored.UNUSABLE
    if kind_abroad != _INVALID and kind not in _MOBILE and not is_usual:
        return Ignored.AMBIGUOUS
    # Where a leading zero is part of the number, as in Italy and Gabon, that may be another's.
    longer = _parse("0" + digits, own.id)
    if longer is not None and _e164(longer) != _e164(here):
        kind_longer = phonenumbers.number_type(longer)
        if kind_longer == kind or (lacks_zeros and kind_longer != _INVALID):
            return Ignored.AMBIGUOUS
    return here


def _has_one_length(own: PhoneMetadata) -> bool:
    return own.general_desc is not None and len(own.general_desc.possible_length) == 1


def _is_usual(digits: str, number: PhoneNumber) -> bool:
    """Tell whether people of its region write a number in just these digits."""
    return (
        re.sub(r"\D", "", phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)) == digits
    )


def _possible(number: PhoneNumber | None) -> PhoneNumber | Ignored:
    if number is None or phonenumbers.is_possible_number_with_reason(number) != _POSSIBLE:
        return Ignored.UNUSABLE
    return number


def _parse(written: str, region: str | None = None) -> PhoneNumber | None:
    """Return a number, not yet held to be one; None for what cannot be one."""
    try:
        number = phonenumbers.parse(written, region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None
    if number.country_code == _MEXICO_CODE:
        national = phonenumbers.national_significant_number(number)
        if mobile := _MEXICO.fullmatch(national):
            number.national_number, number.italian_leading_zero = int(mobile[1]), None
    return number


def _is_valid(number: PhoneNumber) -> bool:
    return phonenumbers.number_type(number) != _INVALID


def _e164(number: PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))
