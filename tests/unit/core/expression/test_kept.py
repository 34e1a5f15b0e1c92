"""A set that follows another finds its expressions compiled."""

from __future__ import annotations

import pytest

from cjo_stream.core.expression import compiler
from cjo_stream.core.expression.place import Names, Place


@pytest.mark.slow
def test_a_set_of_2_100_expressions_finds_all_of_them_compiled() -> None:
    texts = [f"event.total > {number}.25" for number in range(2_100)]

    def compile_all() -> int:
        before = compiler._compiled.cache_info().misses
        for text in texts:
            compiler.compile_expression(text, Place.JOURNEY, Names())
        return compiler._compiled.cache_info().misses - before

    assert [compile_all(), compile_all()] == [len(texts), 0]
