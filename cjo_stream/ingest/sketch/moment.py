"""How a column writes times: the arguments of `timestamp` that read it."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from cjo_stream.core.expression.timestamp import read
from cjo_stream.core.word import AttributeType
from cjo_stream.ingest.sketch.column import Column

TRIED_MAX: Final = 300
"""Different values that every form is tried on; forms that read as many are tried on all."""
_SHARE_MIN: Final = 0.9
_DAYS: Final = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y",
    "%b %d, %Y", "%B %d, %Y", "%b %d %Y",
)  # fmt: skip
_CLOCKS: Final = (
    "", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S", ", %H:%M",
    ", %H:%M:%S", " %H:%M:%S %z",
)  # fmt: skip
_OTHERS: Final = (
    "%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S", "%Y%m%d %H%M%S", "%d/%b/%Y:%H:%M:%S %z",
    "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y", "%a, %d %b %Y %H:%M:%S",
)  # fmt: skip
PATTERNS: Final = (*_OTHERS, *(day + clock for day, clock in itertools.product(_DAYS, _CLOCKS)))
_CLOCKS_ALONE: Final = (
    "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%H:%M:%S %z", "%H%M%S",
)  # fmt: skip
_UNITS: Final = (("s", 10), ("ms", 13), ("us", 16), ("ns", 19))
"""Each with the digits of a time in the years 2001 to 2286."""
_UNIT_NAMES: Final = frozenset(unit for unit, _ in _UNITS)
_EARLIEST: Final = -2_208_988_800_000
_EARLIEST_OF_UNITS: Final = 1_000_000_000_000
LATEST_MS: Final = 4_102_444_800_000
"""Times before 1900 and after 2100 are no times of events; nor are numbers before 2001, which have
another unit."""


class Moment(msgspec.Struct, frozen=True):
    """How times are written."""

    form: str | None
    """The format of `timestamp`; None: as without one."""
    share: float
    """Of the values tried, those that it reads."""
    either: str | None = None
    """Another format that reads as many: day and month cannot be told apart."""
    is_local: bool = False
    """Whether values have no offset."""
    local: tuple[int, int] | None = None
    """If others have one: how many have none, and how many there are."""
    day: str | None = None
    """The format of the day alone, where the clock stands in another column."""

    @property
    def is_day(self) -> bool:
        """Return whether it has no time of the day."""
        return self.form in _DAYS or self.form == "%Y%m%d"


def moment_of(column: Column, *, is_named: bool) -> Moment | None:
    """Return how a column writes times; None if it does not.

    `is_named`: its name says that it holds times, so numbers may be.
    """
    meant = [*itertools.islice(column.meant, TRIED_MAX)]
    if not meant or column.kinds.keys() - {AttributeType.STRING, AttributeType.NUMBER}:
        return None
    is_number = all(one.lstrip("-").replace(".", "", 1).isdigit() for one in meant)
    if is_number and not is_named:
        return None
    found = [one for form in _forms(meant, is_number) if (one := _read(meant, form)) is not None]
    if not found:
        return None
    best, *same = _best(found)
    if best.form is None:
        return _with_local(best, column.meant)
    if is_number or not same:
        return best
    values = [*column.meant]
    every = [one for form in (best, *same) if (one := _read(values, form.form)) is not None]
    best, *same = _best(every or [best, *same])
    return msgspec.structs.replace(best, either=same[0].form if same else None)


def clock_of(column: Column, day: Moment) -> Moment | None:
    """Return how a column's times of the day are read behind `day` and a blank; None if not."""
    meant = [*itertools.islice(column.meant, TRIED_MAX)]
    some_day = f"{dt.date(2026, 3, 1):{day.form}}"
    joined = [f"{some_day} {one}" for one in meant]
    forms = (f"{day.form} {clock}" for clock in _CLOCKS_ALONE)
    found = [one for form in forms if (one := _read(joined, form)) is not None] if meant else []
    if not found:
        return None
    best = _best(found)[0]
    either = best.form and day.either and best.form.replace(day.form or "", day.either)
    share = min(best.share, day.share)
    return msgspec.structs.replace(best, share=share, either=either, day=day.form)


def _with_local(moment: Moment, values: Counter[str]) -> Moment:
    """Return how times without a format are written, with how many have no offset."""
    local = sum(
        times
        for one, times in values.items()
        if read(one, moment.form, "Asia/Tokyo") != read(one, moment.form, None)
    )
    some = (local, values.total()) if 0 < local < values.total() else None
    return msgspec.structs.replace(moment, is_local=local > 0, local=some)


def _best(found: list[Moment]) -> list[Moment]:
    """Return those that read the most values."""
    share = max(one.share for one in found)
    return [one for one in found if one.share == share]


def _forms(meant: list[str], is_number: bool) -> Iterable[str | None]:
    if not is_number:
        return None, *PATTERNS
    return [*_numeric(meant)]


def _numeric(meant: list[str]) -> Iterator[str]:
    digits = {len(one.lstrip("-").partition(".")[0]) for one in meant}
    if digits == {8}:
        yield "%Y%m%d"
    if digits == {14}:
        yield "%Y%m%d%H%M%S"
    for unit, length in _UNITS:
        if length in digits:
            yield unit


def _read(meant: list[str], form: str | None) -> Moment | None:
    good = 0
    earliest = _EARLIEST_OF_UNITS if form in _UNIT_NAMES else _EARLIEST
    for number, one in enumerate(meant, 1):
        time = read(one, form, None)
        if time is not None and earliest <= time <= LATEST_MS:
            good += 1
        elif number - good > (1 - _SHARE_MIN) * len(meant):
            return None
    share = good / len(meant)
    elsewhere = read(meant[0], form, "Asia/Tokyo")
    is_local = elsewhere is not None and elsewhere != read(meant[0], form, None)
    return Moment(form, share, is_local=is_local)
