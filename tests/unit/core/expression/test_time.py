"""Functions of time: the customer's zone, days when clocks change, RFC 3339."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

import pytest

from cjo_stream.core.expression import MISSING, Names, Place, Scope, compile_expression, compiler
from cjo_stream.core.expression.zone import zone, zone_name
from cjo_stream.core.expression.zone_name import RAILS, WINDOWS


class Customer:
    """Someone somewhere."""

    def __init__(self, zone_name: str) -> None:
        self.zone = zone_name

    def get(self, name: str) -> Any:
        return MISSING

    def identifiers(self, type_: str) -> list[str]:
        return []

    def consented(self, purpose: str, channel: str) -> bool:
        return False


def ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


def value(text: str, now: str = "2026-03-01T00:00:00Z", where: str = "Europe/Berlin") -> Any:
    expression = compile_expression(text, Place.JOURNEY, Names(data=frozenset("x")))
    return expression.evaluate(Scope(ms(now), Customer(where)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00+00:00"),
        ("2026-03-01 10:00:00Z", "2026-03-01T10:00:00+00:00"),
        ("2026-03-01t10:00:00z", "2026-03-01T10:00:00+00:00"),
        ("2026-03-01T10:00:00.25+02:00", "2026-03-01T08:00:00.250+00:00"),
        ("2026-03-01T10:00:00.123456789Z", "2026-03-01T10:00:00.123+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
        ("2017-01-01T00:59:60.25+01:00", "2017-01-01T00:00:00.250000+00:00"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999+00:00"),
    ],
)
def test_timestamp_reads_rfc_3339(text: str, expected: str) -> None:
    assert value(f"timestamp('{text}')") == ms(expected)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01",
        "2026-02-30T10:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T10:00:00+25:00",
        "2026-03-01T10:00:00Z ",
        "0000-03-01T10:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "٢٠٢٦-03-01T10:00:00Z",
        "20260301T100000Z",
    ],
)
def test_what_says_no_time_is_missing(text: str) -> None:
    result = value(f"timestamp('{text}')")
    assert result is MISSING


def test_days_since_is_elapsed_time_over_24_hours() -> None:
    assert value("days_since(now - duration('36h'))") == 1.5
    assert value("hours_since(now - duration('90m'))") == 1.5
    assert value("days_since(now + duration('1d'))") == -1.0
    # A day of 23 hours is less than one.
    assert (
        value("days_since(timestamp('2026-03-28T23:00:00Z'))", "2026-03-29T22:00:00Z") == 23 / 24
    )


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("UTC", ["sun", 0, "2026-03-01"]),
        ("Europe/Berlin", ["sun", 1, "2026-03-01"]),
        ("America/New_York", ["sat", 19, "2026-02-28"]),
        ("Pacific/Kiritimati", ["sun", 14, "2026-03-01"]),
        ("Asia/Kolkata", ["sun", 5, "2026-03-01"]),
        ("Nowhere/Land", ["sun", 0, "2026-03-01"]),
    ],
)
def test_the_calendar_is_the_customer_s(where: str, expected: list[Any]) -> None:
    assert value("[weekday(), hour(), date()]", where=where) == expected
    assert value("[weekday(now), hour(now), date(now)]", where=where) == expected


def test_the_calendar_takes_another_time_and_ends_where_it_ends() -> None:
    assert value("date(timestamp('2025-12-31T23:30:00Z'))") == "2026-01-01"
    assert value("hour(0.5)", where="UTC") == 0
    assert value("weekday(-1)", where="UTC") == "wed"
    assert value("date(9e18)") is MISSING
    assert value("date(-9e18)") is MISSING
    assert value("date(1e300)") is MISSING


@pytest.mark.parametrize(
    ("now", "text", "expected"),
    [
        ("2026-03-02T07:59:59+01:00", "'08:00'", "2026-03-02T08:00:00+01:00"),
        ("2026-03-02T08:00:00+01:00", "'08:00'", "2026-03-03T08:00:00+01:00"),
        ("2026-03-02T09:00:00+01:00", "'08:00', ['mon']", "2026-03-09T08:00:00+01:00"),
        ("2026-03-02T07:00:00+01:00", "'08:00', ['mon']", "2026-03-02T08:00:00+01:00"),
        ("2026-03-02T07:00:00+01:00", "'08:00', ['sun', 'wed']", "2026-03-04T08:00:00+01:00"),
        ("2026-03-01T23:30:00+00:00", "'00:15'", "2026-03-03T00:15:00+01:00"),
    ],
)
def test_next_time_is_the_next_such_local_time_strictly_after_now(
    now: str, text: str, expected: str
) -> None:
    assert value(f"next_time({text})", now) == ms(expected)


@pytest.mark.parametrize(
    ("now", "clock", "expected"),
    [
        # 29 March 2026, Berlin: 02:00 becomes 03:00.
        ("2026-03-28T10:00:00+01:00", "09:00", "2026-03-29T09:00:00+02:00"),
        ("2026-03-29T00:00:00+01:00", "02:30", "2026-03-29T03:30:00+02:00"),
        ("2026-03-29T03:30:00+02:00", "02:30", "2026-03-30T02:30:00+02:00"),
        ("2026-03-29T01:59:59+01:00", "03:00", "2026-03-29T03:00:00+02:00"),
        # 25 October 2026: 03:00 becomes 02:00.
        ("2026-10-24T10:00:00+02:00", "09:00", "2026-10-25T09:00:00+01:00"),
        ("2026-10-25T00:00:00+02:00", "02:30", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T02:30:00+02:00", "02:30", "2026-10-26T02:30:00+01:00"),
        ("2026-10-25T02:15:00+01:00", "02:30", "2026-10-26T02:30:00+01:00"),
    ],
)
def test_next_time_has_each_local_time_once_where_clocks_change(
    now: str, clock: str, expected: str
) -> None:
    assert value(f"next_time('{clock}')", now) == ms(expected)


def test_next_time_knows_a_day_that_a_zone_left_out() -> None:
    # Samoa went from Thursday, 29 December 2011 to Saturday.
    now = "2011-12-29T12:00:00-10:00"
    assert value("next_time('09:00')", now, "Pacific/Apia") == ms("2011-12-31T09:00:00+14:00")
    friday = value("next_time('09:00', ['fri'])", now, "Pacific/Apia")
    assert friday == ms("2012-01-06T09:00:00+14:00")


def test_next_time_of_nothing_is_missing() -> None:
    assert value("next_time(data.x)") is MISSING
    assert value("next_time('09:00', [])") is MISSING
    assert value("next_time('09:00', [data.x])") is MISSING
    assert value("next_time(str(now))") is MISSING
    assert value("next_time('23:00')", "9999-12-31T23:30:00Z", "UTC") is MISSING


def test_zones_come_from_the_tzdata_package_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> zoneinfo.ZoneInfo:
        raise AssertionError(f"{name} was looked up in the system")

    monkeypatch.setattr(
        zoneinfo,
        "ZoneInfo",
        type(
            "Z",
            (),
            {
                "__new__": lambda cls, name: refuse(name),
                "from_file": staticmethod(zoneinfo.ZoneInfo.from_file),
            },
        ),
    )
    zone.cache_clear()
    assert zone("Asia/Tokyo") is not None
    zone.cache_clear()


@pytest.mark.parametrize(
    "name", ["", "europe/berlin", "../UTC", "Europe", "/etc/passwd", "Europe/Berlin/", "a" * 9999]
)
def test_only_a_zone_s_own_name_is_one(name: str) -> None:
    assert zone(name) is None


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("AMERICA/NEW YORK", "America/New_York"),
        ("Berlin", "Europe/Berlin"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("pacific standard time", "America/Los_Angeles"),
        ("Pacific Time (US & Canada)", "America/Los_Angeles"),
        ("Kyiv", "Europe/Kyiv"),
        ("Samoa", "Pacific/Apia"),
        ("utc", "UTC"),
        ("zulu", "Zulu"),
        ("+02:00", "+02:00"),
        ("UTC+2", "+02:00"),
        ("GMT-0330", "-03:30"),
        ("+00:00", "UTC"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        ("+15:00", None),
        ("Mars/Olympus", None),
        ("", None),
        ("CEST", None),
    ],
)
def test_a_zone_has_many_names(written: str, name: str | None) -> None:
    assert zone_name(written) == name
    if name is not None:
        assert zone(name) is not None


def test_every_name_of_windows_and_rails_is_a_zone() -> None:
    for written, name in (WINDOWS | RAILS).items():
        assert zone_name(written) == name, written
        assert zone(name) is not None


def test_an_offset_is_a_zone_without_clock_changes() -> None:
    fixed = zone("-03:30")
    assert fixed is not None
    assert fixed.utcoffset(None) == dt.timedelta(hours=-3, minutes=-30)


def test_datetime_may_import_what_it_reads_and_writes_patterns_with() -> None:
    """In the compiled wheel no function of ours stands between it and an expression."""
    names = {
        "__builtins__": compiler._NAMESPACE["__builtins__"],
        "write": dt.date(2026, 3, 1).strftime,
        "read": dt.datetime.strptime,
    }
    assert eval("write('%d.%m.%Y')", names) == "01.03.2026"
    assert eval("read('2026', '%Y').year", names) == 2026
    for other in ("os", "sys", "builtins"):
        with pytest.raises(ImportError):
            eval(f"__import__({other!r})", names)
