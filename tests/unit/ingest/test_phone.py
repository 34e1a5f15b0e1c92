"""Phone numbers, however they are written: the right one or none, never another's."""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from cjo_stream.core.word import Ignored
from cjo_stream.ingest.normalise import text
from cjo_stream.ingest.phone import phone

UNUSABLE, AMBIGUOUS, BLOCKED = Ignored.UNUSABLE, Ignored.AMBIGUOUS, Ignored.BLOCKED
NUMBERS = 200_000 if os.environ.get("CJO_LONG") else 1_500
GERMAN = "+491701234567"


@pytest.mark.parametrize(
    ("written", "region", "normal"),
    [
        ("0170 1234567", "DE", GERMAN),
        ("0170/1234567", "DE", GERMAN),
        ("+49 (0)170 / 123 45 67", "DE", GERMAN),
        ("+49 170 1234567", None, GERMAN),
        ("tel:+49-170-1234567", None, GERMAN),
        ("(+49) 170 1234567", "US", GERMAN),
        ("0049 170 1234567", None, GERMAN),
        ("+0049 170 1234567", None, GERMAN),
        ("011 49 170 1234567", "US", GERMAN),
        ("491701234567", "DE", GERMAN),
        ("491701234567.0", "DE", GERMAN),
        ("+491701234567.0", "DE", GERMAN),
        ("1701234567", "DE", GERMAN),
        ("1701234567.0", "DE", GERMAN),
        ("٠١٧٠١٢٣٤٥٦٧", "DE", GERMAN),
        ("+49\u00a0170\u20111234567", None, GERMAN),
        ("0170 1234567", None, AMBIGUOUS),
        ("491701234567", "US", UNUSABLE),
        ("(415) 555-0132", "US", "+14155550132"),
        ("1 415 555 0132", "US", "+14155550132"),
        ("555-0132", "US", UNUSABLE),
        ("123", "DE", UNUSABLE),
        ("call me", "DE", UNUSABLE),
        ("0170 123 mob", "DE", UNUSABLE),
        ("4.91701234567E+11", "DE", UNUSABLE),
        ("+49 170 1234567 / 030 123456", "DE", UNUSABLE),
        ("030 123456/78", "DE", UNUSABLE),
        ("9" * 40, "DE", UNUSABLE),
        ("1111111111", "US", BLOCKED),
        ("", "DE", UNUSABLE),
        ("+", None, UNUSABLE),
        ("x5", None, UNUSABLE),
        # Mexico's prefix of mobile numbers, which went in 2019
        ("+52 1 55 1234 5678", "DE", "+525512345678"),
        ("5215512345678", "MX", "+525512345678"),
        ("044 55 1234 5678", "MX", "+525512345678"),
        ("55 1234 5678", "MX", "+525512345678"),
        # 00 and the country code, or a carrier's 005 and another one
        ("00573015350017", "CO", AMBIGUOUS),
        ("00571234567890", "CO", UNUSABLE),
        ("+57 301 5350017", "CO", "+573015350017"),
        # an extension is another line
        ("+49 30 123456 ext. 7", None, "+4930123456;ext=7"),
        ("030 123456 x7", "DE", "+4930123456;ext=7"),
        ("+4930123456;ext=7", None, "+4930123456;ext=7"),
        ("(415) 555-0132 #12", "US", "+14155550132;ext=12"),
        # an Italian fixed line without its zero may be a mobile number
        ("3123456788", "IT", "+393123456788"),
        ("3123456788.0", "IT", AMBIGUOUS),
        ("212345678", "IT", UNUSABLE),
    ],
)
def test_phone(written: str, region: str | None, normal: str) -> None:
    assert phone(text(written), region) == normal


def spellings(number: PhoneNumber) -> Iterator[tuple[str, str]]:
    """Yield the ways in which people, forms and exports write a number, by name."""
    whole = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    local = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    bare = phonenumbers.national_significant_number(number)
    yield "E.164", whole
    yield "international", phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    yield "00", "00" + whole[1:]
    yield "national", local
    yield "digits", re.sub(r"\D", "", local)
    yield "with code, no plus", whole[1:]
    yield "a float with code", whole[1:] + ".0"
    yield "without trunk prefix", bare
    yield "an integer", str(number.national_number)
    yield "a float", f"{number.national_number}.0"


def numbers(random_: random.Random, region: str, count: int) -> Iterator[PhoneNumber]:
    """Yield numbers that a region has, made from examples by other digits at their ends."""
    kinds = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
    examples = [e for k in kinds if (e := phonenumbers.example_number_for_type(region, k))]
    for _ in range(count):
        example = random_.choice(examples)
        digits = str(example.national_number)
        kept = random_.randint(1, len(digits) - 1)
        changed = digits[:kept] + "".join(random_.choices("0123456789", k=len(digits) - kept))
        number = PhoneNumber()
        number.merge_from(example)
        number.national_number = int(changed)
        if phonenumbers.is_valid_number_for_region(number, region):
            yield number


def test_no_spelling_of_a_number_is_another_number() -> None:
    regions = sorted(phonenumbers.SUPPORTED_REGIONS)
    random_ = random.Random(NUMBERS)
    tried, right = Counter[str](), Counter[str]()
    for region in regions:
        for number in numbers(random_, region, 2 * NUMBERS // len(regions)):
            meant = phonenumbers.format_number(number, PhoneNumberFormat.E164)
            for how, written in spellings(number):
                found = phone(text(written), region)
                tried[how] += 1
                if not isinstance(found, Ignored):
                    assert found == meant, (region, how, written)
                    right[how] += 1
    for how in ("E.164", "international", "national", "digits"):
        assert right[how] == tried[how], how
    assert right["00"] > 0.99 * tried["00"], "a carrier's prefix may begin so"
    assert all(right[how] > 0.95 * tried[how] for how in tried), (right, tried)
