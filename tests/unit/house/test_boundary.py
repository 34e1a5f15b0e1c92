"""Numbers and sizes that topics, headers and files name are checked before they are used.

What compacted topics hold is tested by `kafka/definition/test_foreign`, the names in manifests of
checkpoints by `store/test_checkpoint`, identifiers and events by `ingest`, frames by
`engine/test_frame`.
"""

from __future__ import annotations

import zlib

import pytest

from cjo_stream.definition.content import INFLATED_BYTES_MAX, decode
from cjo_stream.errors import RefusalError
from cjo_stream.kafka.operator.records import read_number


def test_a_definition_set_does_not_unpack_to_more_than_a_topology_has() -> None:
    bomb = zlib.compress(bytes(INFLATED_BYTES_MAX + 1), 9)
    assert len(bomb) < 100_000
    with pytest.raises(RefusalError, match="cannot be read"):
        decode(bomb)
    with pytest.raises(RefusalError, match="cannot be read"):
        decode(bomb[:1000])


@pytest.mark.parametrize(
    ("header", "number"),
    [("7", 7), ("0", 0), (None, -1), ("", -1), ("x", -1), ("-3", -1), ("²", -1), ("9" * 99, -1)],
)
def test_a_dead_letter_of_somebody_else_is_listed(header: str | None, number: int) -> None:
    assert read_number(header) == number
