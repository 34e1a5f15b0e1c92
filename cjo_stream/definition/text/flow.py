"""Values as YAML text in flow style, which reads back as the same values."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from cjo_stream.definition.text.scalar import resolve

_PLAIN = re.compile(
    r"[A-Za-z0-9_/][A-Za-z0-9_./@+-]*(?::[A-Za-z0-9_./@+-]+)*(?: [A-Za-z0-9_./@+-]+)*"
)
"""Texts that need no quotes, also in flow style: no mark that YAML reads stands in them."""


def flow(value: Any) -> str:
    """Return a value that JSON can hold as YAML on one line.

    >>> flow([{"action": "cart_reminder", "total": 40}, "no", "a: b", None])
    '[{action: cart_reminder, total: 40}, no, "a: b", null]'
    """
    if isinstance(value, dict):
        inner = ", ".join(f"{flow(str(name))}: {flow(one)}" for name, one in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and resolve(value) == value
        return value if is_plain else _quoted(value)
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    return json.dumps(value)


def _quoted(text: str) -> str:
    shown = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in shown)
