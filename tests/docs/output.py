"""The tables of events and records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, get_args

from cjo_stream.core import catalogue
from cjo_stream.core.record import Reason
from cjo_stream.core.vocabulary import STATUSES
from cjo_stream.core.word import ConsentStatus
from cjo_stream.ingest.placeholder import BY_DATABASES, BY_PEOPLE, BY_SCRIPTS, PATTERNS
from tests.docs import word
from tests.docs.page import ROOT
from tests.docs.table import code, meanings, table

SOURCES: Final = sorted((ROOT / "cjo_stream").rglob("*.py"))


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(code(one) for one in schema["enum"])
    if "$ref" in schema:
        return "object"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_type, schema["anyOf"])))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    found = schema.get("type", "any")
    return " or ".join(found) if isinstance(found, list) else found


def _part(schema: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any] | None:
    """Return the object within a property, if there is one with fields of its own."""
    for one in (schema, *schema.get("anyOf", ()), schema.get("items", {})):
        if "$ref" in one:
            return shared[one["$ref"].rpartition("/")[2]]
    return None


def _fields(schema: dict[str, Any], shared: dict[str, Any], above: str) -> Iterator[Sequence[str]]:
    for name, one in schema["properties"].items():
        yield code(above + name), _type(one), one["description"]
        inner = _part(one, shared)
        if inner is not None:
            mark = "[]." if one.get("type") == "array" else "."
            yield from _fields(inner, shared, f"{above}{name}{mark}")


def record(schema: dict[str, Any]) -> str:
    return table(("field", "type", "meaning"), _fields(schema, schema.get("$defs", {}), ""))


def record_kinds() -> str:
    rows = []
    for kind in catalogue.RECORDS:
        if kind.schema is None:
            continue
        topic = "cjo.action.CHANNEL.v1" if kind is catalogue.ACTION else f"cjo.{kind.name}.v1"
        key = "" if kind.key is None else code(kind.key)
        rows.append((code(kind.schema), code(kind.file), code(topic), key))
    return table(("record", "file of a run", "topic", "key"), rows)


def transition_reasons() -> str:
    rows = [
        (code(name), *texts)
        for name, texts in meanings(
            get_args(Reason), word.TRANSITION_REASONS, "TRANSITION_REASONS"
        )
    ]
    return table(("reason", "from", "to", "what happened"), rows)


def dead_letter_reasons() -> str:
    reasons = r"InputError\(\s*\"(\w+)\"|DeadLetter\(\s*reason=\"(\w+)\""
    found = {one for path in SOURCES for one in re.findall(reasons, path.read_text())}
    known = {one or other for one, other in found}
    texts = dict(meanings(known, word.REASONS, "REASONS"))
    return table(("reason", "what is wrong"), ((code(n), texts[n]) for n in word.REASONS))


def placeholders() -> str:
    rows = (
        ("people and forms", BY_PEOPLE),
        ("scripts", BY_SCRIPTS),
        ("databases, spreadsheets, reports", BY_DATABASES),
        ("patterns (RE2, of the whole value)", PATTERNS),
    )
    return table(
        ("written by", "values"), ((who, " ".join(map(code, all_))) for who, all_ in rows)
    )


def consent_statuses() -> str:
    texts = meanings(ConsentStatus, word.CONSENT_STATUSES, "CONSENT_STATUSES")
    rows = ((code(s), text, " ".join(map(code, STATUSES[ConsentStatus(s)]))) for s, text in texts)
    return table(("status", "meaning", "also written"), rows)
