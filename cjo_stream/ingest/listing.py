"""Which files a path or a URL stands for."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from cjo_stream.errors import UsageError
from cjo_stream.ingest.remote import is_url, matching

STDIN = "-"
ENDINGS = (".jsonl", ".json", ".csv", ".jsonl.gz", ".json.gz", ".csv.gz", ".parquet")


NAMES_MAX = 5
_LOG = logging.getLogger(__name__)


def files_at(path: str) -> list[str]:
    """Return the files of events in a folder, at any depth; a path that is no folder, as it is."""
    if is_url(path):
        return _at(path)
    folder = Path(path)
    if path == STDIN or not folder.is_dir():
        return [path]
    found: list[str] = []
    others: list[str] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        for name in names:
            if not _is_hidden(name):
                of = found if ends_in(name, *ENDINGS) else others
                of.append(str(Path(parent, name)))
    if not found:
        raise UsageError(
            f"{path}: a folder without a file of events; they end in {', '.join(ENDINGS)}"
        )
    if others:
        others.sort()
        more = f" and {len(others) - NAMES_MAX:,} more" if len(others) > NAMES_MAX else ""
        _LOG.warning(
            "%s: not read, as the names of files of events end in %s: %s%s",
            path,
            ", ".join(ENDINGS),
            ", ".join(others[:NAMES_MAX]),
            more,
        )
    return sorted(found)


def _at(url: str) -> list[str]:
    """Return the files of events at a URL: one, all below a folder, or all that fit a `*`."""
    found = [one for one in matching(url) if one == url or ends_in(one, *ENDINGS)]
    if not found:
        raise UsageError(f"{url}: there is no file of events; they end in {', '.join(ENDINGS)}")
    return found


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def ends_in(path: str, *endings: str) -> bool:
    """Return whether a path ends in one of these, in small letters or capitals."""
    return path.lower().endswith(endings)
