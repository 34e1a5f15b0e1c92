"""`--update`: writes what came into the expectations of test files.

Only the text of values that differ is replaced, so comments, order and layout stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from cjo_stream.core.expression.zone import read_timestamp
from cjo_stream.definition.case import Expect
from cjo_stream.definition.grammar.scalar import plain
from cjo_stream.definition.text.flow import flow
from cjo_stream.definition.text.node import Mapping, Node, Scalar, names_below
from cjo_stream.definition.text.node import Sequence as NodeList
from cjo_stream.definition.text.source import Source
from cjo_stream.errors import UsageError
from cjo_stream.testing.compare import Finding, is_same
from cjo_stream.testing.play import Result

_ANCHOR: Final = re.compile(r"&[^\s,\[\]{}]+\s+")
WIDTH: Final = 99
"""Longest line that is written, where a list can be broken."""


class Written(NamedTuple):
    """The files that were changed, and the number of expectations in them."""

    files: list[str]
    expectations: int


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


def update(results: Sequence[Result]) -> Written:
    """Write what came into every expectation that was not met; return what was written.

    Raises UsageError if a file cannot be written, or if an alias gives one expectation to two
    cases in which other things came.
    """
    edits: dict[Source, dict[tuple[int, int], str]] = {}
    expectations = 0
    for result in results:
        for expect, findings, _ in result.failed:
            made = list(_edits(expect, findings))
            expectations += bool(made)
            for edit in made:
                of_file = edits.setdefault(expect.node.source, {})
                if of_file.setdefault((edit.start, edit.end), edit.text) != edit.text:
                    raise _shared(expect.node.source, edit.start)
    for source, found in edits.items():
        _write(source, found)
    return Written([source.name for source in edits], expectations)


def _shared(source: Source, index: int) -> UsageError:
    line, _ = source.locate(index)
    return UsageError(
        f"{source.name}:{line}: several cases share this by an alias, and not the same came in "
        "each: write each its own"
    )


def _write(source: Source, edits: dict[tuple[int, int], str]) -> None:
    text, behind = source.text, len(source.text)
    for (start, end), new in sorted(edits.items(), reverse=True):
        if end > behind:
            raise _shared(source, start)
        text, behind = text[:start] + new + text[end:], start
    try:
        Path(source.name).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"{source.name} cannot be written: {error.strerror}") from error


def _edits(expect: Expect, findings: Sequence[Finding]) -> Iterator[_Edit]:
    """Yield the replacements for one expectation."""
    if expect.is_bare:
        parts = {one.part: one.new for one in findings if one.part != "refused"}
        if parts:
            yield _fill(expect, parts)
        return
    for one in findings:
        if one.item is not None and one.may_be_written:
            yield from _differences(one.item.node, one.new)


def _fill(expect: Expect, parts: dict[str, Any]) -> _Edit:
    """Return what an expectation that names nothing is to name."""
    node = expect.node
    customer = expect.fields.read.get("customer") if expect.fields is not None else None
    named = [f"{name}: {flow(value)}" for name, value in parts.items()]
    if customer is not None:
        whose = customer.node
        named = [f"customer: {whose.source.text[whose.start : _end(whose)]}", *named]
    text = _flow_list(node, named, "{}")
    if isinstance(node, Scalar) and node.start == node.end:
        at = expect.key.end + 1
        return _Edit(at, at, f" {text}")
    return _Edit(node.start, _end(node), text)


def _differences(node: Node, new: Any) -> Iterator[_Edit]:
    """Yield replacements that make a node read as `new`, of as little text as possible."""
    if isinstance(node, Scalar) and not isinstance(new, dict | list):
        if not _reads_as(node, new):
            yield _Edit(node.start, node.end, flow(new))
    elif isinstance(node, NodeList) and isinstance(new, list):
        if len(node.items) == len(new):
            for item, one in zip(node.items, new, strict=True):
                yield from _differences(item, one)
        else:
            yield _Edit(_start(node), _end(node), _list(node, new))
    elif (
        isinstance(node, Mapping)
        and isinstance(new, dict)
        and names_below(node).keys() == new.keys()
    ):
        for name, one in names_below(node).items():
            yield from _differences(one, new[name])
    elif isinstance(new, list) and len(new) == 1:
        yield from _differences(node, new[0])
    else:
        yield _Edit(_start(node), _end(node), flow(new))


def _reads_as(node: Scalar, new: Any) -> bool:
    if isinstance(new, str) and (time := read_timestamp(new)) is not None:
        return time == (read_timestamp(node.text) or node.value)
    return type(node.value) is type(new) and is_same(node.value, new)


def _list(node: NodeList, new: list[Any]) -> str:
    """Return a list's text, in the style of the list; elements that stay keep their own."""
    source = node.source
    kept: dict[str, str] = {}
    for item in node.items:
        kept.setdefault(flow(plain(item)), source.text[_start(item) : _end(item)])
    texts = [kept.get(text, text) for text in map(flow, new)]
    if not texts or source.text.startswith("[", _start(node)):
        return _flow_list(node, texts, "[]")
    _, column = source.locate(_start(node))
    return f"\n{' ' * (column - 1)}".join(f"- {text}" for text in texts)


def _flow_list(node: Node, texts: Sequence[str], brackets: str) -> str:
    """Return a collection in flow style, on several lines if one is too short."""
    whole = f"{brackets[0]}{', '.join(texts)}{brackets[1]}"
    line, column = node.source.locate(_start(node))
    if column + len(whole) <= WIDTH or len(texts) < 2:
        return whole
    written = node.source.line(line)
    indent = " " * (len(written) - len(written.lstrip(" -")) + 2)
    inner = "".join(f"\n{indent}{text}," for text in texts)
    return f"{brackets[0]}{inner}\n{indent[:-2]}{brackets[1]}"


def _start(node: Node) -> int:
    """Return where a node's text begins, behind its anchor."""
    anchor = _ANCHOR.match(node.source.text, node.start)
    return anchor.end() if anchor else node.start


def _end(node: Node) -> int:
    """Return where a node's text ends; that of a block is the end of its last part."""
    text = node.source.text
    if isinstance(node, Scalar) or text[_start(node)] in "[{":
        return node.start + len(text[node.start : node.end].rstrip())
    last = node.items[-1] if isinstance(node, NodeList) else None
    if isinstance(node, Mapping):
        last = node.pairs[-1][1]
    # A value that is an alias, or is not written, stands elsewhere.
    if last is None or not node.start <= last.start < node.end:
        return node.start + len(text[node.start : node.end].rstrip())
    return max(_end(last), node.start + 1)
