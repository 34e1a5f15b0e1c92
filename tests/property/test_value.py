"""Values of exports, grown at random: each spelling is the one value that was meant, or refused.

`CJO_LONG=1` tries two hundred times as many.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cjo_stream.core.expression.timestamp import read
from cjo_stream.core.expression.zone import read_timestamp, zone, zone_name, zone_names
from cjo_stream.core.expression.zone_name import RAILS, WINDOWS
from cjo_stream.core.program.topology import IdentifierType
from cjo_stream.core.vocabulary import STATUSES
from cjo_stream.core.word import ConsentStatus, Ignored
from cjo_stream.errors import InputError
from cjo_stream.ingest.consent import read_consent
from cjo_stream.ingest.normalise import EXACT_FLOATS, normaliser, text_of_number

LONG = bool(os.environ.get("CJO_LONG"))
EXAMPLES = settings(max_examples=100_000 if LONG else 500, deadline=None)

# --- ids

USER = normaliser(IdentifierType(type="user", rank=0), None)


def id_of(value: str | float) -> str | Ignored:
    """Return the identifier that a value of JSON, or a cell, stands for."""
    if isinstance(value, str):
        return USER(value, False)
    written = text_of_number(value)
    return written if isinstance(written, Ignored) else USER(written, True)


@EXAMPLES
@given(
    st.integers(1 - EXACT_FLOATS, EXACT_FLOATS - 1),
    st.integers(1, 4),
    st.sampled_from("  \t\ufeff"),
)
def test_each_spelling_of_an_integer_is_that_integer(n: int, zeros: int, edge: str) -> None:
    spellings: list[str | float] = [n, float(n), str(n), f"{n}.{'0' * zeros}", f"{edge}{n}{edge}"]
    assert {id_of(one) for one in spellings} == {str(n)}


@EXAMPLES
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_no_other_number(number: float) -> None:
    found = id_of(number)
    if isinstance(found, Ignored):
        assert abs(number) >= EXACT_FLOATS
        assert number.is_integer()
    else:
        assert float(found) == number


@EXAMPLES
@given(st.text(max_size=40), st.text(max_size=40))
def test_a_normal_form_is_its_own_and_of_equal_texts_alone(one: str, other: str) -> None:
    a, b = id_of(one), id_of(other)
    assert id_of(str(a)) == a
    if one.isascii() and other.isascii() and a == b:
        assert bare(one) == bare(other)


def bare(value: str) -> str:
    return re.sub(r"\.0+$", "", re.sub(r"^[\s\x00]+|[\s\x00]+$", "", value))


# --- times

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
OFFSETS = [dt.timedelta(minutes=15 * n) for n in range(-12 * 4, 14 * 4 + 1)]
MOMENTS = st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2200, 1, 1)).map(  # noqa: DTZ001 (as written, the offset comes apart)
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)


def offset_of(by: dt.timedelta, colon: str) -> str:
    minutes = abs(by) // dt.timedelta(minutes=1)
    return f"{'-' if by < dt.timedelta() else '+'}{minutes // 60:02}{colon}{minutes % 60:02}"


SPELLINGS: dict[str, Callable[[dt.datetime, dt.timedelta], tuple[str, str | None]]] = {
    "RFC 3339": lambda at, by: (f"{at:%Y-%m-%dT%H:%M:%S.%f}{offset_of(by, ':')}", None),
    "Salesforce": lambda at, by: (
        f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}{offset_of(by, '')}",
        None,
    ),
    "Postgres": lambda at, by: (f"{at:%Y-%m-%d %H:%M:%S.%f}{offset_of(by, ':')}", None),
    "a comma": lambda at, by: (
        f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03}{offset_of(by, ':')}",
        None,
    ),
    "a blank before the offset": lambda at, by: (
        f"{at:%Y-%m-%d %H:%M:%S.%f} {offset_of(by, '')}",
        None,
    ),
    "a pattern": lambda at, by: (
        f"{at:%d.%m.%Y %H:%M:%S.%f} {offset_of(by, '')}",
        "%d.%m.%Y %H:%M:%S.%f %z",
    ),
    "an American pattern": lambda at, by: (
        f"{at:%m/%d/%Y %I:%M:%S.%f %p} {offset_of(by, '')}",
        "%m/%d/%Y %I:%M:%S.%f %p %z",
    ),
}


@EXAMPLES
@pytest.mark.parametrize("how", SPELLINGS)
@given(MOMENTS, st.sampled_from(OFFSETS))
def test_each_spelling_of_a_time_is_that_time(how: str, at: dt.datetime, by: dt.timedelta) -> None:
    written, form = SPELLINGS[how](at, by)
    meant = (at.replace(tzinfo=dt.UTC) - EPOCH) // dt.timedelta(milliseconds=1)
    meant -= by // dt.timedelta(milliseconds=1)
    assert read(written, form, None) == meant
    if form is None and how in ("RFC 3339", "Postgres"):
        assert read_timestamp(written) == meant


@EXAMPLES
@given(st.integers(10**12, 4 * 10**12))
def test_each_unit_of_a_number_is_that_time(ms: int) -> None:
    forms: list[tuple[str | float, str | None]] = [
        *((ms, None), (str(ms), None), (str(ms), "ms"), (ms / 1000, "s"), (f"{ms}000", "us")),
        *((ms * 1000, "us"), (f"{ms}000000", "ns"), (f"{ms // 1000}.{ms % 1000:03}", "s")),
    ]
    assert {read(value, form, None) for value, form in forms} == {ms}


@EXAMPLES
@given(
    st.from_regex(
        r"[0-9]{1,4}[-/. T:][0-9]{1,2}[-/. T:][0-9]{1,4}[0-9 TZ:.+-]{0,20}", fullmatch=True
    )
)
def test_a_text_without_a_format_is_a_time_only_if_it_says_so(text: str) -> None:
    found = read(text, None, None)
    if found is not None:
        at = EPOCH + dt.timedelta(milliseconds=found)
        days = {
            (at + by).strftime("%Y-%m-%d")
            for by in (dt.timedelta(-1), dt.timedelta(), dt.timedelta(1))
        }
        assert text[:10] in days, "the year stands first, and the day is that of the text"


# --- consent

WORDS = [(word, status) for status, words in STATUSES.items() for word in words]


@EXAMPLES
@given(
    st.sampled_from(WORDS),
    st.sampled_from(["_", "-", " ", "  ", " - "]),
    st.randoms(),
    st.sampled_from(["", " ", "\t"]),
)
def test_each_word_has_its_status_however_it_is_written(
    pair: tuple[str, ConsentStatus], between: str, random_: object, edge: str
) -> None:
    word, status = pair
    letters = "".join(c.upper() if random_.random() < 0.5 else c for c in word)  # type: ignore[attr-defined] # a Random
    given_ = {"purpose": "News", "status": edge + letters.replace("_", between) + edge}
    assert read_consent(given_, ["web"])["status"] == status


@EXAMPLES
@given(
    st.one_of(
        st.text(max_size=20),
        st.tuples(
            st.sampled_from(WORDS), st.text("abelnotu_- ", min_size=1, max_size=4), st.booleans()
        ).map(lambda drawn: drawn[1] + drawn[0][0] if drawn[2] else drawn[0][0] + drawn[1]),
    )
)
def test_no_other_word_is_a_status(word: str) -> None:
    plain = re.sub(r"[\s_-]+", "_", word.strip().lower())
    known = dict(WORDS).get(plain)
    if known is None:
        with pytest.raises(InputError, match="is no word such as"):
            read_consent({"purpose": "news", "status": word}, ["web"])
    else:
        assert read_consent({"purpose": "news", "status": word}, ["web"])["status"] == known


# --- time zones

NAMES = sorted(zone_names())
ALIASES = sorted((RAILS | WINDOWS).items())


@EXAMPLES
@given(st.sampled_from(NAMES), st.randoms(), st.booleans())
def test_each_zone_is_found_in_any_case(name: str, random_: object, with_blanks: bool) -> None:
    written = "".join(c.upper() if random_.random() < 0.5 else c.lower() for c in name)  # type: ignore[attr-defined] # a Random
    found = zone_name(written.replace("_", " ") if with_blanks else written)
    assert found is not None
    assert found.lower() == name.lower()


@EXAMPLES
@given(st.sampled_from(ALIASES), st.randoms())
def test_each_name_of_windows_and_rails_is_its_zone(
    pair: tuple[str, str], random_: object
) -> None:
    alias, name = pair
    written = "".join(c.upper() if random_.random() < 0.5 else c for c in alias)  # type: ignore[attr-defined] # a Random
    found = zone_name(written)
    assert found == name or found == zone_name(alias)
    assert zone(str(found)) is not None


@EXAMPLES
@given(
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["", "UTC", "GMT", "utc"]),
    st.sampled_from(["", ":"]),
)
def test_each_offset_is_that_offset(minutes: int, prefix: str, colon: str) -> None:
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    found = zone_name(f"{prefix}{sign}{size // 60:02}{colon}{size % 60:02}")
    assert found is not None
    known = zone(found)
    assert known is not None
    at = dt.datetime(2026, 3, 1, tzinfo=dt.UTC).astimezone(known)
    assert at.utcoffset() == dt.timedelta(minutes=minutes)


@EXAMPLES
@given(st.text(max_size=30))
def test_what_is_no_zone_has_no_name(text: str) -> None:
    found = zone_name(text)
    assert found is None or zone(found) is not None
