"""Identifiers are named by a keyed hash, so that no key or log shows a value."""

from __future__ import annotations

import hmac
from typing import Final

from cjo_stream.core.event import Identifier
from cjo_stream.core.program.program import Program
from cjo_stream.core.word import Ignored
from cjo_stream.errors import UsageError
from cjo_stream.ingest.normalise import (
    VALUE_CHARACTERS_MAX,
    is_too_long,
    normaliser,
    steps,
    text,
)
from cjo_stream.ingest.placeholder import Placeholders

_HASH_BYTES = 16
_LOST = "\N{REPLACEMENT CHARACTER}"
"""Stands where a character was lost, so that values of several people look the same."""


def identifier_hash(tenant_key: bytes, type_: str, value: str) -> str:
    """Return the first 16 bytes of HMAC-SHA256(tenant key, type NUL value), as 32 hex digits.

    `value` is normalised. A type's name has no NUL, so different pairs give different texts.
    """
    content = f"{type_}\0{value}".encode()
    return hmac.digest(tenant_key, content, "sha256")[:_HASH_BYTES].hex()


def split(written: str) -> tuple[str, str]:
    """Return type and value of an identifier written `type:value`; raises UsageError."""
    type_, colon, value = written.partition(":")
    if not (type_ and colon and value):
        raise UsageError("an identifier is written TYPE:VALUE, for example email:ann@example.com")
    return type_, value


def named(program: Program, tenant_key: bytes, written: str) -> Identifier:
    """Return the identifier that an operator writes as `type:value`, normalised as in events.

    Raises UsageError if the topology has no such type, or if the value is blocked or has no normal
    form; the error does not show the value.
    """
    type_, value = split(written)
    declared = program.identifiers.get(type_)
    if declared is None:
        types = ", ".join(program.identifiers)
        raise UsageError(f"topology {program.topology} has no identifier `{type_}`, only {types}")
    resolve = Resolver(program, tenant_key)
    found = resolve(type_, value)
    if isinstance(found, Ignored):
        raise UsageError(f"this value names nobody, as {type_} it is {found}: {_WHY[found]}")
    return found


class Resolver:
    """Finds the identifier that a value stands for, by the declarations of one program."""

    def __init__(self, program: Program, tenant_key: bytes) -> None:
        self._tenant_key = tenant_key
        self._placeholders = Placeholders(program.blocked)
        self._kinds = {name: one.normalise for name, one in program.identifiers.items()}
        self._normalisers = {
            name: normaliser(declared, program.region)
            for name, declared in program.identifiers.items()
        }

    def steps(self, type_: str, value: str) -> int:
        """Return how many steps a value may take."""
        return steps(self._kinds[type_], value)

    def __call__(self, type_: str, value: str, is_number: bool = False) -> Identifier | Ignored:
        """Return the identifier of a declared type, or why the value names nobody."""
        if is_too_long(self._kinds[type_], value) or _LOST in value:
            return Ignored.UNUSABLE
        plain = text(value)
        if self._placeholders.holds(type_, plain):
            return Ignored.BLOCKED
        normal = self._normalisers[type_](value, is_number)
        if isinstance(normal, Ignored):
            return normal
        if len(normal) > VALUE_CHARACTERS_MAX:
            return Ignored.UNUSABLE
        if normal != plain and self._placeholders.holds(type_, normal):
            return Ignored.BLOCKED
        return Identifier(type_, normal, identifier_hash(self._tenant_key, type_, normal))


_WHY: Final = {
    Ignored.BLOCKED: "it is a placeholder, or of the topology's `blocked`; name another one",
    Ignored.UNUSABLE: "it is not written as one; how is it written?",
    Ignored.AMBIGUOUS: "it may be more than one; write a phone number with + and its country code",
}
