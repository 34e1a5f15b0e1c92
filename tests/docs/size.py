"""The tables of limits."""

from __future__ import annotations

from cjo_stream.core import cut
from cjo_stream.core.bounds import BOUNDS
from cjo_stream.core.expression.parser import CHARACTERS_MAX
from cjo_stream.core.expression.value import TEXT_MAX_BYTES
from cjo_stream.core.timeline import ENTRY_BYTES_MAX
from cjo_stream.definition.build.topology import KEEP_MAX, TYPES_MAX
from cjo_stream.definition.text.compose import NODES_MAX
from cjo_stream.definition.text.folder import FILE_BYTES_MAX
from cjo_stream.engine.intake import PARTITIONS_MAX
from cjo_stream.ingest.attribute import ATTRIBUTES_BYTES_MAX, DEPTH_MAX
from cjo_stream.ingest.decoder import RECORD_BYTES_MAX as RAW_BYTES_MAX
from cjo_stream.ingest.identifiers import IDENTIFIERS_MAX
from cjo_stream.ingest.normalise import VALUE_CHARACTERS_MAX
from cjo_stream.webhook.endpoint import ENDPOINTS_MAX
from tests.docs.table import table


def _size(number: int) -> str:
    """Return bytes in their largest unit.

    >>> _size(131_072), _size(65_536_001)
    ('128 KiB', '65,536,001 bytes')
    """
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if number % unit == 0:
            return f"{number // unit} {name}"
    return f"{number:,} bytes"


def limits_of_customers() -> str:
    one, many = BOUNDS, "the oldest is forgotten"
    rows = [
        ("facts", "those declared", f"{_size(one.facts_bytes)} of large ones", "the fact stays"),
        (
            "traits",
            f"those declared; `keep` at most {KEEP_MAX:,}",
            f"{_size(one.traits_bytes)} of large ones",
            "the value is not counted",
        ),
        (
            "instances, with data, key and entry event",
            f"{one.live} live for each journey, {one.instances} in all",
            f"{_size(one.instances_bytes)} of large ones",
            "the entry is refused; `assign` makes the variable missing",
        ),
        (
            "keys remembered for re-entry",
            f"{one.keys:,} for each journey",
            _size(one.histories_bytes),
            "the oldest is forgotten",
        ),
        (
            "waiting requests",
            f"{one.waiting}",
            f"{_size(one.waiting_bytes)} of large ones",
            "the request is dropped, with its record",
        ),
        ("commands remembered", f"{one.commands:,}", "", many),
        ("open reward windows", f"{one.windows}", "", many),
        ("open moments of predictions", f"{one.moments}", "", many),
        ("service cases", f"{one.cases}", "", "the case that was closed first is forgotten"),
        ("statements of consent", f"{one.statements}", "", "the statement is not taken"),
        (
            "identifiers",
            f"{one.members}, whatever the limits of the types say",
            f"{one.members_characters:,} characters",
            "the link is refused",
        ),
        ("event ids remembered", f"{one.seen:,}", "", many),
        (
            "history",
            f"{one.timeline} entries",
            f"{_size(ENTRY_BYTES_MAX)} an entry",
            f"{many}; an entry is shortened",
        ),
        (
            "events that wait for their links",
            f"{one.held:,} for each identifier",
            _size(one.held_bytes),
            "the oldest goes on without its links",
        ),
        ("others with whom an identifier was seen", f"{one.users:,}", "", "it is shared"),
    ]
    return table(("what", "how many", "bytes", "beyond the limit"), rows)


def limits_of_records() -> str:
    size = _size(ATTRIBUTES_BYTES_MAX)
    rows = [
        ("a raw record", _size(RAW_BYTES_MAX)),
        ("attributes of an event", f"{size}, {DEPTH_MAX} levels deep"),
        (
            "identifiers of an event",
            f"{IDENTIFIERS_MAX} values, {VALUE_CHARACTERS_MAX:,} characters each",
        ),
        ("the key of a journey", "1,000 characters; beyond, the journey is not entered"),
        ("a record out", f"{_size(cut.RECORD_BYTES_MAX)}; then it is shortened"),
        ("an expression", f"{CHARACTERS_MAX} characters, nested 20 deep"),
        ("a text that an expression makes", _size(TEXT_MAX_BYTES)),
        ("a definition file", f"{_size(FILE_BYTES_MAX)}, {NODES_MAX:,} nodes"),
        ("all definitions, with earlier versions of journeys", "about 4 MiB, compressed"),
        ("identifier types", f"{TYPES_MAX}"),
        ("partitions of an installation", f"{PARTITIONS_MAX}"),
        ("endpoints of a file of webhooks", f"{ENDPOINTS_MAX}"),
        ("events that one event raises", f"{BOUNDS.raised:,}, 8 deep"),
        (
            "timers that fire in one cascade",
            f"{BOUNDS.due_at_once}; the rest follow a millisecond later",
        ),
    ]
    return table(("what", "limit"), rows)
