"""Identifiers are named by a keyed hash, so that no key or log shows a value."""

from __future__ import annotations

import hmac

from cjo_stream.core.event import Identifier
from cjo_stream.core.program.program import Program
from cjo_stream.errors import UsageError
from cjo_stream.ingest.normalise import is_blocked, normaliser

_HASH_BYTES = 16


def identifier_hash(tenant_key: bytes, type_: str, value: str) -> str:
    """Return the first 16 bytes of HMAC-SHA256(tenant key, type NUL value), as 32 hex digits.

    `value` is normalised. A type's name has no NUL, so different pairs give different texts.
    """
    text = f"{type_}\0{value}".encode()
    return hmac.digest(tenant_key, text, "sha256")[:_HASH_BYTES].hex()


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
    normal = normaliser(declared, program.region)(value)
    if not normal or is_blocked(normal, program.blocked):
        raise UsageError(f"this value is not a usable {type_}: write it as its channel sends it")
    return Identifier(type_, normal, identifier_hash(tenant_key, type_, normal))
