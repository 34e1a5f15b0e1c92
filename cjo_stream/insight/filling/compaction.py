"""Small parts of a table and day become larger ones, in steps of size.

A part is joined with others of its size, eight at a time, until it is large. So a row is written
anew a few times, however many manifests there are, and a day has few parts:

    rows of a part    1 to 7    8 to 63    64 to 511    …    from ROWS_MAX on: left as it is
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from cjo_stream.insight.layer.manifest import Part

PARTS_MAX: Final = 8
"""Parts of one table, day and size before they are joined; also the step from size to size."""

Join = Callable[[Sequence[Part]], Part]


def joined(parts: Iterable[Part], rows_max: int, join: Join) -> Iterator[Part]:
    """Yield the parts, with those joined of which there are many; none is joined beyond use."""
    by_size: dict[tuple[str, str, bool, int], list[Part]] = {}
    for one in parts:
        if one.rows >= rows_max:
            yield one
        else:
            key = one.table, one.day, one.is_stayed, _size(one.rows)
            by_size.setdefault(key, []).append(one)
    for of in by_size.values():
        if len(of) < PARTS_MAX:
            yield from of
            continue
        group: list[Part] = []
        for one in of:
            group.append(one)
            if sum(part.rows for part in group) >= rows_max:
                yield join(group)
                group = []
        if group:
            yield join(group) if len(group) > 1 else group[0]


def _size(rows: int) -> int:
    size = 0
    while rows >= PARTS_MAX:
        rows //= PARTS_MAX
        size += 1
    return size
