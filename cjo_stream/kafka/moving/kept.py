"""The newest state of a partition that can be found from here, to be read.

As at a worker's start it is the later one of a state folder and the newest checkpoint. But the
folders of all slots on this machine are looked at, and nothing is replaced or deleted.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cjo_stream.errors import RefusalError
from cjo_stream.kafka.client.place import Topic
from cjo_stream.kafka.worker.state import checkpoints_of, stored_meta
from cjo_stream.settings import Settings
from cjo_stream.store.rocks import RocksStore


@contextmanager
def newest(settings: Settings, topic: Topic, number: int) -> Iterator[RocksStore]:
    """Open the newest state of a partition of the internal topic.

    Raises RefusalError where there is none, LockedError while a worker has a folder open, and
    RetryError where the checkpoint store is away.
    """
    folder, applied = _newest_folder(settings, topic, number)
    checkpoints = checkpoints_of(settings, topic, number)
    saved = checkpoints.newest() if checkpoints is not None else None
    if saved is not None and saved.applied > applied:
        assert checkpoints is not None
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="export-", dir=settings.data_dir) as restored:
            checkpoints.restore(saved, Path(restored, "store"))
            with closing(RocksStore(Path(restored, "store"))) as store:
                yield store
        return
    if folder is None:
        raise RefusalError(
            f"partition {number} has no state in {settings.data_dir} and no checkpoint: run this "
            "where its worker ran, or with the CJO_CHECKPOINT_URL of the workers"
        )
    with closing(RocksStore(folder)) as store:
        yield store


def _newest_folder(settings: Settings, topic: Topic, number: int) -> tuple[Path | None, int]:
    """Return the folder whose state is the newest, and its applied offset; (None, -1) if none."""
    found: tuple[Path | None, int] = (None, -1)
    for folder in sorted(settings.data_dir.glob(f"worker/*/tasks/{number:04d}")):
        with closing(RocksStore(folder)) as store:
            meta = stored_meta(store)
        if (meta.topic_id, meta.partition) == (topic.id, number) and meta.applied > found[1]:
            found = (folder, meta.applied)
    return found
