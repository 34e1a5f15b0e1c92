"""A topology folder: every `*.yaml` and `*.yml` below it, as text.

Hidden folders are none of it. Test files (`*.test.yaml`) stand apart: they hold no definitions.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from cjo_stream.definition.code import Code
from cjo_stream.definition.text.report import Report
from cjo_stream.definition.text.source import Source
from cjo_stream.errors import UsageError

FILE_BYTES_MAX = 1 << 20
_ENDINGS = (".yaml", ".yml")
_TESTS = (".test.yaml", ".test.yml")
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""Characters that YAML 1.2 (5.1) forbids, and a byte order mark within a text."""


def read_folder(folder: Path, report: Report, *, tests: bool = False) -> dict[str, Source]:
    """Return the sources by their paths in the folder, with `/` between the parts, sorted.

    They are those of definitions, or else the `tests`. A file that is too large, cannot be read or
    is not text is reported, and left out. Raises UsageError if there is no folder.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise UsageError(
            f"{folder} {what}: name a folder of *.yaml or *.yml files with a `topology`"
        )
    found = [path for path in _yaml_files(folder) if path.name.endswith(_TESTS) == tests]
    paths = sorted(found, key=lambda path: path.relative_to(folder).as_posix())
    sources = {}
    for path in paths:
        source = read_file(path, report)
        if source is not None:
            sources[path.relative_to(folder).as_posix()] = source
    return sources


def _yaml_files(folder: Path) -> list[Path]:
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent, name) for name in names if name.endswith(_ENDINGS)]
    return found


def read_file(path: Path, report: Report) -> Source | None:
    """Return a file's text; None, with a report, if it is too large, unreadable, or no text."""
    name = os.fsencode(path).decode(errors="replace")
    nothing = Source(name, "")
    if name != str(path):
        report.error_at(nothing, 0, Code.FILE, "a name that is not UTF-8: rename the file")
        return None
    if not path.is_file() and path.exists():
        report.error_at(nothing, 0, Code.FILE, "not a regular file: rename it, or move it away")
        return None
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        report.error_at(nothing, 0, Code.FILE, f"cannot be read: {error.strerror}")
        return None
    if len(content) > FILE_BYTES_MAX:
        report.error_at(
            nothing, 0, Code.FILE, f"larger than {FILE_BYTES_MAX:,} bytes: split the file"
        )
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = Source(name, content[: error.start].decode("utf-8-sig", "replace"))
        report.error_at(before, len(before.text), Code.FILE, "not UTF-8: save the file as UTF-8")
        return None
    source = Source(name, text)
    if odd := _UNPRINTABLE.search(text):
        report.error_at(
            source, odd.start(), Code.FILE, f"the character U+{ord(odd[0]):04X} is not allowed"
        )
        return None
    return source
