"""The notes of taken files, as this release writes them: a later one must open them."""

from __future__ import annotations

import base64

import msgspec

from cjo_stream.embedded.taking import Count, Options, Read, Reading, Span
from cjo_stream.ingest.taken import Place, Standing, Taken

TAKEN = Taken(
    number=3,
    paths=("/a.jsonl", "/b.jsonl"),
    end=Place(20, 2),
    digest=b"d",
    head=b"h",
    first=(b"1", b"2"),
    seen_bytes=25,
    seen_digest=b"s",
    is_open=True,
    former=((10, b"f"),),
    rows=2,
    refused=1,
)
READING = Reading(
    first=7,
    spans=[
        Span(
            number=3,
            path="/b.jsonl",
            given="b.jsonl",
            standing=Standing.GROWN,
            begin=Place(20, 2),
            end=Place(40, 4),
            digest=b"e",
            head=b"h",
            first=(b"1", b"2"),
            before=TAKEN,
        )
    ],
    options=Options(channel=None, sort=True, now=9, definitions="set"),
    before=[Read("a.jsonl", Standing.NEW, Count(rows=1, refused=1, reasons={"invalid: x": 1}))],
)
WRITTEN = {
    "taken": (
        "jaZudW1iZXIDpXBhdGhzkqgvYS5qc29ubKgvYi5qc29ubKNlbmSTFALCpmRpZ2VzdMQBZKRoZWFkxAFopWZp"
        "cnN0ksQBMcQBMqpzZWVuX2J5dGVzGatzZWVuX2RpZ2VzdMQBc6dpc19vcGVuw6Zmb3JtZXKRkgrEAWakcm93"
        "cwKncmVmdXNlZAGraXNfZ2l2ZW5fdXDC"
    ),
    "reading": (
        "haVmaXJzdAelc3BhbnORi6ZudW1iZXIDpHBhdGioL2IuanNvbmylZ2l2ZW6nYi5qc29ubKhzdGFuZGluZ6Vn"
        "cm93bqViZWdpbpMUAsKjZW5kkygEwqZkaWdlc3TEAWWkaGVhZMQBaKVmaXJzdJLEATHEATKnaXNfb3BlbsKm"
        "YmVmb3JljaZudW1iZXIDpXBhdGhzkqgvYS5qc29ubKgvYi5qc29ubKNlbmSTFALCpmRpZ2VzdMQBZKRoZWFk"
        "xAFopWZpcnN0ksQBMcQBMqpzZWVuX2J5dGVzGatzZWVuX2RpZ2VzdMQBc6dpc19vcGVuw6Zmb3JtZXKRkgrE"
        "AWakcm93cwKncmVmdXNlZAGraXNfZ2l2ZW5fdXDCp29wdGlvbnOEp2NoYW5uZWzApHNvcnTDo25vdwmrZGVm"
        "aW5pdGlvbnOjc2V0pmJlZm9yZZGDpWdpdmVup2EuanNvbmyoc3RhbmRpbmejbmV3pWNvdW50haRyb3dzAady"
        "ZWZ1c2VkAaZldmVudHMAp3JlYXNvbnOBqmludmFsaWQ6IHgBrGxhc3RfcmVmdXNlZACnaXNfZG9uZcI="
    ),
}
FORMER = {
    "taken": (
        "jaZudW1iZXIDpXBhdGhzkqgvYS5qc29ubKgvYi5qc29ubKNlbmSSFAKmZGlnZXN0xAFkpGhlYWTEAWil"
        "Zmlyc3SSxAExxAEyqnNlZW5fYnl0ZXMZq3NlZW5fZGlnZXN0xAFzp2lzX29wZW7DpmZvcm1lcpGSCsQB"
        "ZqRyb3dzAqdyZWZ1c2VkAatpc19naXZlbl91cMI="
    ),
    "reading": (
        "haVmaXJzdAelc3BhbnORi6ZudW1iZXIDpHBhdGioL2IuanNvbmylZ2l2ZW6nYi5qc29ubKhzdGFuZGlu"
        "Z6Vncm93bqViZWdpbpIUAqNlbmSSKASmZGlnZXN0xAFlpGhlYWTEAWilZmlyc3SSxAExxAEyp2lzX29w"
        "ZW7CpmJlZm9yZY2mbnVtYmVyA6VwYXRoc5KoL2EuanNvbmyoL2IuanNvbmyjZW5kkhQCpmRpZ2VzdMQB"
        "ZKRoZWFkxAFopWZpcnN0ksQBMcQBMqpzZWVuX2J5dGVzGatzZWVuX2RpZ2VzdMQBc6dpc19vcGVuw6Zm"
        "b3JtZXKRkgrEAWakcm93cwKncmVmdXNlZAGraXNfZ2l2ZW5fdXDCp29wdGlvbnOEp2NoYW5uZWzApHNv"
        "cnTDo25vdwmrZGVmaW5pdGlvbnOjc2V0pmJlZm9yZZGDpWdpdmVup2EuanNvbmyoc3RhbmRpbmejbmV3"
        "pWNvdW50hKRyb3dzAadyZWZ1c2VkAadyZWFzb25zgappbnZhbGlkOiB4AaxsYXN0X3JlZnVzZWQAp2lz"
        "X2RvbmXC"
    ),
}


def test_notes_that_this_release_has_written_are_read_and_written_alike() -> None:
    for name, value in (("taken", TAKEN), ("reading", READING)):
        written = base64.b64decode(WRITTEN[name])
        for kept in (written, base64.b64decode(FORMER[name])):
            assert msgspec.msgpack.decode(kept, type=type(value)) == value
        assert msgspec.msgpack.encode(value) == written
