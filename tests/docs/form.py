"""The tables of formats and files."""

from __future__ import annotations

from cjo_stream.ingest.attribute import ATTRIBUTES_BYTES_MAX
from cjo_stream.ingest.decoder import (
    AHEAD_MS_MAX,
    ID_CHARACTERS_MAX,
    RECORD_BYTES_MAX,
    TYPE_CHARACTERS_MAX,
)
from cjo_stream.ingest.form import ENCODINGS
from cjo_stream.ingest.format.mapped import EVENTS_MAX
from cjo_stream.ingest.identifiers import IDENTIFIERS_MAX
from cjo_stream.ingest.listing import ENDINGS
from cjo_stream.ingest.table import LINE_BYTES_MAX
from tests.docs.table import code, table


def bounds() -> str:
    """Return the bounds of a record of any format."""
    hours = AHEAD_MS_MAX // 3_600_000
    rows = [
        ("a record", _kib(RECORD_BYTES_MAX), "too_large"),
        ("attributes of an event", _kib(ATTRIBUTES_BYTES_MAX), "invalid"),
        ("`type`", f"{TYPE_CHARACTERS_MAX} characters", "invalid"),
        ("`id`", f"{ID_CHARACTERS_MAX} characters", "invalid"),
        ("identifiers of an event", f"{IDENTIFIERS_MAX}", "invalid"),
        ("events of a row", f"{EVENTS_MAX:,}", "invalid"),
        ("`time` ahead of the record's", f"{hours} h", "future"),
        ("what is kept of a longer row of a file", _kib(LINE_BYTES_MAX), "too_large"),
    ]
    return table(("what", "at most", "else"), [(a, b, code(c)) for a, b, c in rows])


def kinds() -> str:
    """Return the endings of files by kind."""
    named = {"JSON": ("json",), "CSV": ("csv",), "Parquet": ("parquet",)}
    rows = []
    for kind, words in named.items():
        endings = [one for one in ENDINGS if any(word in one for word in words)]
        plain = [one for one in endings if not one.endswith(".gz")]
        packed = [one for one in endings if one.endswith(".gz")]
        rows.append((kind, *(", ".join(map(code, some)) or "no" for some in (plain, packed))))
    return table(("kind", "named", "packed"), rows)


def encodings() -> str:
    """Return the documented encodings, as a sentence."""
    return ", ".join(map(code, ENCODINGS)) + ".\n"


def _kib(size: int) -> str:
    return f"{size // 1024:,} KiB"
