import msgspec
import pytest

from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.message import Arrive, StoreSet
from cjo_stream.engine.frame import (
    FRAME_BYTES_MAX,
    ITEM_BYTES_MAX,
    ITEMS_MAX,
    Effect,
    EffectWriter,
    FrameWriter,
    bytes_of,
    control_frame,
    decode_effect_frame,
    decode_frame,
    frame_of,
    held_frame,
    tick_frame,
)
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.errors import InputError, InvariantError, RefusalError

ONE, TWO = Log("raw", 0), Log("raw", 1)


def arrive(text: str = "x") -> Arrive:
    anchor = Identifier("user", "u", "0" * 32)
    return Arrive(Event("ping", 1, {"text": text}, "e1", "web", [anchor]))


def test_items_of_several_lanes_share_a_frame_and_keep_their_order() -> None:
    writer = FrameWriter()
    for number, lane in enumerate([ONE, TWO, ONE, TWO, TWO]):
        writer.add(lane, (number, 0), (number - 1, 0), "n", arrive())
    (frame,) = [decode_frame(f) for f in writer.frames(77)]
    assert frame.clock == 77
    assert [(frame.lanes[i.lane], i.offset) for i in frame.items] == [
        (ONE, 0),
        (TWO, 1),
        (ONE, 2),
        (TWO, 3),
        (TWO, 4),
    ]
    assert frame.items[0].message == arrive()


def test_frames_are_cut_by_items_and_by_bytes_wherever_it_falls() -> None:
    writer = FrameWriter()
    for number in range(ITEMS_MAX * 2 + 1):
        writer.add(ONE if number % 2 else TWO, (number, 0), (number - 1, 0), "n", arrive())
    frames = [decode_frame(f) for f in writer.frames(0)]
    assert [len(f.items) for f in frames] == [ITEMS_MAX, ITEMS_MAX, 1]
    assert [i.offset for f in frames for i in f.items] == list(range(ITEMS_MAX * 2 + 1))
    assert all(f.lanes[i.lane] == (ONE if i.offset % 2 else TWO) for f in frames for i in f.items)

    for number in range(5):
        writer.add(ONE, (number, 0), (number - 1, 0), "n", arrive("x" * (FRAME_BYTES_MAX // 2)))
    assert all(len(f) < FRAME_BYTES_MAX + 1024 for f in writer.frames(0))
    assert list(writer.frames(0)) == []


def test_no_item_may_be_larger_than_its_bound() -> None:
    with pytest.raises(InvariantError):
        FrameWriter().add(ONE, (0, 0), (-1, -1), "n", arrive("x" * ITEM_BYTES_MAX))


def test_effects_are_cut_into_frames_too() -> None:
    writer = EffectWriter(ONE)
    for number in range(ITEMS_MAX + 1):
        writer.add((number, 0), (number - 1, 0), Effect("action", "key", b"{}", "mail"))
    frames = [decode_effect_frame(msgspec.msgpack.encode(f)) for f in writer.frames()]
    assert [len(f.items) for f in frames] == [ITEMS_MAX, 1]
    assert frames[0].lane == ONE
    assert writer.frames() == []


def test_a_frame_that_never_left_the_process_is_as_if_it_had() -> None:
    frame = held_frame("n", arrive())
    record = LogRecord(0, 77, b"", frame)
    assert frame_of(record) is frame
    assert frame_of(LogRecord(0, 77, bytes_of(record))) == frame
    sent = decode_frame(control_frame([("n", arrive())]))
    assert frame_of(LogRecord(0, 77, bytes_of(record))) == sent
    assert bytes_of(LogRecord(0, 77, b"sent")) == b"sent"


def test_a_control_frame_has_no_lane() -> None:
    frame = decode_frame(control_frame([("", StoreSet(3, b"content", "id"))]))
    (item,) = frame.items
    assert (item.lane, item.offset) == (-1, -1)
    assert (item.previous_offset, item.previous_index) == (-1, -1)
    assert item.message == StoreSet(3, b"content", "id")
    assert decode_frame(tick_frame(5)).items == []


@pytest.mark.parametrize(
    "value",
    [b"", b"{}", b"\x00" * 9, b"\xc1", b"\x90\x01", b"\x94\x00", b"\x94\xff" + b"\x94" * 3000],
)
def test_what_never_was_a_frame_is_bad_input(value: bytes) -> None:
    for decode in (decode_frame, decode_effect_frame):
        with pytest.raises(InputError, match="invalid: no frame"):
            decode(value)


def test_a_frame_of_a_later_version_is_refused() -> None:
    for value in ((9, 0, [], []), (15, {}, None, 0)):
        for decode in (decode_frame, decode_effect_frame):
            with pytest.raises(
                RefusalError, match=f"version {value[0]} in a release that reads 1"
            ):
                decode(msgspec.msgpack.encode(value))


def damaged() -> bytes:
    frame = control_frame([("", StoreSet(3, b"content", "id"))])
    return frame.replace(b"id", b"\xff\xff")


@pytest.mark.parametrize(
    "value", [damaged(), damaged()[:-9], b"\x94\x01\x00", b"\x95\x01" + b"\x91" * 5_000]
)
def test_a_frame_that_is_damaged_is_never_passed_over(value: bytes) -> None:
    for decode in (decode_frame, decode_effect_frame):
        with pytest.raises(RefusalError, match="bring the record back"):
            decode(value)
