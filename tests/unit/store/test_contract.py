import time
from pathlib import Path

import pytest

from cjo_stream.engine.port import Store
from cjo_stream.errors import RebuildError
from cjo_stream.store.memory import MemoryStore
from cjo_stream.store.rocks import COMPACT_FILES, Memory, RocksStore
from cjo_stream.store.section import Section
from cjo_stream.testing.store_contract import END, DurableStoreContract, StoreContract


class TestMemoryStore(StoreContract):
    def open(self, folder: Path) -> Store:
        return MemoryStore()

    def open_copy(self, folder: Path) -> Store:
        return MemoryStore(str(folder))


class TestRocksStore(DurableStoreContract):
    def open(self, folder: Path) -> Store:
        return RocksStore(folder)

    def open_copy(self, folder: Path) -> Store:
        return RocksStore(folder)


class TestSection(StoreContract):
    def open(self, folder: Path) -> Store:
        whole = MemoryStore()
        whole.write([(b"a", b"another's"), (b"o", b"another's"), (b"q", b"another's")])
        return Section(whole, b"p")

    def open_copy(self, folder: Path) -> Store:
        return Section(MemoryStore(str(folder)), b"p")


def test_memory_store_keeps_order_over_many_keys() -> None:
    store = MemoryStore()
    keys = [b"%06d" % (number * 7919 % 10_007) for number in range(10_007)]
    store.write([(key, key) for key in keys])
    assert [key for key, _ in store.scan(b"", END)] == sorted(keys)
    store.write([(key, None) for key in keys if key[-1] != ord("7")])
    assert [key for key, _ in store.scan(b"", END)] == [
        k for k in sorted(keys) if k[-1] == ord("7")
    ]
    store.write([(key, None) for key in keys])
    assert list(store.scan(b"", END)) == []
    assert store.size_bytes() == 0


def test_corrupted_rocks_store_asks_to_be_rebuilt(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "store")
    store.write([(b"a", b"1")])
    store.close()
    (tmp_path / "store" / "CURRENT").write_text("garbage")
    with pytest.raises(RebuildError):
        RocksStore(tmp_path / "store")


def test_rocks_stores_share_one_memory(tmp_path: Path) -> None:
    memory = Memory(block_cache_bytes=8 << 20, write_buffers_bytes=4 << 20)
    stores = [RocksStore(tmp_path / str(number), memory) for number in range(4)]
    for store in stores:
        for number in range(64):
            store.write([(b"%d" % number, b"v" * 65_536)])
    # All four are charged to the one manager; what is flushed is given back to it.
    assert memory.write_buffers.get_usage() > 64 * 1024
    for store in stores:
        store._db.flush()
    assert memory.write_buffers.get_usage() < 8 << 20
    for store in stores:
        assert store.get(b"0") == b"v" * 65_536
        store.close()


def test_a_flush_full_of_fired_timers_does_not_write_the_store_anew(tmp_path: Path) -> None:
    store = RocksStore(tmp_path)

    def files() -> list[int]:
        levels = (f"rocksdb.num-files-at-level{level}" for level in (0, 6))
        return [int(store._db.property_value(level) or 0) for level in levels]

    store.write([(b"s|%05d" % number, b"a customer" * 50) for number in range(5_000)])
    store.purge([(b"s", b"t")])
    assert files() == [0, 1]
    for flushed in range(1, COMPACT_FILES):
        timers = [b"t|%05d" % (flushed * 5_000 + number) for number in range(5_000)]
        store.write([(timer, b"") for timer in timers])
        store.write([(timer, None) for timer in timers])
        store._db.flush(True)
        wait_s = time.monotonic() + 0.3
        while time.monotonic() < wait_s and files() == [flushed, 1]:
            time.sleep(0.02)
        assert files() == [flushed, 1]
    assert list(store.scan(b"t", b"u")) == []
    store.close()


def test_a_store_that_is_opened_again_has_its_options(tmp_path: Path) -> None:
    memory = Memory(block_cache_bytes=3 << 20)
    for _ in range(2):
        store = RocksStore(tmp_path, memory)
        store.write([(b"a", b"1")])
        store.purge([])
        assert store._db.property_int_value("rocksdb.block-cache-capacity") == 3 << 20
        properties = str(store._db.property_value("rocksdb.aggregated-table-properties"))
        assert "filter block size=0" not in properties
        options = sorted(tmp_path.glob("OPTIONS-*"))[-1].read_text()
        assert "filter_policy=bloomfilter" in options
        store.close()
