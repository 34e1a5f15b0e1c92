r"""Texts that scripts, databases and forms write where nobody is known: they name nobody.

Any case counts, and one pair of quotes around them is no part of them. A topology adds its own by
`identity.blocked`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from cjo_stream.core.program.topology import Blocked
from cjo_stream.definition.pattern import compile_pattern

BY_PEOPLE: Final = (
    "anonymous", "unknown", "none", "n/a", "na", "n.a.", "nobody", "not_authenticated",
    "distinct_id", "distinctid", "?", "-1",
)  # fmt: skip
BY_SCRIPTS: Final = (
    "null", "nil", "undefined", "nan", "inf", "-inf", "infinity", "-infinity", "true", "false",
    "[object object]", "{}", "[]", "null null", "undefined undefined", "none none",
)  # fmt: skip
BY_DATABASES: Final = (
    r"\n", r"\\n", "#n/a", "#na", "#null!", "#ref!", "#value!", "#name?", "#num!", "#div/0!",
    "(null)", "<null>", "[null]", "(none)", "(empty)", "(unknown)", "(not set)", "not set",
    "(not provided)", "not provided",
)  # fmt: skip
PATTERNS: Final = (
    "[0-]*",  # nothing, zeros, a nil UUID
    r"\{\{.*\}\}", r"\$\{.*\}", r"<%.*%>", r"%%.*%%", r"\{%.*%\}", r"\[\[.*\]\]",  # templates
)  # fmt: skip
"""Each over the whole text, which it reads at most twice: so Python's own `re` can try them."""

_QUOTED: Final = re.compile(r"(['\"`])(.*)\1", re.DOTALL)
_WORDS: Final = frozenset((*BY_PEOPLE, *BY_SCRIPTS, *BY_DATABASES))
_PATTERN: Final = re.compile("|".join(f"(?:{one})" for one in PATTERNS))


class Placeholders:
    """Those built in and a topology's own."""

    def __init__(self, blocked: Iterable[Blocked] = ()) -> None:
        own = tuple(blocked)
        self._own = {(one.type, one.value) for one in own}
        self._patterns = [
            (one.type, compile_pattern(one.pattern)) for one in own if one.pattern is not None
        ]

    def holds(self, type_: str, value: str) -> bool:
        """Return whether a value of a type names nobody."""
        lowered = value.strip().lower()
        quoted = _QUOTED.fullmatch(lowered)
        bare = quoted[2].strip() if quoted else lowered
        if bare in _WORDS or _PATTERN.fullmatch(bare) is not None:
            return True
        if (None, lowered) in self._own or (type_, lowered) in self._own:
            return True
        return any(
            name in (None, type_) and pattern.search(lowered) is not None
            for name, pattern in self._patterns
        )
