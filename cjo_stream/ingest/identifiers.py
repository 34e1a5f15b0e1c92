"""The identifiers of an event: those that name somebody, and why the others do not."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from itertools import islice
from typing import Final

from cjo_stream.core.event import Identifier
from cjo_stream.core.program.program import Program
from cjo_stream.core.word import Ignored
from cjo_stream.errors import InputError
from cjo_stream.ingest.format import native
from cjo_stream.ingest.identifier import Resolver
from cjo_stream.ingest.normalise import text_of_number

IDENTIFIERS_MAX: Final = 50
"""Values of declared types in an event, including repeated and unusable ones."""
STEPS_MAX: Final = 2_000
"""Steps of normalising an event's identifiers."""

_CACHE_ENTRIES_MAX: Final = 65_536
_CACHED_CHARACTERS_MAX: Final = 200
_TYPE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}", re.ASCII)
UNDECLARED_MAX: Final = 100
"""Types that are not declared, and are counted by name."""
_NAMED_MAX: Final = 8
"""Types of identifiers that a refusal names."""


class IdentifierReader:
    """Reads the identifiers of events by one program; it keeps a bounded cache, and counts."""

    def __init__(self, program: Program, tenant_key: bytes) -> None:
        self._types = tuple(program.identifiers)
        self._resolver = Resolver(program, tenant_key)
        self._cached = lru_cache(_CACHE_ENTRIES_MAX, typed=True)(self._resolve)
        self.ignored: Counter[tuple[str, Ignored]] = Counter()
        """Identifiers not used since the last clear, by type, or "" if it is not declared."""
        self.undeclared: Counter[str] = Counter()
        """How often identifiers of types that are not declared were given, of the first types."""
        self.undeclared_max = UNDECLARED_MAX
        """How many types those are."""

    def read(self, given: native.Identifiers) -> list[Identifier]:
        """Return the usable identifiers, the strongest type first; raises InputError.

        Cached identifiers count as many steps as others, so that results do not depend on a cache.
        """
        found: dict[str, Identifier] = {}
        declared = tried = taken = 0
        for type_ in self._types:
            if type_ not in given:
                continue
            declared += 1
            values = given[type_]
            for value in (values,) if isinstance(values, str) else _values(values):
                tried += 1
                if tried > IDENTIFIERS_MAX:
                    raise InputError("invalid", f"more than {IDENTIFIERS_MAX} identifiers")
                resolved, needed = self._lookup(type_, value)
                taken += needed
                if taken > STEPS_MAX:
                    raise InputError("invalid", "the identifiers are too long together")
                if not isinstance(resolved, Ignored):
                    found.setdefault(resolved.hash, resolved)
                elif not _is_blank(value):
                    self.ignored[type_, resolved] += 1
        if declared != len(given):
            self._count_undeclared(given)
        return list(found.values())

    def _count_undeclared(self, given: native.Identifiers) -> None:
        for type_, values in given.items():
            if type_ in self._types or all(map(_is_blank, _values(values))):
                continue
            self.ignored["", Ignored.UNDECLARED] += 1
            if _TYPE_NAME.fullmatch(type_):
                self.count_undeclared(type_)

    def count_undeclared(self, type_: str, by: int = 1) -> None:
        """Count a type that is not declared by its name, if it is among the first ones."""
        if type_ in self.undeclared or len(self.undeclared) < self.undeclared_max:
            self.undeclared[type_] += by

    def _lookup(self, type_: str, value: native.Value) -> tuple[Identifier | Ignored, int]:
        is_number = not isinstance(value, str)
        written = value if isinstance(value, str) else text_of_number(value)
        if isinstance(written, Ignored):
            return written, 0
        resolve = self._cached if len(written) <= _CACHED_CHARACTERS_MAX else self._resolve
        return resolve(type_, written, is_number)

    def _resolve(
        self, type_: str, value: str, is_number: bool
    ) -> tuple[Identifier | Ignored, int]:
        """Return the identifier that a value stands for, or why it stands for none, and steps."""
        return self._resolver(type_, value, is_number), self._resolver.steps(type_, value)

    def why_none(self, given: native.Identifiers) -> str:
        """Return, by type, why none of the identifiers names anybody."""
        reasons = []
        for type_, values in islice(given.items(), _NAMED_MAX):
            if not _TYPE_NAME.fullmatch(type_):
                continue
            if type_ not in self._types:
                reasons.append(f"{type_} is undeclared")
            elif all(map(_is_blank, written := _values(values))):
                reasons.append(f"{type_} is empty")
            else:
                given_ = [value for value in written if not _is_blank(value)]
                why = sorted({str(self._lookup(type_, value)[0]) for value in given_})
                reasons.append(f"{type_} is {' and '.join(why)}")
        stood = "; ".join(reasons) or "there are none"
        return f"no identifier of a declared type names anybody: {stood}"


def _values(given: native.Value | list[native.Value | None] | None) -> list[native.Value]:
    """Return the values of one type; a null is none."""
    if not isinstance(given, list):
        return [] if given is None else [given]
    return [value for value in given if value is not None]


def _is_blank(value: native.Value) -> bool:
    """Return whether a value is a table's empty cell, which says nothing."""
    return isinstance(value, str) and not value.strip()
