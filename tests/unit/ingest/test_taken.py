"""What a file is to the files that a state has taken: same, grown, changed or new."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjo_stream.ingest.digesting import Digesting
from cjo_stream.ingest.taken import (
    BEGINNING,
    HEAD_BYTES,
    Found,
    Place,
    Resolved,
    Standing,
    Taken,
    compare,
    found_at,
    lengths,
    resolve,
    taken_whole,
)


def found(content: bytes, path: str | None = "a", known: Sequence[Taken] = (), piece=7) -> Found:
    """Return what is found of a content that is read in pieces."""
    digesting = Digesting(lengths(known, content[:HEAD_BYTES]))
    stream = io.BytesIO(content)
    while chunk := stream.read(piece):
        digesting.add(chunk)
    return digesting.found(path, content)


def taken(content: bytes, path: str | None = "a", number: int = 0, **changes: Any) -> Taken:
    """Return a file of which all this was taken."""
    return msgspec.structs.replace(taken_whole(found(content, path), number), **changes)


def standing(known: Taken, content: bytes, path: str | None = "a") -> Standing:
    return compare([known], found(content, path, [known])).standing


def resolved(known: Sequence[Taken], *files: tuple[str | None, bytes]) -> list[Resolved]:
    seen: list[Found] = []
    for path, content in files:
        seen.append(found(content, path, [*known, *map(taken_whole, seen)]))
    return resolve(known, seen)


ONE, TWO, LONG = b"one\n", b"one\ntwo\n", b"x" * 3 * HEAD_BYTES + b"\n"


@pytest.mark.parametrize("path", ["a", "b", None])
def test_a_file_that_begins_with_all_that_was_taken_is_that_one_whatever_its_path(path) -> None:
    assert standing(taken(ONE), ONE, path) is Standing.SAME
    assert standing(taken(ONE), TWO, path) is Standing.GROWN
    assert standing(taken(LONG), LONG + ONE, path) is Standing.GROWN


def test_else_a_known_path_is_a_changed_file_and_any_other_a_new_one() -> None:
    for content in (b"two\n", b"on", b"", LONG):
        assert standing(taken(ONE), content) is Standing.CHANGED
        assert standing(taken(ONE), content, "b") is Standing.NEW
    assert standing(taken(ONE, None), b"two\n", None) is Standing.NEW, "stdin has no path"
    assert standing(taken(LONG), LONG[:-2] + b"y\n" + ONE) is Standing.CHANGED


def test_an_empty_taken_part_says_nothing() -> None:
    for known in (taken(b""), taken(b"column\n", rows=0)):
        for path in ("a", "b"):
            assert standing(known, b"column\nvalue\n", path) is Standing.NEW
    assert standing(taken(b"column\n", rows=0), b"column\n", "b") is Standing.SAME


def test_a_file_of_which_every_row_was_refused_may_change() -> None:
    """Nothing of it could be lost, or count twice."""
    assert standing(taken(ONE, refused=1), b"two\n") is Standing.NEW
    assert standing(taken(ONE, refused=1), ONE) is Standing.SAME
    assert standing(taken(ONE, refused=1), TWO) is Standing.GROWN
    assert standing(taken(ONE, refused=1, is_given_up=True), b"two\n") is Standing.CHANGED


def test_a_last_row_without_its_end_must_go_on_with_a_line_end() -> None:
    known = taken(b"one\nt")
    for content in (b"one\nt\n", b"one\nt\r\nthree\n"):
        assert standing(known, content) is Standing.GROWN
    assert standing(known, b"one\ntwo\n", "b") is Standing.CHANGED


def test_a_refused_last_row_without_its_end_is_read_again_once_there_is_more() -> None:
    seen = found(b"one\ntw")
    known = taken(ONE, seen_bytes=seen.end.bytes, seen_digest=seen.digest)
    assert standing(known, b"one\ntw") is Standing.SAME
    assert standing(known, TWO) is Standing.GROWN
    (only,) = resolved([known], ("a", TWO))
    assert only.begin == Place(4, 1)


def test_of_several_that_it_begins_with_it_is_the_one_of_which_most_was_taken() -> None:
    short, long = taken(ONE, "a", 0), taken(TWO, "b", 1)
    for known in ([short, long], [long, short]):
        verdict = compare(known, found(TWO + b"three\n", "a", known))
        assert verdict == (Standing.GROWN, long)


def test_files_of_one_run_are_taken_as_if_one_came_after_the_other() -> None:
    first, copy, later = resolved([], ("a", ONE), ("b", ONE), ("c", TWO))
    assert (first.standing, first.number, first.begin) == (Standing.NEW, 0, BEGINNING)
    assert copy.standing is Standing.SAME
    assert (later.standing, later.begin) == (Standing.GROWN, Place(4, 1))
    assert later.number not in (first.number, copy.number)


def test_a_path_is_free_once_its_former_content_is_found_elsewhere() -> None:
    """A log is renamed, and a new one begun under its name."""
    known = [taken(ONE, "log")]
    for files in ([("log", b"new\n"), ("log-1", TWO)], [("log-1", TWO), ("log", b"new\n")]):
        by_path = dict(zip([path for path, _ in files], resolved(known, *files), strict=True))
        assert by_path["log-1"].standing is Standing.GROWN
        assert by_path["log-1"].number == 0
        assert by_path["log"].standing is Standing.NEW
        assert by_path["log"].number > 0
    (alone,) = resolved(known, ("log", b"new\n"))
    assert alone.standing is Standing.CHANGED


def test_a_path_stays_known_where_its_former_content_is_only_a_copy() -> None:
    """A file is mended beside a copy of what it was."""
    known = [taken(b"one\ntwo\nthree\n")]
    changed, same = resolved(known, ("a", b"one\ntwo\n3\n"), ("copy", b"one\ntwo\nthree\n"))
    assert (changed.standing, same.standing) == (Standing.CHANGED, Standing.SAME)
    moved = found_at(found_at(known[0], "copy"), "b")
    assert (moved.paths, moved.path) == (("a", "copy", "b"), "b")
    assert standing(moved, b"two\n", "copy") is Standing.CHANGED


def test_a_file_as_it_was_before_it_grew_has_nothing_new() -> None:
    before = found(ONE)
    known = taken(TWO, "b", former=((before.end.bytes, before.digest),))
    assert standing(known, ONE, "a") is Standing.SAME
    assert standing(known, b"on", "b") is Standing.CHANGED


def test_of_two_copies_that_grew_apart_only_what_was_added_is_taken() -> None:
    one, other = resolved([taken(ONE)], ("b", ONE + b"b\n"), ("c", ONE + b"c\n"))
    assert [one.begin, other.begin] == [Place(4, 1)] * 2
    assert one.number == 0 != other.number


@given(st.lists(st.sampled_from([b"a\n", b"bc\n", b"\n", b"ddd\n"]), max_size=12), st.data())
def test_any_beginning_of_whole_rows_is_known_again(
    rows: list[bytes], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(rows)))
    content, before = b"".join(rows), b"".join(rows[:cut])
    known = taken(before)
    piece = data.draw(st.integers(1, 9))
    (one,) = resolve([known], [found(content, "b", [known], piece)])
    if cut == 0:
        assert one.begin == BEGINNING
    else:
        assert one.begin == Place(len(before), cut)
        assert one.standing is (Standing.SAME if content == before else Standing.GROWN)
