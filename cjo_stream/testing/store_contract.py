"""The contract of stores: one test suite for every implementation of `engine.port.Store`.

A test module subclasses `StoreContract` and defines how a store is opened; pytest runs the tests:

    class TestMyStore(StoreContract):
        def open(self, folder: Path) -> Store:
            return MyStore(folder)

        def open_copy(self, folder: Path) -> Store:
            return MyStore(folder)

`DurableStoreContract` adds the promises of a store on disk.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from cjo_stream.engine.port import Store
from cjo_stream.errors import LockedError

END = b"\xff" * 8

Batch = list[tuple[bytes, bytes | None]]


class StoreContract(ABC):
    """The promises of every store."""

    @abstractmethod
    def open(self, folder: Path) -> Store:
        """Open the store in `folder`, which may be empty or absent."""

    @abstractmethod
    def open_copy(self, folder: Path) -> Store:
        """Open the copy that `checkpoint` made in `folder`."""

    def test_an_absent_key_has_no_value(self, tmp_path: Path) -> None:
        """An empty store returns None for a key, and an empty scan."""
        store = self.open(tmp_path / "store")
        assert store.get(b"a") is None
        assert list(store.scan(b"", END)) == []
        store.close()

    def test_what_was_written_is_read(self, tmp_path: Path) -> None:
        """Values come back byte for byte, empty and non-text values, too."""
        store = self.open(tmp_path / "store")
        pairs = [(b"a", b""), (b"b\x00", b"\x00\xff"), (b"\xfe", b"v" * 100_000)]
        store.write(pairs)
        assert [(key, store.get(key)) for key, _ in pairs] == pairs
        store.close()

    def test_a_batch_is_applied_in_order(self, tmp_path: Path) -> None:
        """The last change of a key counts, put or delete."""
        store = self.open(tmp_path / "store")
        store.write([(b"a", b"1"), (b"a", None), (b"b", b"1"), (b"b", b"2"), (b"c", None)])
        assert list(store.scan(b"", END)) == [(b"b", b"2")]
        store.write([(b"b", None), (b"b", b"3")])
        assert store.get(b"b") == b"3"
        store.close()

    def test_an_empty_batch_changes_nothing(self, tmp_path: Path) -> None:
        """Writing an empty batch is not an error."""
        store = self.open(tmp_path / "store")
        store.write([])
        assert list(store.scan(b"", END)) == []
        store.close()

    def test_a_scan_is_in_byte_order_and_excludes_its_end(self, tmp_path: Path) -> None:
        """Keys sort as unsigned bytes; the start is included, the end is not."""
        store = self.open(tmp_path / "store")
        keys = [b"a", b"a\x00", b"a\x7f", b"a\x80", b"a\xff", b"b", b"\x00", b"\x80"]
        store.write([(key, b"v") for key in keys])
        assert [key for key, _ in store.scan(b"", END)] == sorted(keys)
        assert [key for key, _ in store.scan(b"a\x00", b"a\xff")] == [b"a\x00", b"a\x7f", b"a\x80"]
        assert list(store.scan(b"c", b"d")) == []
        assert list(store.scan(b"b", b"b")) == []
        assert list(store.scan(b"b", b"a")) == []
        store.close()

    def test_a_scan_sees_the_store_as_of_its_call(self, tmp_path: Path) -> None:
        """Changes after the call are not seen, even before the first pair is read."""
        store = self.open(tmp_path / "store")
        store.write([(b"a", b"1"), (b"b", b"1"), (b"c", b"1")])
        early = store.scan(b"", END)
        begun = store.scan(b"", END)
        assert next(begun) == (b"a", b"1")
        store.write([(b"b", b"2"), (b"c", None), (b"bb", b"2")])
        assert list(early) == [(b"a", b"1"), (b"b", b"1"), (b"c", b"1")]
        assert list(begun) == [(b"b", b"1"), (b"c", b"1")]
        assert list(store.scan(b"", END)) == [(b"a", b"1"), (b"b", b"2"), (b"bb", b"2")]
        store.close()

    def test_thousands_of_changes_agree_with_a_dict(self, tmp_path: Path) -> None:
        """After many puts and deletes the store equals a dict, in order."""
        store = self.open(tmp_path / "store")
        model: dict[bytes, bytes] = {}
        for batch in _batches(count=200, changes=50):
            store.write(batch)
            for key, value in batch:
                if value is None:
                    model.pop(key, None)
                else:
                    model[key] = value
        assert list(store.scan(b"", END)) == sorted(model.items())
        for start, end in ((b"\x10", b"\x20"), (b"\x80\x00", b"\xc0"), (b"\xf0", END)):
            expected = [pair for pair in sorted(model.items()) if start <= pair[0] < end]
            assert list(store.scan(start, end)) == expected
        store.close()

    def test_a_checkpoint_is_a_copy_of_its_own(self, tmp_path: Path) -> None:
        """A copy has all changes before it, and none of later ones."""
        store = self.open(tmp_path / "store")
        store.write([(b"a", b"1"), (b"b", b"1")])
        store.checkpoint(str(tmp_path / "copies" / "copy"))
        store.write([(b"a", b"2"), (b"b", None)])
        copy = self.open_copy(tmp_path / "copies" / "copy")
        copy.write([(b"c", b"1")])
        assert list(copy.scan(b"", END)) == [(b"a", b"1"), (b"b", b"1"), (b"c", b"1")]
        assert list(store.scan(b"", END)) == [(b"a", b"2")]
        copy.close()
        store.close()

    def test_size_grows_with_what_is_held(self, tmp_path: Path) -> None:
        """The size shows a megabyte of values, within a factor of four."""
        store = self.open(tmp_path / "store")
        before = store.size_bytes()
        noise = [hashlib.sha512(b"%d" % number).digest() for number in range(16_000)]
        store.write([(value[:8], value) for value in noise])
        assert 250_000 < store.size_bytes() - before < 4_000_000
        store.close()

    def test_a_second_close_does_nothing(self, tmp_path: Path) -> None:
        """Closing a second time has no effect."""
        store = self.open(tmp_path / "store")
        store.close()
        store.close()


class DurableStoreContract(StoreContract):
    """The further promises of a store on disk."""

    def test_what_was_written_outlives_the_store(self, tmp_path: Path) -> None:
        """A store that is opened again has its earlier content."""
        store = self.open(tmp_path / "store")
        store.write([(b"a", b"1"), (b"b", b"1")])
        store.write([(b"b", None)])
        store.close()
        again = self.open(tmp_path / "store")
        assert list(again.scan(b"", END)) == [(b"a", b"1")]
        again.close()

    def test_a_held_store_cannot_be_opened_twice(self, tmp_path: Path) -> None:
        """A folder has only one owner at a time, so it fences an owner off from its successor."""
        store = self.open(tmp_path / "store")
        try:
            self.open(tmp_path / "store").close()
        except LockedError:
            pass
        else:
            raise AssertionError("two stores hold one folder")
        store.close()
        self.open(tmp_path / "store").close()

    def test_a_scan_left_behind_does_not_hold_the_store(self, tmp_path: Path) -> None:
        """Closing ends unfinished scans, so that a successor can open the folder."""
        store = self.open(tmp_path / "store")
        store.write([(b"a", b"1"), (b"b", b"1")])
        begun, unread = store.scan(b"", END), store.scan(b"", END)
        next(begun)
        store.close()
        self.open(tmp_path / "store").close()
        assert list(begun) == []
        assert list(unread) == []


def _batches(count: int, changes: int) -> Iterator[Batch]:
    """Yield batches of changes over about 4,000 keys, a third of them deletes; always the same."""
    for number in range(count):
        batch: Batch = []
        for change in range(changes):
            digest = hashlib.sha256(b"%d %d" % (number, change)).digest()
            key = bytes((digest[0], digest[1] & 0x0F))[: 1 + (digest[2] & 1)]
            batch.append((key, None if digest[3] < 85 else digest[: digest[4] & 31]))
        yield batch
