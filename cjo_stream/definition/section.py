"""Documents by kind and name, checked against the tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.action import ACTION
from cjo_stream.definition.grammar.compound import Record
from cjo_stream.definition.grammar.item import Fields
from cjo_stream.definition.grammar.journey import JOURNEY
from cjo_stream.definition.grammar.measure import MEASURE
from cjo_stream.definition.grammar.policy import POLICY
from cjo_stream.definition.grammar.topology import TOPOLOGY
from cjo_stream.definition.text.compose import compose
from cjo_stream.definition.text.node import Mapping, Node, Scalar
from cjo_stream.definition.text.report import Report, quoted, unknown
from cjo_stream.definition.text.source import Document, Source

KINDS: dict[str, Record] = {
    "topology": TOPOLOGY,
    "journey": JOURNEY,
    "action": ACTION,
    "policy": POLICY,
    "measure": MEASURE,
}
ONE_A_FOLDER = ("topology", "policy")
_FIRST_KEY = re.compile(rf"^({'|'.join(KINDS)}):[ \t]+[\"']?([a-z][a-z0-9_]*|)", re.MULTILINE)


@dataclass(frozen=True)
class Definition:
    """One document. `fields` is None if it is not a mapping of its kind.

    `is_whole`: it has no error of form.
    """

    kind: str
    name: str
    document: Document
    root: Node | None
    fields: Fields | None
    is_whole: bool


def read_definitions(sources: Iterable[Source], report: Report) -> list[Definition]:
    """Return all documents whose kind and name can be read; report errors."""
    found: list[Definition] = []
    for source in sources:
        for document, roots, faults in compose(source):
            before = report.errors
            for index, message in faults:
                report.error_at(source, index, Code.YAML, message)
            if not roots and faults:
                found += _unreadable(document)
            for root in roots:
                is_sound = report.errors == before
                definition = _read_root(root, document, report, is_sound=is_sound)
                if definition is not None:
                    found.append(definition)
    return found


def _unreadable(document: Document) -> list[Definition]:
    """Return a placeholder for a document that is not YAML, so that its name is known."""
    first = _FIRST_KEY.search(document.text)
    if first is None:
        return []
    return [Definition(first[1], first[2], document, None, None, is_whole=False)]


def _read_root(
    root: Node, document: Document, report: Report, *, is_sound: bool
) -> Definition | None:
    if isinstance(root, Scalar) and root.value is None:
        return None
    kinds = ", ".join(KINDS)
    if not isinstance(root, Mapping) or not root.pairs:
        report.error(root, Code.KIND, f"a document must begin with its kind, one of {kinds}")
        return None
    key, value = root.pairs[0]
    kind = key.text if isinstance(key, Scalar) else ""
    record = KINDS.get(kind)
    if record is None:
        hint = f" (the first key is the kind, one of {kinds})"
        code, message, near = unknown("kind", kind, KINDS)
        report.error(key, code, message + hint, near)
        return None
    before = report.errors
    item = record.read(root, report)
    name = value.text if isinstance(value, Scalar) else ""
    is_whole = is_sound and report.errors == before
    fields = item.value if item is not None and kind in item.value.read else None
    return Definition(kind, name, document, root, fields, is_whole)


def keep_first(found: list[Definition], report: Report) -> list[Definition]:
    """Return the first of each name, and report others; at most one topology and one policy."""
    first: dict[tuple[str, str], Definition] = {}
    for definition in found:
        name = "" if definition.kind in ONE_A_FOLDER else definition.name
        earlier = first.setdefault((definition.kind, name), definition)
        if earlier is definition:
            continue
        source = earlier.document.source
        line, _ = source.locate(earlier.root.start if earlier.root else earlier.document.start)
        where = f"{source.name}, line {line}"
        if definition.kind in ONE_A_FOLDER:
            message = f"a second {definition.kind}, after {where}: a folder has only one"
        else:
            what = f"{definition.kind} {quoted(definition.name)}"
            message = f"a second {what}, after {where}"
        start = definition.root.start if definition.root else definition.document.start
        report.error_at(definition.document.source, start, Code.REPEATED, message)
    return list(first.values())
