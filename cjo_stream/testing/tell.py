"""What differs, in words: what was expected beside what came, and what happened meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Final

from cjo_stream.core.likeness import nearest
from cjo_stream.definition.text.flow import flow
from cjo_stream.testing.compare import Finding
from cjo_stream.testing.hint import happened
from cjo_stream.testing.play import Result
from cjo_stream.testing.row import Row

_COLUMN_MAX: Final = 56
NOTHING: Final = "(none)"


def lines_of(result: Result) -> list[str]:
    """Return what differs in a case that failed, a line each."""
    lines: list[str] = []
    for _, findings, came in result.failed:
        for one in findings:
            lines += [f"{one.at}: {one.part}", *(f"    {line}" for line in _beside(one))]
            lines += (f"    {hint}" for hint in _hints(one))
        told = happened(came)
        if told:
            lines += ["  since the `expect` before:", *(f"    {line}" for line in told)]
    return lines


def row_of(found: Finding) -> Row:
    """Return a finding as `--json` shows it."""
    return {
        "file": found.at.file,
        "line": found.at.line,
        "column": found.at.column,
        "part": found.part,
        "expected": found.expected,
        "got": found.got,
        "hints": list(_hints(found)),
    }


def _beside(found: Finding) -> Iterator[str]:
    """Yield lines with what was expected on the left, what came on the right."""
    left, right = _column(found.expected), _column(found.got)
    width = min(_COLUMN_MAX, max(len("expected"), *map(len, left)))
    yield f"  {'expected':<{width}}   got"
    for expected, got in zip_longest(left, right, fillvalue=""):
        mark = " " if expected == got else "!"
        if len(expected) > width:
            yield f"{mark} {expected}"
            yield f"  {'':<{width}}   {got}".rstrip()
        else:
            yield f"{mark} {expected:<{width}}   {got}".rstrip()


def _column(value: Any) -> list[str]:
    if isinstance(value, list):
        return [flow(one) for one in value] or [NOTHING]
    if isinstance(value, dict):
        return [f"{name}: {flow(one)}" for name, one in value.items()] or [NOTHING]
    return [flow(value)]


def _hints(found: Finding) -> Iterator[str]:
    yield from found.hints
    if found.missing and max(len(found.expected), len(found.got)) > 1:
        came = [flow(one) for one in found.got]
        for row in found.missing:
            near = nearest(flow(row), came)
            if near is not None:
                yield f"the nearest to {flow(row)} is {near}"
