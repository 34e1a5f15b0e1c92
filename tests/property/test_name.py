"""No two names of other systems become one event type."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from cjo_stream.errors import InputError
from cjo_stream.ingest.format.name import event_type

TYPE = re.compile(r"[a-z][a-z0-9_.]{0,99}", re.ASCII)
MARKS = r"[\s!\"&'(),\-./:;?\[\\\]_`{|}‐‑‒–—‘’“”„…·•«»\u00ad\u200b\ufeff]"
ALPHABETS = [
    "abAB1_ .-",
    "aAäÄáàå\u0301\u0308",
    "주문취소 a",
    "жЖиИйa",
    "αάΑ a",
    "注文の ーa",
    "+-#1 $a",
    "🎉👍\u200da ",
]
NAMES = st.one_of(
    st.text(max_size=30),
    *(st.text(alphabet, max_size=12) for alphabet in ALPHABETS),
)


def type_of(name: str) -> str | None:
    try:
        return event_type(name)
    except InputError:
        return None


def same(one: str, other: str) -> bool:
    """Return whether two names differ at most by case, blanks and ASCII punctuation."""

    def bare(name: str) -> str:
        composed = unicodedata.normalize("NFC", name).lower()
        return re.sub(MARKS, "", composed)

    return bare(one) == bare(other)


@given(NAMES)
def test_a_name_has_an_event_type_or_is_refused(name: str) -> None:
    made = type_of(name)
    assert made is None or TYPE.fullmatch(made)


@given(st.lists(NAMES, min_size=2, max_size=40, unique=True))
def test_two_names_never_share_a_type(names: list[str]) -> None:
    held: dict[str, str] = {}
    for name in names:
        made = type_of(name)
        if made is not None:
            assert same(held.setdefault(made, name), name), (held[made], name, made)


@given(NAMES)
def test_no_name_becomes_the_type_that_another_name_became(name: str) -> None:
    made = type_of(name)
    if made is not None and "__" in made and made != name:
        assert type_of(made) is None


def test_a_large_catalogue_of_names_has_as_many_types() -> None:
    letters = "abжиαγ주문취소注文のñéöłß1234"
    names = [
        "".join(letters[number // len(letters) ** place % len(letters)] for place in range(4))
        for number in range(len(letters) ** 4)
    ]
    assert len({event_type(name) for name in names}) == len(names)
