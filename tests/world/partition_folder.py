"""A partition's folder on a host, its checkpoints, and the logs that it is opened against."""

from __future__ import annotations

from pathlib import Path

from cjo_stream.engine import codec
from cjo_stream.kafka.worker.state import LogRange, StateFolder, stored_offset
from cjo_stream.store.checkpoint import Checkpoints
from cjo_stream.store.rocks import RocksStore

WHOLE = LogRange(0, 1_000)
CUT = LogRange(500, 1_000)


def leave_store(folder: Path, applied: int) -> None:
    """Leave a store in `folder` whose state ends at `applied`."""
    store = RocksStore(folder)
    store.write([(codec.META_KEY, codec.encode_meta(codec.Meta(applied=applied)))])
    store.write([(b"sp%04d" % n, b"\x01a customer") for n in range(100)])
    store.purge([])
    store.close()


class PartitionFolder:
    """The folder of partition 3, and its checkpoint store."""

    def __init__(self, tmp_path: Path, *, checkpoints: bool = True) -> None:
        self.path = tmp_path / "tasks" / "0003"
        self._url = str(tmp_path / "checkpoints") if checkpoints else None
        self.tasks = self.path.parent

    @property
    def copies(self) -> Checkpoints:
        assert self._url is not None
        return Checkpoints(self._url, "3")

    def folder(self) -> StateFolder:
        return StateFolder(self.path, 3, self.copies if self._url else None)

    def save(self, applied: int) -> None:
        """Store a checkpoint of a state that ends at `applied`."""
        elsewhere = self.tasks.parent / f"elsewhere-{applied}"
        leave_store(elsewhere, applied)
        store = RocksStore(elsewhere)
        store.checkpoint(str(elsewhere / "copy"))
        self.copies.save(elsewhere / "copy", applied)
        store.close()

    def opened(self, log: LogRange) -> int:
        """Open and check as a partition does; return where the state ends."""
        folder = self.folder()
        store = folder.open(log)
        try:
            applied = stored_offset(store)
            folder.check(applied, log)
        finally:
            store.close()
        return applied

    def names(self) -> list[str]:
        return sorted(path.name for path in self.tasks.iterdir())
