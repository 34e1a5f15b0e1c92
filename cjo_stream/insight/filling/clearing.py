"""The files that no reader needs any more.

A file that the latest manifest does not name stays for a while, for the readers of the manifest
that does. What a killed sink has left goes with the first manifest that the next one makes, and
with each erasure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.layer.manifest import Manifest, Part, path_of
from cjo_stream.insight.layer.table import TABLES

KEPT_MS: Final = 600_000
"""How long a file stays for the readers of a manifest that is not the latest any more."""
_OURS: Final = re.compile(
    rf"(?:manifest|(?:{'|'.join(TABLES)})(?:/day=[0-9-]+)?)/([0-9]{{20}})"
    r"(?:\.json|-[0-9a-f]{12}\.parquet)"
)


def left_by(before: Manifest, parts: Sequence[Part], now_ms: int) -> dict[str, int]:
    """Return the files of a manifest, itself included, that are not among the next one's parts.

    Each with the time at which that is so.
    """
    named = {one.path for one in parts}
    left = {path_of(before.generation): now_ms} if before.generation else {}
    return left | {one.path: now_ms for one in before.parts if one.path not in named}


def kept_for_readers(gone: dict[str, int], now_ms: int) -> dict[str, int]:
    """Return those of some files whose readers may still be at them."""
    return {path: at for path, at in gone.items() if at > now_ms - KEPT_MS}


class Clearing:
    """Removes files; the first time, also those of killed sinks."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.is_first = True

    def clear(self, manifest: Manifest, paths: Iterable[str]) -> None:
        """Remove those of some files that neither a manifest nor its readers need."""
        if self.is_first:
            self.clear_all(manifest)
        else:
            self.remove(paths, _needed(manifest))

    def clear_all(self, manifest: Manifest) -> None:
        """Remove all files that neither need, also those of other sinks."""
        found = self._folder.paths()
        self.remove(
            (one for one in found if 0 <= _generation_of(one) <= manifest.generation),
            _needed(manifest),
        )
        self.is_first = False

    def remove(self, paths: Iterable[str], needed: Collection[str] = ()) -> None:
        """Remove some files, save those that are needed."""
        for path in paths:
            if path not in needed:
                self._folder.remove(path)


def _needed(manifest: Manifest) -> set[str]:
    """Return the files that a manifest, or a reader of an earlier one, needs."""
    return {path_of(manifest.generation), *manifest.gone, *(one.path for one in manifest.parts)}


def _generation_of(path: str) -> int:
    """Return the number of the manifest with which a file came; -1 of a file that is no sink's."""
    found = _OURS.fullmatch(path)
    return int(found[1]) if found else -1
