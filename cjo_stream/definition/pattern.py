"""Regular expressions in definitions: RE2's, which take time by the length of the text alone."""

from __future__ import annotations

from typing import Any, Final

import re2

_ANY_CASE: Final = re2.Options()
_ANY_CASE.case_sensitive = False
_ANY_CASE.log_errors = False


def compile_pattern(pattern: str) -> Any:
    """Return a pattern that matches in any case, with Python's methods; raises ValueError."""
    try:
        return re2.compile(pattern, _ANY_CASE)
    except re2.error as error:
        raise ValueError(error.args[0].decode(errors="replace")) from None
