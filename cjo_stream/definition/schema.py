"""JSON Schemas of definition documents, for editors; drawn from the tables that check them."""

from __future__ import annotations

from cjo_stream.definition.grammar.case import CASE
from cjo_stream.definition.grammar.compound import Record
from cjo_stream.definition.grammar.item import Schema
from cjo_stream.definition.section import KINDS
from cjo_stream.definition.text.report import unknown
from cjo_stream.errors import UsageError

DOCUMENTS: dict[str, Record] = {**KINDS, "test": CASE}
"""The kinds of documents that have a schema: definitions, and cases of test files."""


def schema(kind: str) -> Schema:
    """Return the schema of a kind of definition, or of a `test` document.

    >>> schema("action")["required"]
    ['action', 'treatments']
    """
    if kind not in DOCUMENTS:
        raise UsageError(unknown("kind of definition", kind, DOCUMENTS)[1])
    return schema_of(kind, DOCUMENTS[kind])


def schema_of(title: str, record: Record) -> Schema:
    """Return the schema of the documents that a record describes."""
    shared: dict[str, Schema] = {}
    drawn = record.schema(shared)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return {**head, **drawn, **({"$defs": shared} if shared else {})}
