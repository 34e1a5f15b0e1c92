"""YAML documents to nodes, safely.

Only the scanner and the parser of ruamel.yaml are used. Its events are composed here, so that
every node keeps its place, no tag creates an object, and limits apply before memory is used. An
alias returns the anchored node again, and each use of it counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from ruamel.yaml import YAML, events
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scanner import Scanner, ScannerError

from cjo_stream.definition.text.node import Broken, Mapping, Node, Scalar, Sequence
from cjo_stream.definition.text.report import quoted
from cjo_stream.definition.text.scalar import resolve
from cjo_stream.definition.text.source import Document, Source, documents

NODES_MAX = 10_000
DEPTH_MAX = 50
FILES_KEPT = 32
"""Files cached; one at the bound of nodes takes about 2 MB."""
DOCUMENTS_KEPT = 256
NODES_KEPT_MAX = 1_000
"""Larger documents are not kept, so that all that are kept take 50 MB at most."""
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_ANCHOR = re.compile(r"&[^\s,\[\]{}]+\s*")
_COLON = re.compile(r"\s*:")
_IN_FLOW = ("did not find expected", "expected ',' or", "expected the node content")
QUOTE_BEGUN = (
    "quote the whole expression: if it begins with a quote or a bracket, the value ends with that"
)
QUOTE_COMMENT = "quote the whole expression: a blank and a `#` begin a comment"
QUOTE = "quote the whole expression: a comma or a bracket inside {...} or [...] ends it"


class _Scanner(Scanner):
    """Refuses tags: definitions have none."""

    def fetch_tag(self) -> None:
        said = "tags are not allowed; `!` is written `not`, or quote the text"
        raise ScannerError(None, None, said, self.reader.get_mark())


@dataclass
class Budget:
    """The number of nodes read from a file so far, and its bound."""

    most: int = NODES_MAX
    nodes: int = 0

    @property
    def is_spent(self) -> bool:
        """Return whether the file has too many nodes; that has been reported."""
        return self.nodes > self.most


class _RefusedError(Exception):
    """The rest of the document is not read."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index
        self.message = message


@dataclass
class _Open:
    """A collection that is being read; an alias to it would contain itself."""

    node: Sequence | Mapping
    is_flow: bool
    anchor: str | None
    nodes_before: int
    height: int = 1
    children: list[Node] = field(default_factory=list)
    bare: set[int] = field(default_factory=set)
    """Positions in `children` of values that are not written, as in `{a, b}`."""


@dataclass(frozen=True)
class _Anchored:
    node: Node
    size: int
    height: int


class Composed(NamedTuple):
    """A document's roots (several if `...` separates them), and its faults: (index, message)."""

    document: Document
    roots: list[Node]
    faults: list[tuple[int, str]]


@lru_cache(maxsize=FILES_KEPT)
def compose(source: Source, nodes_max: int = NODES_MAX) -> list[Composed]:
    """Return the documents of a file as nodes, up to a bound of nodes.

    Results are cached, because many sets may contain the same file: callers must not change them.
    """
    budget = Budget(nodes_max)
    found = []
    for document in documents(source):
        if budget.is_spent:
            break
        found.append(_compose(document, budget))
    return found


@dataclass(frozen=True)
class _Kept:
    """A document without faults, and where it began; `size` is how many nodes it has."""

    roots: list[Node]
    start: int
    size: int


@lru_cache(maxsize=DOCUMENTS_KEPT)
def _kept(text: str) -> list[_Kept]:  # noqa: ARG001 - it is the key alone
    """Return where a document of this text is kept once it is read: one at most.

    The same document comes again under other names and at other places: in the folder, in a stored
    set, in the next set.
    """
    return []


def _moved(node: Node, source: Source, by: int, moved: dict[int, Node]) -> Node:
    """Return a copy of a node at another place; nodes that aliases share are shared again."""
    found = moved.get(id(node))
    if found is not None:
        return found
    start, end = node.start + by, node.end + by
    if isinstance(node, Scalar):
        found = Scalar(source, start, end, node.text, node.value, node.style)
    elif isinstance(node, Sequence):
        found = Sequence(source, start, end, [_moved(n, source, by, moved) for n in node.items])
    else:
        assert isinstance(node, Mapping)
        pairs = [
            (_moved(key, source, by, moved), _moved(value, source, by, moved))
            for key, value in node.pairs
        ]
        found = Mapping(source, start, end, pairs)
    moved[id(node)] = found
    return found


def _compose(document: Document, budget: Budget) -> Composed:
    kept, before = _kept(document.text), budget.nodes
    for one in kept:
        if before + one.size <= budget.most:
            budget.nodes += one.size
            by, moved = document.start - one.start, dict[int, Node]()
            roots = [_moved(root, document.source, by, moved) for root in one.roots]
            return Composed(document, roots, [])
    composed = _parsed(document, budget)
    size = budget.nodes - before
    if not kept and not composed.faults and size <= NODES_KEPT_MAX:
        kept.append(_Kept(composed.roots, document.start, size))
    return composed


def _parsed(document: Document, budget: Budget) -> Composed:
    faults: list[tuple[int, str]] = []
    roots: list[Node] = []
    try:
        roots.extend(_Composer(document, budget, faults).roots())
    except _RefusedError as refused:
        faults.append((refused.index, refused.message))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        index = document.start + (mark.index if mark is not None else 0)
        faults.append((min(index, document.end), _words(error)))
    except (YAMLError, ValueError, OverflowError) as error:
        # ruamel.yaml raises these for an escape beyond Unicode, a version that is no number, ...
        faults.append((document.start, f"not YAML: {quoted(str(error))}"))
    return Composed(document, roots, faults)


class _Composer:
    """Composes the events of one document into nodes, without recursion."""

    def __init__(self, document: Document, budget: Budget, faults: list[tuple[int, str]]) -> None:
        self._document = document
        self._budget = budget
        self._faults = faults
        self._anchors: dict[str, _Anchored] = {}
        self._open: list[_Open] = []

    def roots(self) -> Iterator[Node]:
        """Yield the roots; raises _RefusedError and ruamel.yaml's errors."""
        yaml = YAML(typ="safe", pure=True)
        yaml.Scanner = _Scanner
        for event in yaml.parse(self._document.text):
            start = self._document.start + event.start_mark.index
            if isinstance(event, events.DocumentStartEvent):
                self._anchors.clear()
                if event.tags or event.version not in (None, (1, 2)):
                    raise _RefusedError(start, "the only directive allowed is `%YAML 1.2`")
                continue
            root = self._add(event, start)
            if root is not None:
                yield root

    def _add(self, event: Any, start: int) -> Node | None:
        """Add one event; return the root that it completes, if any."""
        if isinstance(event, events.AliasEvent):
            return self._close(self._alias(event, start))
        if isinstance(event, events.ScalarEvent):
            self._count(start)
            end = self._document.start + event.end_mark.index
            start, end = self._written(event, start, end)
            value = event.value if event.style else resolve(event.value)
            scalar = Scalar(self._document.source, start, end, event.value, value, event.style)
            anchored = _Anchored(scalar, 1, 1)
            if event.anchor is not None:
                self._anchors[event.anchor] = anchored
            return self._close(anchored)
        if isinstance(event, events.SequenceStartEvent | events.MappingStartEvent):
            self._begin(event, start)
        elif isinstance(event, events.SequenceEndEvent | events.MappingEndEvent):
            return self._end(self._document.start + event.end_mark.index)
        return None

    def _written(self, event: Any, start: int, end: int) -> tuple[int, int]:
        """Return a scalar's start and end, without its anchor; an empty one follows the colon."""
        text = self._document.source.text
        read = self._open[-1].children if self._open else []
        if event.anchor is not None and (anchor := _ANCHOR.match(text, start, end)):
            start = anchor.end()
        elif start == end and len(read) % 2 and (colon := _COLON.match(text, read[-1].end)):
            start = end = colon.end()
        return start, end

    def _count(self, index: int, nodes: int = 1) -> None:
        self._budget.nodes += nodes
        if self._budget.is_spent:
            most = f"{self._budget.most:,}"
            raise _RefusedError(
                index, f"more than {most} nodes in a file, aliases expanded: split the file"
            )

    def _begin(self, event: Any, start: int) -> None:
        if len(self._open) >= DEPTH_MAX:
            raise _RefusedError(start, f"nested deeper than {DEPTH_MAX}")
        before = self._budget.nodes
        self._count(start)
        source = self._document.source
        node: Sequence | Mapping = (
            Sequence(source, start, start, [])
            if isinstance(event, events.SequenceStartEvent)
            else Mapping(source, start, start, [])
        )
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)
        self._open.append(_Open(node, bool(event.flow_style), event.anchor, before))

    def _end(self, end: int) -> Node | None:
        closed = self._open.pop()
        node = closed.node
        node.end = end
        if isinstance(node, Sequence):
            node.items = closed.children
        else:
            node.pairs = self._pairs(closed)
        size = self._budget.nodes - closed.nodes_before
        anchored = _Anchored(node, size, closed.height)
        if closed.anchor is not None:
            self._anchors[closed.anchor] = anchored
        return self._close(anchored)

    def _close(self, complete: _Anchored) -> Node | None:
        """Add a complete node to its container; return it if it has none."""
        if not self._open:
            return complete.node
        outer = self._open[-1]
        outer.height = max(outer.height, complete.height + 1)
        children = outer.children
        node = complete.node
        if (
            outer.is_flow
            and len(children) % 2
            and isinstance(node, Scalar)
            and node.style is None
            and node.start == node.end == children[-1].end
        ):
            outer.bare.add(len(children))
        children.append(node)
        return None

    def _alias(self, event: Any, start: int) -> _Anchored:
        anchored = self._anchors.get(event.anchor)
        if anchored is None:
            if any(outer.anchor == event.anchor for outer in self._open):
                raise _RefusedError(start, f"*{quoted(event.anchor)} contains itself")
            raise _RefusedError(
                start,
                f"no anchor &{quoted(event.anchor)} before this alias; quote what begins with `*`",
            )
        self._count(start, anchored.size)
        if len(self._open) + anchored.height > DEPTH_MAX:
            raise _RefusedError(start, f"nested deeper than {DEPTH_MAX}")
        return anchored

    def _pairs(self, closed: _Open) -> list[tuple[Node, Node]]:
        children = self._mend(closed) if closed.bare else closed.children
        pairs: list[tuple[Node, Node]] = []
        first: dict[str, Node] = {}
        for key, value in zip(children[::2], children[1::2], strict=True):
            if isinstance(key, Scalar):
                earlier = first.setdefault(key.text, key)
                if earlier is not key:
                    line, _ = earlier.source.locate(earlier.start)
                    message = f"repeated key {quoted(key.text)}, first on line {line}"
                    self._faults.append((key.start, message))
                    continue
            pairs.append((key, value))
        return pairs

    def _mend(self, closed: _Open) -> list[Node]:
        """Join an expression that commas cut apart, and report it."""
        mended: list[Node] = []
        children = closed.children
        position = 0
        while position < len(children):
            key, value = children[position : position + 2]
            position += 2
            if position + 1 in closed.bare and is_open(value):
                end = value.end
                while position + 1 in closed.bare:
                    end = children[position].end
                    position += 2
                    if not _is_unbalanced(value.source.text[value.start : end]):
                        break
                whole = value.source.text[value.start : end]
                message = f'a comma cut this expression apart: quote it, "{quoted(whole, "")}"'
                self._faults.append((value.start, message))
                value = Broken(value.source, value.start, end)
            mended += (key, value)
        return mended


def is_open(node: Node) -> bool:
    """Return whether a plain scalar has an unclosed bracket or quote."""
    return isinstance(node, Scalar) and node.style is None and _is_unbalanced(node.text)


def is_cut_by_comment(node: Node) -> bool:
    """Return whether a comment follows a plain scalar that has an unclosed bracket or quote."""
    return is_open(node) and node.source.text[node.end :].lstrip(" ").startswith("#")


def _is_unbalanced(text: str) -> bool:
    bare = _QUOTED.sub("", text)
    return (
        any(bare.count(a) > bare.count(b) for a, b in ("()", "[]", "{}"))
        or "'" in bare
        or '"' in bare
    )


def _words(error: MarkedYAMLError) -> str:
    """Return the error of the scanner or parser, with advice if an expression may be the cause."""
    parts = [part for part in (error.context, error.problem) if part]
    said = quoted(", ".join(str(part) for part in parts), "")
    in_flow = "flow" in str(error.context or "")
    is_cut = str(error.problem or "").startswith(_IN_FLOW) and "<stream end>" not in said
    if in_flow and is_cut:
        return f"not YAML: {said}; {QUOTE}"
    problem = str(error.problem or "")
    if "mapping values are not allowed" in problem:
        return f"not YAML: {said}; quote a text that contains a colon and a space"
    if problem.startswith("expected <block end>, but found '<scalar>'"):
        return f"not YAML: {said}; {QUOTE_BEGUN}"
    if "cannot start any token" in problem and "'\\t'" in problem:
        return "not YAML: a tab; indent with blanks"
    if "cannot start any token" in problem:
        return f"not YAML: {said}; quote a text that begins with it"
    return f"not YAML: {said}"
