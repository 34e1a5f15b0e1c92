"""What to write instead: for habits from other languages, and for texts without quotes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from cjo_stream.core.likeness import nearest

QUOTED_TEXT: Final = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_PLAIN: Final = re.compile(r"[^'\"()\[\]{}<>=*/+%&|\\]+")
_OPERATOR_WORDS: Final = frozenset(("and", "or", "not", "in", "is", "if", "else"))
_READS: Final = re.compile(r"\b(?:event|entry|profile|data|candidate|row|item)\s*\.")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_HABITS: Final = (
    (r"&&", "write `and` for `&&`"),
    (r"\|\|", "write `or` for `||`"),
    (r"===|!==", "write `==` or `!=`, with two characters"),
    (r"<>", "write `!=` for `<>`"),
    (r"=<", "write `<=` for `=<`"),
    (r"=>", "write `>=` for `=>`"),
    (r"!\s*(?=[A-Za-z(])", "write `not` for `!`"),
    (r"(?<![=!<>])=(?!=)", "write `==` to compare; a single `=` is not allowed"),
    (r"\?", "write `x if condition else y` for `condition ? x : y`"),
    (r"\bif\s*\(|\bthen\b", "write `x if condition else y`"),
    (
        r"(?i)\bis\s+(?:not\s+)?null\b",
        "write `not has(x)` for `IS NULL`, has(x) for `IS NOT NULL`",
    ),
    (r"(?i)\blike\b", "write contains(text, 'part') or starts_with(text, 'start') for `LIKE`"),
    (r"(?i)\bbetween\b", "write `1 <= x <= 5` for `BETWEEN`"),
    (r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}", "write a time as timestamp('2026-03-01T00:00:00Z')"),
    (r"\$\{?|\{\{|`", "write the name alone, as event.total"),
)
"""Patterns of what is no expression, outside of quoted texts; the first that is found counts."""
_WORDS_IN_CAPITALS: Final = re.compile(r"\b(?i:and|or|not|in|if|else)\b")

_FOREIGN: Final = {
    "today": "`date()` is the customer's local date, as '2026-03-01', and `now` the time in ms",
    "now": "write `now` without brackets: it is the time in ms",
    "time": "write `now` for the time in ms, or timestamp(text) to read one",
    "current_timestamp": "write `now`, the time in ms",
    "parse_date": "write timestamp(text, '%d.%m.%Y')",
    "to_timestamp": "write timestamp(text, '%d.%m.%Y %H:%M')",
    "strptime": "write timestamp(text, '%d.%m.%Y %H:%M')",
    "datediff": "write days_since(time)",
    "date_diff": "write days_since(time)",
    "day": "write weekday(time) or date(time)",
    "is_null": "write `not has(x)`",
    "isnull": "write `not has(x)`",
    "is_empty": "write `not has(x)`, or len(x) == 0",
    "exists": "write has(x)",
    "exist": "write has(x)",
    "defined": "write has(x)",
    "ifnull": "write coalesce(x, y)",
    "if_null": "write coalesce(x, y)",
    "nvl": "write coalesce(x, y)",
    "default": "write coalesce(x, y)",
    "get": "write coalesce(x, y)",
    "concat": "write 'a' + 'b'",
    "length": "write len(x)",
    "count": "write len(x)",
    "size": "write len(x)",
    "trim": "surrounding blanks are no matter to int() and float(); compare with `in`",
    "number": "write float(x) or int(x)",
    "to_number": "write float(x) or int(x)",
    "parse_int": "write int(x)",
    "parse_float": "write float(x)",
    "decimal": "write float(x)",
    "string": "write str(x)",
    "to_string": "write str(x)",
    "text": "write str(x)",
    "bool": "write a comparison, as row.optin == 'true'",
    "to_lower": "write lower(x)",
    "to_upper": "write upper(x)",
    "substr": "no function cuts a text; do so before",
    "substring": "no function cuts a text; do so before",
    "split": "no function cuts a text; do so before",
    "replace": "no function changes a text; do so before",
    "regex": "write starts_with(text, start) or contains(text, part)",
    "match": "write starts_with(text, start) or contains(text, part)",
    "includes": "write contains(whole, part)",
    "floor": "write x // 1",
    "ceil": "write -(-x // 1)",
    "first": "write x[0]",
    "last": "write x[-1]",
    "find": "write lookup(list, 'field', value)",
    "random": "write bucket(profile.id, 100) < 50",
    "iif": "write `x if condition else y`",
    "any": "write contains(list, x), or conditions with `or`",
    "all": "write conditions with `and`",
}


def habit_in(line: str) -> tuple[str, int] | None:
    """Return what to write instead, and the column, if a text shows a habit of another language.

    >>> habit_in("event.total > 5 && event.vip")
    ('write `and` for `&&`', 16)
    """
    bare = QUOTED_TEXT.sub(lambda match: "x" * len(match[0]), line)
    for word in _WORDS_IN_CAPITALS.finditer(bare):
        if not word[0].islower():
            return f"write `{word[0].lower()}` for `{word[0]}`", word.start()
    for pattern, cure in _HABITS:
        if found := re.search(pattern, bare):
            return cure, found.start()
    return None


def function_instead(name: str, functions: Iterable[str]) -> tuple[str, str]:
    """Return what to write for a function that there is not; and the name that replaces it."""
    known = sorted(functions)
    folded = _HUMP.sub("_", name).lower()
    if folded in _OPERATOR_WORDS:
        return f"write `{folded}` for `{name}`", ""
    near = folded if folded in known else ""
    cure = "" if near else _FOREIGN.get(folded, "")
    if not near and not cure:
        near = nearest(folded, known) or ""
    hint = f"did you mean {near!r}? " if near else f"{cure}. " if cure else ""
    return f"no function {name!r}; {hint}Functions: {', '.join(known)}", near


def text_instead(text: str) -> str:
    r"""Return how to write a text that has no quotes; empty if it does not look like one.

    >>> text_instead("Hello World"), text_instead("event.total >")
    ('if it is a text, write "\'Hello World\'"', '')
    """
    plain = text.strip()
    words = plain.split()
    if not _PLAIN.fullmatch(plain) or _OPERATOR_WORDS & set(words):
        return ""
    if (len(words) == 1 and "." in plain) or _READS.search(plain):
        return ""
    shown = plain if len(plain) <= 40 else plain[:39] + "…"
    return f"if it is a text, write \"'{shown}'\""
