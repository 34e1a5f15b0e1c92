"""Two definition sets -> their differences in meaning, each with its place in the text."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from cjo_stream.definition import DefinitionSet, documents_of
from cjo_stream.definition.meaning import Form, Part, Word, meaning_of
from cjo_stream.definition.section import ONE_A_FOLDER, Definition
from cjo_stream.definition.text.node import Mapping, Node
from cjo_stream.definition.text.node import Sequence as Listed

Change = Literal["added", "removed", "changed"]
Path = tuple[Word, ...]


class Difference(msgspec.Struct, frozen=True):
    """The deepest thing that differs, so that the edited line itself is named.

    `part` is the path to it in the document, each step a word and mostly a name, as
    `(("state", "waiting"), ("timer", "30m"))`; empty: the whole document. `before` and `after` are
    as read: short forms written out, defaults filled in.

    `at` is `path:line`, the path relative to the set's folder: of the candidate, but of the live
    set where `change` is removed. `lines` are all lines that it covers, in the same form: `at`
    first; of a block from its key on; of something that moved, where it was, too.

    `owner` is the document's.
    """

    kind: str
    name: str
    part: Path
    change: Change
    before: Any
    after: Any
    at: str
    lines: tuple[str, ...]
    owner: str | None = None


def differences(live: DefinitionSet, candidate: DefinitionSet) -> list[Difference]:
    """Return what differs between two sets, by kind, name, and place in the document.

    Layout, comments, short forms, the order of keys where it means nothing, and the file in which
    a document stands make no difference.
    """
    before, after = _by_name(live), _by_name(candidate)
    found: list[Difference] = []
    for key in sorted(before.keys() | after.keys(), key=_rank):
        found += _document(before.get(key), after.get(key))
    return found


_KINDS = ("topology", "policy", "journey", "action", "measure")
_Key = tuple[str, str]


def _rank(key: _Key) -> tuple[int, str]:
    return _KINDS.index(key[0]), key[1]


def _by_name(definitions: DefinitionSet) -> dict[_Key, Definition]:
    return {
        (one.kind, "" if one.kind in ONE_A_FOLDER else one.name): one
        for one in documents_of(definitions.content)
        if one.fields is not None
    }


class _Found(NamedTuple):
    """A difference, before it is known whose it is."""

    part: Path
    change: Change
    before: Any
    after: Any
    lines: tuple[str, ...]


def _document(live: Definition | None, candidate: Definition | None) -> Iterator[Difference]:
    one = candidate or live
    assert one is not None
    old, new = (meaning_of(each) if each is not None else None for each in (live, candidate))
    if old is None or new is None:
        whole = new or old
        assert whole is not None
        found = [_one_sided(whole, (), "added" if old is None else "removed")]
    else:
        found = [*_renamed(live, candidate), *_compare(old, new, ())]
    owner = _owner(new or old)
    for each in sorted(found, key=lambda one: int(one.lines[0].rpartition(":")[2])):
        yield Difference(
            one.kind, one.name, *each[:4], at=each.lines[0], lines=each.lines, owner=owner
        )


def _owner(whole: Part | None) -> str | None:
    parts = whole.parts if whole is not None else []
    return next((part.shown for part in parts if part.label == "owner"), None)


def _renamed(live: Definition | None, candidate: Definition | None) -> Iterator[_Found]:
    """Yield the change of a topology's or policy's name."""
    assert live is not None
    assert candidate is not None
    if live.name != candidate.name and isinstance(candidate.root, Mapping):
        lines = _lines(candidate.root.pairs[0][1])
        yield _Found((("name",),), "changed", live.name, candidate.name, lines)


def _compare(live: Part, candidate: Part, path: Path) -> Iterator[_Found]:
    """Yield what differs between two parts that stand for each other; `path` leads to them."""
    if live.signature == candidate.signature:
        return
    if _alias(live) != _alias(candidate):
        yield _Found(path, "changed", live.value, candidate.value, _span(candidate))
    elif live.form is not candidate.form or live.form is Form.LEAF:
        yield from _changed(live, candidate, path)
    elif live.form is Form.RECORD:
        yield from _by_label(live.parts, candidate.parts, path)
    elif live.form is Form.MAP:
        yield from _entries(live, candidate, path)
    else:
        yield from _elements(live, candidate, path)


def _alias(part: Part) -> str | None:
    """Return the alias that stands in place of a part's value, if one does."""
    if part.key is None or part.node is None or part.node.start > part.key.start:
        return None
    return part.key.source.text[part.key.end :].lstrip(": ").split(maxsplit=1)[0]


def _changed(live: Part, candidate: Part, path: Path) -> Iterator[_Found]:
    if candidate.node is None:
        if live.node is not None:
            yield _Found(path, "removed", live.value, candidate.value, _span(live))
    elif live.node is None:
        yield _Found(path, "added", live.value, candidate.value, _span(candidate))
    elif live.form is candidate.form:
        lines = _edited(live.node, candidate.node)
        yield _Found(path, "changed", live.value, candidate.value, lines)
    else:
        yield _Found(path, "changed", live.value, candidate.value, _span(candidate))


def _by_label(live: Sequence[Part], candidate: Sequence[Part], path: Path) -> Iterator[_Found]:
    old, new = ({part.label: part for part in parts} for parts in (live, candidate))
    for label in dict.fromkeys((*old, *new)):
        before, after = old.get(label), new.get(label)
        if before is not None and after is not None:
            yield from _compare(before, after, _to(path, after))
        elif before is not None:
            yield from _alone(before, path, "removed")
        elif after is not None:
            yield from _alone(after, path, "added")


def _entries(live: Part, candidate: Part, path: Path) -> Iterator[_Found]:
    old, new = ({part.label: part for part in parts} for parts in (live.parts, candidate.parts))
    gone = [part for part in live.parts if part.label not in new]
    fresh = [part for part in candidate.parts if part.label not in old]
    if live.label == "after":
        for before, after in _equal(gone, fresh):
            gone.remove(before)
            fresh.remove(after)
            lines = _lines(after.key or after.node)
            yield _Found(_to(path, before), "changed", before.label, after.label, lines)
    yield from _by_label(
        [part for part in live.parts if part in gone or part.label in new],
        [part for part in candidate.parts if part in fresh or part.label in old],
        path,
    )
    if live.is_ordered:
        both = [(old[part.label], part) for part in candidate.parts if part.label in old]
        yield from _moved(both, live, candidate, path)


def _equal(gone: list[Part], fresh: list[Part]) -> list[tuple[Part, Part]]:
    """Return pairs of equal content under another key."""
    pairs, free = [], list(fresh)
    for before in gone:
        after = next((one for one in free if one.signature == before.signature), None)
        if after is not None:
            free.remove(after)
            pairs.append((before, after))
    return pairs


def _elements(live: Part, candidate: Part, path: Path) -> Iterator[_Found]:
    """Yield what differs between two lists: equal elements stand for each other, then alike."""
    pairs = _equal(live.parts, candidate.parts)
    if live.form is Form.LIST:
        yield from _moved(pairs, live, candidate, path)
    olds, news = {id(old) for old, _ in pairs}, {id(new) for _, new in pairs}
    gone = [part for part in live.parts if id(part) not in olds]
    fresh = [part for part in candidate.parts if id(part) not in news]
    for before, after in _alike(gone, fresh):
        gone.remove(before)
        fresh.remove(after)
        is_leaf = after.form is Form.LEAF
        yield from _compare(before, after, _to(path, after, -1) if is_leaf else _to(path, after))
    for part in gone:
        yield from _alone(part, path, "removed")
    for part in fresh:
        yield from _alone(part, path, "added")


def _alike(gone: Sequence[Part], fresh: Sequence[Part]) -> list[tuple[Part, Part]]:
    """Return the pairs that have most in common, each part once."""
    ranked = sorted(
        (
            (-_common(old, new), abs(place - other), place, other)
            for place, old in enumerate(gone)
            for other, new in enumerate(fresh)
            if old.kin == new.kin and old.form is new.form
        ),
    )
    pairs, used_old, used_new = [], set[int](), set[int]()
    for _, _, place, other in ranked:
        if place not in used_old and other not in used_new:
            used_old.add(place)
            used_new.add(other)
            pairs.append((gone[place], fresh[other]))
    return pairs


def _common(old: Part, new: Part) -> int:
    """Return how much two parts have in common; a name counts double."""
    inner = {(part.label, part.signature) for part in old.parts if part.node is not None}
    same = sum((part.label, part.signature) in inner for part in new.parts)
    return same + 2 * (old.label == new.label)


def _moved(
    pairs: Sequence[tuple[Part, Part]], live: Part, candidate: Part, path: Path
) -> Iterator[_Found]:
    """Yield those of the pairs that stand in another order than before."""
    old, new = (
        {id(part): place for place, part in enumerate(whole.parts)} for whole in (live, candidate)
    )
    by_old = sorted(pairs, key=lambda pair: old[id(pair[0])])
    by_new = sorted(pairs, key=lambda pair: new[id(pair[1])])
    after = {id(part): place for place, (_, part) in enumerate(by_new)}
    positions = [after[id(part)] for _, part in by_old]
    kept = _longest_rise(positions)
    for place, (was, is_) in enumerate(by_old):
        if positions[place] not in kept:
            lines = (*_lines(is_.key or is_.node), *_lines(was.key or was.node))
            at = (*_to(path, is_), ("order",))
            yield _Found(at, "changed", place + 1, positions[place] + 1, lines)


def _longest_rise(numbers: Sequence[int]) -> set[int]:
    """Return the elements of a longest rising subsequence.

    >>> sorted(_longest_rise([1, 2, 0, 3]))
    [1, 2, 3]
    """
    matcher = difflib.SequenceMatcher(None, numbers, sorted(numbers), autojunk=False)
    return {
        number
        for block in matcher.get_matching_blocks()
        for number in numbers[block.a : block.a + block.size]
    }


def _alone(part: Part, path: Path, change: Change, key: Node | None = None) -> Iterator[_Found]:
    """Yield a part that only one side has; what has no name of its own, by its inner parts."""
    if part.node is None:
        return
    if part.word or not part.parts:
        yield _one_sided(part, _to(path, part), change, key)
        return
    for place, inner in enumerate(part.parts):
        yield from _alone(inner, path, change, None if place else key or part.key)


def _one_sided(part: Part, path: Path, change: Change, key: Node | None = None) -> _Found:
    value = part.value
    before, after = (value, None) if change == "removed" else (None, value)
    return _Found(path, change, before, after, _span(part, key))


def _to(path: Path, part: Part, end: int | None = None) -> Path:
    return (*path, part.word[:end]) if part.word[:end] else path


def _span(part: Part, key: Node | None = None) -> tuple[str, ...]:
    """Return the lines of a part, from its key on."""
    assert part.node is not None
    return _lines(key or part.key or part.node, part.node)


def _edited(live: Node, candidate: Node) -> tuple[str, ...]:
    """Return the lines of a changed value; of a long text those that differ."""
    lines = _lines(candidate)
    if len(lines) == 1:
        return lines
    old, new = (
        node.source.text[node.start : node.end].rstrip().splitlines() for node in (live, candidate)
    )
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    edited = [
        line
        for tag, _, _, start, end in matcher.get_opcodes()
        if tag != "equal"
        for line in lines[start : max(end, start + 1)]
    ]
    return tuple(dict.fromkeys(edited)) or lines


def _lines(first: Node | None, last: Node | None = None) -> tuple[str, ...]:
    """Return `path:line` for each line from where `first` begins to where `last` ends."""
    assert first is not None
    source = first.source
    begin, _ = source.locate(first.start)
    end, _ = source.locate(max(first.start, _end(last or first) - 1))
    return tuple(f"{source.name}:{line}" for line in range(begin, max(begin, end) + 1))


def _end(node: Node) -> int:
    """Return where a node's text ends; a block's mark stands behind the blanks that follow it."""
    text = node.source.text
    if isinstance(node, Mapping | Listed) and text[node.start] not in "{[":
        inner = [value for _, value in node.pairs] if isinstance(node, Mapping) else node.items
        if inner:
            return max(node.start, _end(inner[-1]))
    return node.start + len(text[node.start : node.end].rstrip())
