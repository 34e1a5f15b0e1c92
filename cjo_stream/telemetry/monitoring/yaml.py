"""Data as YAML: mappings, lists and scalars, in a form that people read.

A text is written bare where it can mean nothing else, and in single quotes where it can. The rest
is written as JSON, which YAML reads (YAML 1.2, section 1.3).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

HEAD: Final = (
    "# Written by `cjo-stream monitoring`: change cjo_stream/telemetry/monitoring instead.\n"
)
_BARE: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*|\d+(ms|[smhd])")
_WORDS: Final = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def as_yaml(value: dict[str, Any]) -> str:
    """Return a mapping as a file.

    >>> print(as_yaml({"groups": [{"for": "5m", "expr": "a > 1"}], "none": []}), end="")
    groups:
      - for: 5m
        expr: 'a > 1'
    none: []
    """
    return "".join(f"{line}\n" for line in _lines(value))


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _entry(f"{_scalar(key)}:", inner)
    else:
        for inner in value:
            first, *rest = _lines(inner) if _is_nested(inner) else [_scalar(inner)]
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)


def _entry(key: str, value: Any) -> Iterator[str]:
    if _is_nested(value):
        yield key
        yield from (f"  {line}" for line in _lines(value))
    else:
        yield f"{key} {_scalar(value)}"


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _BARE.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, str) and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value, ensure_ascii=False)
