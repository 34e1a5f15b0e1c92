"""`timestamp`: what exports write is read, at the right instant, or is missing and counted."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cjo_stream.core.event import Event
from cjo_stream.core.expression import (
    MISSING,
    ExpressionError,
    Names,
    Place,
    Scope,
    compile_expression,
)
from cjo_stream.core.expression.timestamp import _USUAL, EARLIEST_MS, LATEST_MS, read

TEN = 1_772_013_600_000
"""2026-02-25 10:00 UTC."""
BERLIN = "Europe/Berlin"
ZONES = (BERLIN, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia")
MORE = settings(max_examples=500, deadline=None, derandomize=True, database=None)


def evaluated(text: str, x: Any) -> tuple[Any, Scope]:
    scope = Scope(0)
    scope.event = Event("seen", 0, {"x": x})
    expression = compile_expression(text, Place.JOURNEY, Names(), "journey.one")
    return expression.evaluate(scope), scope


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-25T10:00:00Z",
        "2026-02-25T10:00:00.000+0000",
        "2026-02-25 10:00:00 UTC",
        "2026-02-25 11:00:00 +0100",
        "2026-02-25 11:00:00+01:00",
        "2026-02-25 11:00:00+01",
        "2026-02-25T10:00Z",
        "2026-02-25T10:00:00",
        "2026-02-25 10:00",
        "2026-02-25 10:00:00,000",
        "2026-02-25 10:00:00.000000 UTC",
        "2026-02-25t10:00:00z",
        "2026-02-25 05:30-0430",
        "Wed, 25 Feb 2026 10:00:00 GMT",
        "Wed, 25 Feb 2026 11:00:00 +0100",
        "Wed, 25 Feb 2026 10:00:00 +0000 (UTC)",
        "25 Feb 2026 10:00 UT",
        "25 feb 26 05:00:00 EST",
        "1772013600000",
        1_772_013_600_000,
        1_772_013_600_000.9,
    ],
)
def test_what_exports_write_is_read(text: str) -> None:
    assert evaluated("timestamp(event.x)", text)[0] == TEN


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-25 10 o'clock",
        "2026-02-25",
        "20260225",
        "1772013600",
        "25.02.2026",
        "02/25/2026 10:00",
        "2026-02-30 10:00",
        "2026-02-25 24:00",
        "2026-02-25T24:00:00Z",
        "2026-02-25 10:60",
        "2026-02-25 10:00 +2500",
        "2026-02-25 10:00 CEST",
        "Tue, 25 Feb 2026 10:00:00 GMT",
        "Wed, 31 Feb 2026 10:00:00 GMT",
        "x" * 70_000,
        253_402_300_800_000,
        1e300,
        "9" * 16,
    ],
)
def test_what_is_no_time_is_missing_and_counted(text: Any) -> None:
    value, scope = evaluated("timestamp(event.x)", text)
    assert value is MISSING
    assert scope.unread == {("journey.one", "event.x", "value"): 1}
    assert scope.faults == {}


def test_python_s_own_reader_gets_nothing_that_its_releases_read_differently() -> None:
    assert _USUAL.fullmatch("2026-02-25T23:59:59Z")
    assert not _USUAL.fullmatch("2026-02-25T24:00:00Z")


@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_cell_is_no_value(blank: str) -> None:
    assert evaluated("timestamp(event.x)", blank)[1].unread == {}


@pytest.mark.parametrize("wrong", [True, [TEN], {"ms": TEN}])
def test_what_is_no_text_and_no_number_is_a_type_error(wrong: Any) -> None:
    value, scope = evaluated("timestamp(event.x)", wrong)
    assert value is MISSING
    assert scope.faults == {"journey.one": 1}


@pytest.mark.parametrize(
    ("unit", "given"),
    [
        ("s", 1_772_013_600),
        ("s", "1772013600"),
        ("s", "1772013600.0"),
        ("s", "1.7720136e9"),
        ("ms", 1_772_013_600_000),
        ("ms", "1772013600000"),
        ("us", 1_772_013_600_000_999),
        ("ns", 1_772_013_600_000_999_999),
        ("ns", "1772013600000999999"),
        ("excel", 46_078.416_666_666_664),
        ("excel", "46078.4166666667"),
    ],
)
def test_a_unit_says_what_a_number_means(unit: str, given: Any) -> None:
    assert evaluated(f"timestamp(event.x, '{unit}')", given)[0] == TEN


def test_a_fraction_of_seconds_is_cut_exactly() -> None:
    assert evaluated("timestamp(event.x, 's')", 1_772_013_600.123)[0] == TEN + 123
    assert evaluated("timestamp(event.x, 's')", "1772013600.1239")[0] == TEN + 123
    assert evaluated("timestamp(event.x, 's')", -0.5)[0] == -500


def test_days_of_a_spreadsheet_are_local_and_know_its_false_leap_day() -> None:
    berlin = f"timestamp(event.x, 'excel', '{BERLIN}')"
    assert evaluated(berlin, 46_078.458_333_333_336)[0] == TEN
    first = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)
    assert evaluated("timestamp(event.x, 'excel')", 1)[0] == first.timestamp() * 1000
    march = dt.datetime(1900, 3, 1, tzinfo=dt.UTC)
    assert evaluated("timestamp(event.x, 'excel')", 61)[0] == march.timestamp() * 1000
    assert evaluated("timestamp(event.x, 'excel')", 60)[0] is MISSING
    assert evaluated("timestamp(event.x, 'excel')", -1)[0] is MISSING


@pytest.mark.parametrize(
    ("pattern", "given"),
    [
        ("%d.%m.%Y %H:%M", "25.02.2026 10:00"),
        ("%d.%m.%Y %H:%M", "25.2.2026  10:00"),
        ("%m/%d/%Y %I:%M %p", "2/25/2026 10:00 AM"),
        ("%d/%b/%Y:%H:%M:%S %z", "25/Feb/2026:11:00:00 +0100"),
        ("%A, %d %B %Y %H.%M", "wednesday, 25 february 2026 10.00"),
        ("%Y%m%dT%H%M%SZ", "20260225T100000Z"),
        ("%Y-%m-%d %H:%M:%S %Z", "2026-02-25 10:00:00 UTC"),
        ("%Y-%j %H", "2026-056 10"),
        ("%G-W%V-%u %H:%M", "2026-W09-3 10:00"),
        ("%y%m%d%H%M", 2_602_251_000),
        ("%H:%M:%S.%f %d.%m.%y", "10:00:00.000999 25.02.26"),
        ("%d%%%m%%%Y %H", "25%02%2026 10"),
    ],
)
def test_a_pattern_says_how_a_time_is_written(pattern: str, given: Any) -> None:
    assert evaluated(f"timestamp(event.x, '{pattern}')", given)[0] == TEN


@pytest.mark.parametrize(
    ("pattern", "given"),
    [
        ("%d.%m.%Y", "31.02.2026"),
        ("%d.%m.%Y", "25.02.2026 10:00"),
        ("%Y-%j", "2026-366"),
        ("%G-W%V-%u", "2025-W53-1"),
        ("%a %d.%m.%Y", "Tue 25.02.2026"),
        ("%Y %z", "2026 +2400"),
        ("%d.%m.%Y", 25.5),
    ],
)
def test_what_does_not_fit_the_pattern_is_missing(pattern: str, given: Any) -> None:
    assert evaluated(f"timestamp(event.x, '{pattern}')", given)[0] is MISSING


def test_names_of_months_are_english_on_every_machine() -> None:
    assert evaluated("timestamp(event.x, '%d %b %Y')", "01 Mär 2026")[0] is MISSING


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-02-25 11:00", "2026-02-25T10:00:00Z"),
        ("2026-03-29 01:59:59", "2026-03-29T00:59:59Z"),
        ("2026-03-29 02:30", "2026-03-29T01:30:00Z"),  # in the gap: 03:30 by the new offset
        ("2026-03-29 03:00", "2026-03-29T01:00:00Z"),
        ("2026-10-25 02:30", "2026-10-25T00:30:00Z"),  # repeated: the earlier
        ("2026-10-25 03:00", "2026-10-25T02:00:00Z"),
        ("2026-10-25 02:30+01:00", "2026-10-25T01:30:00Z"),  # an offset says which
        ("Wed, 25 Feb 2026 11:00:00", "2026-02-25T10:00:00Z"),
    ],
)
def test_a_time_without_an_offset_is_local_to_the_zone(local: str, utc: str) -> None:
    assert evaluated(f"timestamp(event.x, null, '{BERLIN}')", local)[0] == read(utc, None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timestamp(event.x, 'sec')", "write 's'?"),
        ("timestamp(event.x, 'milli')", "(s, ms, us, ns, excel)"),
        ("timestamp(event.x, '%d.%m. %H:%M')", "has no year: add %Y"),
        ("timestamp(event.x, '%d.%M.%Y %H:%M')", "has '%M' twice"),
        ("timestamp(event.x, '%I:%M %Y')", "add %p, or write %H"),
        ("timestamp(event.x, '%Y-%m-%d %T')", "write %H:%M:%S"),
        ("timestamp(event.x, '%c %Y')", "depends on the machine's language"),
        ("timestamp(event.x, '%Y %Q')", "unknown '%Q'"),
        ("timestamp(event.x, null, 'Europe/Berln')", "did you mean 'Europe/Berlin'?"),
        ("timestamp(event.x, null, 'nowhere')", "is not a time zone"),
    ],
)
def test_a_format_or_zone_that_cannot_be_is_an_error_at_load(text: str, said: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_expression(text, Place.JOURNEY, Names())
    assert said in refused.value.message


def test_a_format_and_a_zone_may_come_with_the_data() -> None:
    assert evaluated("timestamp('25.02.2026 10:00', event.x)", "%d.%m.%Y %H:%M")[0] == TEN
    assert evaluated("timestamp('2026-02-25 10:00', event.x)", None)[0] == TEN
    assert evaluated("timestamp('2026-02-25 11:00', null, event.x)", BERLIN)[0] == TEN
    for wrong in ("", "%Q", "sec", "%d"):
        assert evaluated("timestamp('2026-02-25 10:00', event.x)", wrong)[0] is MISSING
    assert evaluated("timestamp('2026-02-25 10:00', null, event.x)", "Mars")[0] is MISSING
    assert evaluated("timestamp('2026-02-25 10:00', event.x)", 5)[1].faults


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        (1_772_013_600, True),
        (978_307_199, False),
        (TEN, False),
        (0, False),
        (4_102_444_801, False),
    ],
)
def test_a_number_that_can_only_be_seconds_is_counted(given: int, counted: bool) -> None:
    value, scope = evaluated("timestamp(event.x)", given)
    assert value == given
    assert scope.unread == ({("journey.one", "event.x", "seconds"): 1} if counted else {})
    for same in (given, str(given)):
        assert evaluated("timestamp(event.x, 'ms')", same)[1].unread == scope.unread
    in_seconds = evaluated("timestamp(event.x, 's')", given)[1].unread
    assert ("journey.one", "event.x", "seconds") not in in_seconds


NAIVE = st.integers(-631_152_000_000, 3_786_912_000_000).map(
    lambda ms: dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=ms)  # noqa: DTZ001 (local)
)
FORMS = (
    "%Y-%m-%d %H:%M:%S.%f",
    "%d.%m.%Y %H:%M:%S,%f",
    "%m/%d/%Y %I:%M:%S.%f %p",
    "%A %d %B %Y %H:%M:%S.%f",
    "%a %d-%b-%Y %H%M%S.%f",
    "%Y-%jT%H:%M:%S.%f",
    "%G %V %u %H:%M:%S.%f",
)


@MORE
@given(NAIVE, st.sampled_from(FORMS), st.sampled_from(ZONES))
def test_every_local_time_is_its_instant_in_every_pattern_and_zone(
    moment: dt.datetime, form: str, where: str
) -> None:
    aware = moment.replace(tzinfo=zoneinfo.ZoneInfo(where))
    wanted = (aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
    assert read(moment.strftime(form), form, where) == wanted
    assert dt.datetime.strptime(moment.strftime(form), form) == moment  # noqa: DTZ007 (as there)


@MORE
@given(NAIVE, st.integers(-23 * 60, 23 * 60))
def test_an_offset_says_the_instant_whatever_the_spelling(moment: dt.datetime, off: int) -> None:
    ms = (moment.replace(tzinfo=dt.UTC) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(
        milliseconds=1
    ) - off * 60_000
    sign, hours, minutes = "-" if off < 0 else "+", abs(off) // 60, abs(off) % 60
    day, clock = moment.strftime("%Y-%m-%d"), moment.isoformat(timespec="milliseconds")[11:]
    for between in "T ":
        for written in (f"{hours:02}:{minutes:02}", f"{hours:02}{minutes:02}"):
            for blank in ("", " "):
                text = f"{day}{between}{clock}{blank}{sign}{written}"
                assert read(text, None, BERLIN) == ms, text
    ms -= ms % 1000
    rfc = moment.strftime(f"%a, %d %b %Y %H:%M:%S {sign}{hours:02}{minutes:02}")
    assert read(rfc, None, BERLIN) == ms


@MORE
@given(st.integers(EARLIEST_MS, LATEST_MS), st.integers(0, 999_999))
def test_a_number_is_the_same_instant_in_every_unit(ms: int, rest: int) -> None:
    assert read(ms, None, None) == read(ms, "ms", None) == ms
    assert read(ms * 1_000_000 + rest, "ns", None) == ms
    assert read(str(ms * 1000 + rest // 1000), "us", None) == ms
    assert read(f"{Decimal(ms) / 1000:f}", "s", None) == ms


@MORE
@given(st.text(max_size=40), st.text(max_size=20) | st.sampled_from(FORMS), st.text(max_size=9))
def test_no_text_breaks_it(text: str, form: str, where: str) -> None:
    assert isinstance(read(text, form, where), int | None)
    assert isinstance(read(text, None, "UTC"), int | None)
