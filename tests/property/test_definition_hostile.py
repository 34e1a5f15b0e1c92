"""Hostile definitions: whatever a file holds, a load ends soon, in a Program or in findings."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cjo_stream.definition import load
from cjo_stream.errors import DefinitionError, Diagnostic

MIB = 1 << 20
SECONDS_MAX = 20.0
"""Far above what any of these takes, far below what a quadratic reader would."""

SOUND = b"""\
topology: shop
channels: {web: {in: {}, out: {address: cookie}}}
identity: {identifiers: [{type: cookie}]}
profile: {facts: {tier: string}, traits: {orders: {count: order_placed}}}
---
journey: recovery
version: 1
entry: {on: cart_updated, when: event.total > 20, key: event.cart_id}
exit: {on: order_placed, when: event.cart_id == key, as: bought}
initial: waiting
states:
  waiting: {after: {30m: reminded}, on: {cart_updated: {to: waiting, do: [{assign: {x: 1}}]}}}
  reminded: {enter: [{act: reminder}, {set: {tier: "'x'"}}], after: {1d: lapsed}}
  lapsed: {end: lapsed}
---
action: reminder
treatments: {web: {template: reminder, payload: {x: data.x}}}
"""


def findings(folder: Path, content: bytes) -> list[Diagnostic]:
    """Load one file; every finding of it stands within it."""
    (folder / "topology.yaml").write_bytes(content)
    try:
        found = load(folder).warnings
    except DefinitionError as error:
        found = error.diagnostics
        assert found
    lines = content.count(b"\n") + 1
    for diagnostic in found:
        assert 1 <= diagnostic.line <= lines
        assert diagnostic.column >= 1
        assert str(diagnostic).isprintable()
        assert len(diagnostic.message) < 1_000
    return found


def bomb() -> bytes:
    """Ten to the ninth nodes, were its aliases expanded."""
    rows = [b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 10):
        aliases = b", ".join([b"*a%d" % (level - 1)] * 10)
        rows.append(b"a%d: &a%d [%s]" % (level, level, aliases))
    return b"\n".join(rows)


def deep_aliases() -> bytes:
    """Few nodes, each one deeper than the one before."""
    rows = [b"a0: &a0 [x]"]
    rows += [b"a%d: &a%d [*a%d]" % (level, level, level - 1) for level in range(1, 200)]
    return b"\n".join(rows)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"#" * (2 * MIB), "larger than 1,048,576 bytes: split the file"),
        (b"\xff\xfea\x00", "not UTF-8"),
        (b"a: caf\xe9", "not UTF-8"),
        (b"a: \x00", "the character U+0000 is not allowed"),
        (b"a: \x1b[2J", "the character U+001B is not allowed"),
        (b"a: !!python/object/apply:os.system [ls]", "tags are not allowed"),
        (b"a: !x y", "tags are not allowed"),
        (b"!" * MIB, "tags are not allowed"),
        (b"%YAML 1.1\n---\na: b", "only directive allowed is `%YAML 1.2`"),
        (b"%TAG ! x:\n---\na: b", "only directive allowed is `%YAML 1.2`"),
        (b"topology: &x [*x]", "contains itself"),
        (b"topology: *x", "no anchor"),
        (b"<<: {topology: x}", "unknown kind '<<'"),
        (b"topology: x\n<<: {about: x}", "unknown key of a topology '<<'"),
        (b"topology: x\n? {a: b}\n: c", "must be a key, not a mapping"),
        (b"topology: x\nabout: [1, 2", "not YAML"),
        (b"topology: x\nabout: a: b", "quote a text that contains a colon"),
        (b"topology: x\n\tabout: y", "not YAML"),
        (b'topology: x\nabout: "\\UFFFFFFFF"', "not YAML"),
        (bomb(), "more than 10,000 nodes"),
        (deep_aliases(), "nested deeper than 50"),
        (b"[" * 500_000, "nested deeper than 50"),
        (b"{" * 500_000, "nested deeper than 50"),
        (b"? " * 500_000, "nested deeper than 50"),
        (b"- " * 500_000, "nested deeper than 50"),
        (b"".join(b" " * i + b"a:\n" for i in range(1_000)), "nested deeper than 50"),
        (b"topology: x\nabout: [" + b"a," * 400_000 + b"]", "more than 10,000 nodes"),
        (b"a: b\n" * 200_000, "more than 10,000 nodes"),
        (b"- a\n" * 9_000, "a document must begin with its kind"),
        (b"topology: " + b"a" * 900_000, "is not a name"),
        (b"topology: x\n" + b"k" * 900 + b": y", "unknown key of a topology"),
        (b"topology: x\ngrace: " + b"9" * 900_000, "not a duration"),
        (b"topology: x\ngrace: " + b"999999999w", "at most 1,000 years"),
        (b"journey: x\nversion: " + b"9" * 400, "must be a whole number"),
        (b"journey: x\nversion: 1e999", "must be a whole number"),
        (b"journey: x\nholdout: .nan", "a share is from 0 to 1"),
        (b"action: x\nvalue: .inf", "must be a finite number"),
        (b"action: x\nvalue: " + b"(" * 499, "not an expression"),
        (b"action: x\nvalue: " + b"x" * 501, "longer than 500 characters"),
        (b"action: x\nvalue: __import__('os')", "no function '__import__'"),
        (b"action: x\nvalue: profile.__class__", "a name cannot begin with two underscores"),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else None,
)
def test_each_hostile_file_is_refused_by_name_and_soon(
    tmp_path: Path, content: bytes, said: str
) -> None:
    began = time.process_time()
    found = findings(tmp_path, content)
    assert time.process_time() - began < SECONDS_MAX
    assert any(said in diagnostic.message for diagnostic in found)


@pytest.mark.parametrize(
    "content",
    [
        b"\n" * MIB,
        b" " * MIB,
        b"#" * MIB,
        b"---\n" * (MIB // 4),
        b"a: |\n" + b" \n" * (MIB // 2 - 5),
        b"a: '" + b"x " * 500_000,
        b'a: "' + b"\\n" * 500_000,
        b"a " * (MIB // 2),
        b"a\n" * (MIB // 2),
        b": " * (MIB // 2),
        b"&a " * (MIB // 3),
        b"&" + b"a" * (MIB - 1),
        b"*" + b"a" * (MIB - 1),
        b"|" * MIB,
        b"%" * MIB,
        b"{a: " * 40 + b"(" * 900_000,
        b"{" + b"a: (, " * 1_600 + b"}",
        b"{a: (, " + b"b, " * 4_900 + b"}",
        b"topology: x\n" + b"".join(b"%d: y\n" % i for i in range(4_900)),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_no_file_takes_long(tmp_path: Path, content: bytes) -> None:
    """What takes time by the square of the length takes a quarter of it for half of a file."""
    part = MIB if "CJO_LONG" in os.environ else MIB // 2
    began = time.process_time()
    findings(tmp_path, content[:part])
    assert time.process_time() - began < SECONDS_MAX * (part / MIB) ** 2


def test_many_states_without_order_take_no_long_time(tmp_path: Path) -> None:
    states = "".join(f"  s{n}: {{after: {{1d: x{n}}}}}\n" for n in range(600))
    journey = f"journey: j\nversion: 1\nentry: {{on: a}}\ninitial: s0\nstates:\n{states}"
    began = time.process_time()
    found = findings(tmp_path, SOUND + b"---\n" + journey.encode())
    assert time.process_time() - began < SECONDS_MAX
    assert len(found) >= 600


FUZZ = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@FUZZ
@given(content=st.binary(max_size=300))
def test_random_bytes_give_findings(tmp_path: Path, content: bytes) -> None:
    findings(tmp_path, content)


KEYS = "topology journey action on states initial entry version treatments act after end do to"
MARKS = "a x 1 1d 5% null true .nan event.x ( ) [ ] { } ' \" | > & * ! # ? % @ ` << ~ &a *a - : ,"
SPACES = [" ", "\n", "\n  ", ": ", "- ", ", ", " #", "\t", "\r\n", "---", "...", "\\"]
WORDS = [*KEYS.split(), *MARKS.split(), *SPACES, "\u2028", "\x85", "\ufeff"]


@FUZZ
@given(words=st.lists(st.sampled_from(WORDS), max_size=60))
def test_random_yaml_gives_findings(tmp_path: Path, words: list[str]) -> None:
    findings(tmp_path, "".join(words).encode())


def cut(content: bytes, at: int, length: int, put: bytes) -> bytes:
    return content[:at] + put + content[at + length :]


def moved(content: bytes, at: int, length: int, put: bytes) -> bytes:
    start = len(put) * 37 % len(content)
    return content[:at] + content[start : start + length] + content[at:]


@FUZZ
@given(
    edits=st.lists(
        st.tuples(
            st.sampled_from([cut, moved]),
            st.integers(0, len(SOUND)),
            st.integers(0, 40),
            st.sampled_from(
                [b"", b"x", b"{", b"}", b"[", b"]", b": ", b"\n", b"'", b"5", b"~", b"&a "]
            ),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_sound_definitions_changed_at_random_load_or_give_findings(
    tmp_path: Path, edits: list[tuple[Callable[[bytes, int, int, bytes], bytes], int, int, bytes]]
) -> None:
    content = SOUND
    for edit, at, length, put in edits:
        content = edit(content, at, length, put)
    findings(tmp_path, content)


def test_what_is_changed_there_is_sound(tmp_path: Path) -> None:
    assert findings(tmp_path, SOUND) == []
