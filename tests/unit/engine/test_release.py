"""What another release wrote and this one does not read: that release has its end with it first.

The other release is played by the same code with another number.
"""

from __future__ import annotations

import msgspec
import pytest

from cjo_stream.core.message import ActivateSet, StoreSet
from cjo_stream.definition import content
from cjo_stream.engine import codec, frame
from cjo_stream.errors import RefusalError
from tests.world.partition import LOADED, Partition, event


def test_a_store_of_another_layout_is_opened_by_the_release_that_wrote_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as other:
        other.setattr(codec, "VERSION", b"\x07")
        partition = Partition()
        partition.event(event(1))
        partition.run()
        partition.task.mark_clean()
    partition.event(event(2, 1))
    with pytest.raises(RefusalError, match="Run the release that wrote the store"):
        partition.open()
    monkeypatch.setattr(codec, "VERSION", b"\x07")
    partition.open()
    partition.run()
    assert partition.changes() == [("created", [1]), ("created", [2])]


def test_frames_of_another_version_are_read_to_their_end_by_the_release_that_wrote_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    partition = Partition()
    with monkeypatch.context() as other:
        other.setattr(frame, "FRAME_VERSION", 7)
        partition.event(event(1))
        partition.event(event(2, 1))
    with pytest.raises(RefusalError, match="run the release that wrote it until its log is empty"):
        partition.process()
    with monkeypatch.context() as other:
        other.setattr(frame, "FRAME_VERSION", 7)
        partition.open()
        partition.run()
    partition.event(event(3, 2))
    partition.open()
    partition.run()
    assert partition.changes() == [("created", [1]), ("created", [2]), ("created", [3])]


def test_a_set_of_another_form_is_run_by_the_release_that_applied_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = content.decode(LOADED.content)
    theirs = content.encode(msgspec.structs.replace(given, form=7))
    partition = Partition(sets=False)
    with monkeypatch.context() as other:
        other.setattr(content, "_FORM", 7)
        partition.control(StoreSet(1, theirs), ActivateSet(1))
        partition.step()
    partition.event(event(1))
    partition.open()
    with pytest.raises(RefusalError, match="use the release that applied it"):
        partition.process()
    monkeypatch.setattr(content, "_FORM", 7)
    partition.open()
    partition.run()
    assert partition.changes() == [("created", [1])]
