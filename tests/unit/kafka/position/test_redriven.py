"""The marks of letters that were sent again."""

from __future__ import annotations

from cjo_stream.kafka.position.redriven import CHUNK, Marks


def test_a_mark_is_of_one_letter_and_read_back_from_its_record() -> None:
    marks = Marks("cursor", "id", {})
    sent = {(0, 0), (0, 9), (3, CHUNK - 1), (3, CHUNK), (3, 5 * CHUNK + 17)}
    for place in sent:
        marks.add(*place)
    written = {one.key or b"": one.value or b"" for one in marks.records()}
    assert marks.records() == []
    assert len(written) == 4
    assert written[b"redriven/id/0/0"] == b"\x01\x02" + bytes(CHUNK // 8 - 2)
    others = {b"intake/id/0": b"{}", b"redriven/other/0/0": b"\xff"}
    again = Marks("cursor", "id", {**written, **others})
    near = {(p, offset + by) for p, offset in sent for by in (-1, 0, 1) if offset + by >= 0}
    assert {place for place in near if again.has(*place)} == sent
