"""The content of a file of the archive: rows, and the offset of the last event that was in it.

That offset stays when an erasure takes rows out. It stands in the header of gzip, as the name of
the packed file (`to-OFFSET.jsonl`), in Parquet among the key-value metadata (`cjo.to`).
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cjo_stream.core.word import ArchiveForm
from cjo_stream.errors import RetryError
from cjo_stream.ingest.archive.row import Row
from cjo_stream.ingest.parquet import import_pyarrow

_TO: Final = b"cjo.to"
_GZIP: Final = b"\x1f\x8b"
_NAMED: Final = 8
"""The flag of a gzip header with a name, which begins at byte 10 and ends with a NUL."""
_LEVEL: Final = 6
_decode = msgspec.json.Decoder(Row).decode
_encode = msgspec.json.Encoder().encode


def pack(lines: Sequence[bytes], to: int, form: ArchiveForm) -> bytes:
    """Return the content of a file with these rows; `to` is the offset of the last event."""
    return _pack_parquet(lines, to) if form == ArchiveForm.PARQUET else _pack_jsonl(lines, to)


def unpack(content: bytes, path: str) -> tuple[list[bytes], int]:
    """Return the rows of a file and the offset of its last event.

    The rows are JSON also where the file is Parquet. Raises RetryError, which names the file's
    `path`, if intake cannot have made the file.
    """
    try:
        if content.startswith(_GZIP):
            if not content[3] & _NAMED:
                raise ValueError("without a name")
            name = content[10 : content.index(0, 10)].decode()
            lines = gzip.decompress(content).splitlines()
            return lines, int(name.removeprefix("to-").removesuffix(".jsonl"))
        return _unpack_parquet(content)
    except (ValueError, KeyError, IndexError, OSError, EOFError, zlib.error) as error:
        raise RetryError(
            f"{path} is named like a file of the archive, but is not as intake makes them "
            f"({error}): if somebody unpacked or changed it, put the original back; else move it "
            "out of the archive. Then try again"
        ) from error


def _pack_jsonl(lines: Sequence[bytes], to: int) -> bytes:
    packed = io.BytesIO()
    name = f"to-{to}.jsonl"
    with gzip.GzipFile(name, "wb", _LEVEL, packed, mtime=0) as file:
        file.writelines(line + b"\n" for line in lines)
    return packed.getvalue()


def _schema(pyarrow: Any, to: int) -> Any:
    text, number = pyarrow.string(), pyarrow.int64()
    kinds = {
        "type": text, "time": number, "identifiers": text, "id": text, "channel": text,
        "attributes": text, "received_at": number, "topic": text, "topic_id": text,
        "partition": number, "offset": number, "index": number,
    }  # fmt: skip
    return pyarrow.schema(list(kinds.items()), {_TO: str(to).encode()})


def _pack_parquet(lines: Sequence[bytes], to: int) -> bytes:
    pyarrow, parquet = import_pyarrow()
    rows = []
    for line in lines:
        row = msgspec.structs.asdict(_decode(line))
        for name in ("identifiers", "attributes"):
            if not isinstance(row[name], str):
                row[name] = _encode(row[name]).decode()
        rows.append(row)
    packed = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, _schema(pyarrow, to)), packed)
    return packed.getvalue()


def _unpack_parquet(content: bytes) -> tuple[list[bytes], int]:
    pyarrow, parquet = import_pyarrow()
    table = parquet.read_table(pyarrow.BufferReader(content))
    lines = []
    for row in table.to_pylist():
        present = {name: value for name, value in row.items() if value is not None}
        lines.append(_encode(present))
    return lines, int((table.schema.metadata or {})[_TO])
