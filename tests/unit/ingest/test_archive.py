"""An archive is read as what came: the same decisions, byte for byte, from any form and place."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from fsspec.registry import _registry

from cjo_stream import definition, ingest
from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.word import ArchiveForm
from cjo_stream.embedded.recorded import Recorded, run_files
from cjo_stream.embedded.run import run
from cjo_stream.engine.port import DecodedRecord, RawRecord
from cjo_stream.errors import InputError, RetryError, UsageError
from cjo_stream.ingest import order
from cjo_stream.ingest.archive.content import pack, unpack
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.archive.forget import Forgotten, Person, forget, person_of
from cjo_stream.ingest.archive.name import Lane, path_of
from cjo_stream.ingest.archive.row import read_row, rows_of
from cjo_stream.ingest.files import open_files
from cjo_stream.ingest.remote import matching
from tests.world.archiving import KEY, archive_of, lanes_of, raw_of
from tests.world.command_line import ROOT

RESULTS = ("actions", "decisions", "transitions", "identities", "rewards", "customers")
_NUMBERS = itertools.count()
ID = "9J+R/8mQWO0h"
"""A topic's id as a broker may give it."""


def place(kind: str, folder: Path) -> str:
    return str(folder / "archive") if kind == "folder" else f"memory://a{next(_NUMBERS)}/archive"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("topology", "form", "kind"),
    [
        ("shop", ArchiveForm.JSONL, "folder"),
        ("shop", ArchiveForm.PARQUET, "memory"),
        ("telco", ArchiveForm.PARQUET, "folder"),
        ("lending", ArchiveForm.JSONL, "memory"),
    ],
)
def test_an_archive_gives_the_decisions_of_what_was_archived(
    topology: str, form: ArchiveForm, kind: str, tmp_path: Path
) -> None:
    definitions = definition.load(ROOT / "topologies" / topology)
    program = definitions.program
    came = raw_of(topology, program)
    url = place(kind, tmp_path)
    archive_of(came, program, url, form)
    decode = ingest.decoder(program, KEY)
    lanes = lanes_of(came)
    live: list[list[DecodedRecord]] = [
        [(one, decode(one)) for one in lanes[lane]] for lane in sorted(lanes)
    ]
    events = sum(not isinstance(one, InputError) for lane in live for _, one in lane)
    run(definitions, lambda _: ("live", order.merge(live)), tmp_path / "live", drain_ms=10**9,
        tenant_key=KEY)  # fmt: skip
    recorded = Recorded(
        files=open_files([url]), decode=ingest.decoder(program, KEY), channel=None, now=0
    )
    assert len(recorded.files) > len(lanes)
    again = run_files(definitions, recorded, tmp_path / "again", drain_ms=10**9, tenant_key=KEY)
    assert events > 100
    assert again.events + again.repeated >= events
    assert again.dead_letters == 0
    assert again.actions > 10
    for name in RESULTS:
        before, after = (tmp_path / side / f"{name}.jsonl" for side in ("live", "again"))
        assert before.read_bytes() == after.read_bytes(), name


DIVERSE = """
topology: diverse
region: DE
channels:
  web: {in: {}}
  till:
    in:
      format: mapped
      map:
        - {type: "'a'", time: row.at, identifiers: {phone: row.phone}, attributes: {n: row.n}}
        - {type: "'b'", time: row.at, identifiers: {email: row.mail}}
identity:
  identifiers: [{type: phone, normalise: phone}, {type: email, normalise: email}]
"""


def test_a_row_is_decoded_to_the_event_that_it_is_of(tmp_path: Path) -> None:
    (tmp_path / "topology.yaml").write_text(DIVERSE)
    program = definition.load(tmp_path).program
    decode = ingest.decoder(program, KEY)
    native = {
        "type": "seen", "time": "2026-03-01T10:00:00.123456Z", "id": "own",
        "identifiers": {"email": ["B@Example.com ", "a@example.com"], "phone": "0151 23456789"},
        "attributes": {"deep": [{"x": None}], "big": 2**64 - 1, "f": 0.1, "t": "ü\u2028"},
    }  # fmt: skip
    row = {"at": 1_772_348_860_316, "phone": "0151 23456789", "mail": "x@example.com", "n": 1.5}
    consent = {"type": "cjo.consent", "time": 5, "identifiers": {"email": "a@example.com"},
               "attributes": {"purpose": "Marketing", "status": "opt-out"}}  # fmt: skip
    outcome = {"type": "cjo.outcome", "time": 5, "attributes": {"action_id": "0" * 60}}
    records = [
        RawRecord("w", ID, 0, 7, 10**13, json.dumps(native).encode(), channel="web"),
        RawRecord("t", ID, 3, 8, 10**13, json.dumps(row).encode(), channel="till"),
        RawRecord("w", ID, 0, 9, 10**13, json.dumps(consent).encode(), channel="web"),
        RawRecord("p.outcome.v1", ID, 0, 9, 10**13, json.dumps(outcome).encode()),
    ]
    for record in records:
        decoded = decode(record)
        assert not isinstance(decoded, InputError)
        events = decoded if isinstance(decoded, list) else [decoded]
        lines = rows_of((record, decoded))
        for form in ArchiveForm:
            unpacked, to = unpack(pack(lines, record.offset, form), "a file")
            assert to == record.offset
            url = f"memory://row{next(_NUMBERS)}"
            lane = Lane(record.topic, ID, record.partition)
            Folder(url).create(path_of(lane, 0, record.offset, form), pack(lines, to, form))
            again = [
                found
                for _, found in ingest.files.read([url], decode, channel="web", now=0)
                if not isinstance(found, InputError)
            ]
            assert again == events
            assert [read_row(line).offset for line in unpacked] == [record.offset] * len(events)


def test_a_row_that_is_none_is_a_dead_letter(tmp_path: Path) -> None:
    (tmp_path / "topology.yaml").write_text(DIVERSE)
    decode = ingest.decoder(definition.load(tmp_path).program, KEY)
    user = Identifier("email", "a@example.com", "")
    event = Event("x", 1, {}, "e", "gone", [user], True, 2, "t", 0, 0)
    (line,) = rows_of((RawRecord("t", ID, 0, 0, 2, b""), event))
    name = path_of(Lane("t", ID, 0), 0, 0, ArchiveForm.JSONL)
    url = f"memory://none{next(_NUMBERS)}"
    deep = b'{"attributes": {"a": ' + b"[" * 3_000 + b"]" * 3_000 + b"}}"
    Folder(url).create(name, pack([line, b'{"type": "x"}', b"\xff", deep], 0, ArchiveForm.JSONL))
    found = [one for _, one in ingest.files.read([url], decode, channel=None, now=0)]
    reasons = [one.reason for one in found if isinstance(one, InputError)]
    assert reasons == ["invalid", *["malformed"] * 3]


def test_a_range_of_days_is_a_pattern_of_its_url() -> None:
    url = f"memory://range{next(_NUMBERS)}"
    folder = Folder(url)
    for day in (1, 2, 13):
        folder.create(f"day=2026-03-{day:02}/hour=00/t~i~0~{day:020}.jsonl.gz", b"x")
        folder.create(f"day=2026-03-{day:02}/hour=00/.t.hidden", b"x")
    assert len(matching(f"{url}/day=2026-03-0*")) == 2
    assert len(matching(f"{url}/day=2026-03-0*/hour=*/*.jsonl.gz")) == 2
    assert len(matching(url)) == 3
    assert [len(matching(one)) for one in matching(url)] == [1, 1, 1]
    with pytest.raises(UsageError, match="no file of events"):
        open_files([f"{url}/day=2027*"])


def test_a_place_of_no_kind_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean memory://"):
        Folder("memroy://x")
    with pytest.raises(UsageError, match="write a folder"):
        Folder("zzz9://x")
    Folder("memory://x")


def test_a_place_without_its_library_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)
    with pytest.raises(UsageError, match=r"cjo-stream\[s3\]"):
        Folder("s3://bucket/x")


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_a_file_is_made_once(kind: str, tmp_path: Path) -> None:
    folder = Folder(place(kind, tmp_path))
    assert folder.paths() == []
    assert folder.create("day=x/a", b"one")
    assert not folder.create("day=x/a", b"two")
    assert folder.read("day=x/a") == b"one"
    folder.replace("day=x/a", b"three")
    assert folder.read("day=x/a") == b"three"
    assert folder.paths() == folder.paths("day=x") == ["day=x/a"]
    folder.check()
    assert folder.paths() == ["day=x/a"]
    with pytest.raises(RetryError, match="bring that place back"):
        folder.read("day=x/b")


def test_a_process_that_was_killed_while_it_wrote_a_file_leaves_nothing_for_good(
    tmp_path: Path,
) -> None:
    code = (
        "import os; from cjo_stream.ingest.archive.folder import Folder\n"
        "os.replace = lambda *_: os._exit(9)\n"
        f"Folder({str(tmp_path)!r}).replace('x/a[1]', b'ann', mode=0o600)"
    )
    folder, below = Folder(str(tmp_path)), tmp_path / "x"
    for mend in (lambda: folder.replace("x/a[1]", b"bob"), lambda: folder.remove("x/a[1]")):
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
        (left,) = below.glob(".*")
        assert left.stat().st_mode & 0o777 == 0o600
        mend()
        assert not list(below.glob(".*"))
    assert not list(below.iterdir())


@pytest.mark.parametrize("form", ArchiveForm)
def test_a_persons_events_leave_and_nothing_else_changes(
    form: ArchiveForm, tmp_path: Path
) -> None:
    folder = Folder(str(tmp_path))
    lane = Lane("t", ID, 0)

    def event(offset: int, *users: str) -> DecodedRecord:
        identifiers = [Identifier("user", user, "") for user in users]
        attributes = {} if users else {"action_id": f"{offset:060x}"}
        at = Event("x", 1, attributes, "e", "web", identifiers, True, 2, "t", 0, offset)
        return RawRecord("t", ID, 0, offset, 2, b""), at

    ann = [event(0, "ann"), event(1, "bob"), event(2, "eve", "ann"), event(3), event(4)]
    for first, of in ((0, ann), (9, [event(9, "bob")])):
        lines = [line for one in of for line in rows_of(one)]
        folder.create(path_of(lane, 0, first, form), pack(lines, of[-1][0].offset, form))
    untouched = folder.paths()[1]
    (tmp_path / "notes.txt").write_text("ann")
    before = folder.read(untouched)
    person = Person(frozenset({("user", "ann")}), frozenset({f"{4:060x}"[:46]}))
    customer = f"{4:060x}"[: len(next(iter(person.customer_ids)))]
    assert customer in person.customer_ids
    forgotten = Forgotten()
    known = forget(folder, [person], forgotten)
    rows = [read_row(line).offset for line in unpack(folder.read(known[0]), known[0])[0]]
    assert 0 not in rows
    assert 2 not in rows
    assert unpack(folder.read(known[0]), known[0])[1] == 4, (
        "its end stays, for the files behind it"
    )
    assert folder.read(untouched) == before
    assert (tmp_path / "notes.txt").read_text() == "ann"
    assert forgotten.files == 1
    again = Forgotten()
    assert forget(folder, [person], again) == known
    assert again == Forgotten(foreign=["notes.txt"])
    bob = person_of([Identifier("user", "bob", "")])
    erased = msgspec.structs.replace(bob, until=0)
    assert forget(folder, [erased], again, known=known[:1]) == known
    assert (again.events, again.files) == (0, 0)
    assert forget(folder, [erased, bob], again, known=known[:1]) == known
    assert (again.events, again.files) == (1, 1)
    assert unpack(folder.read(untouched), untouched) == ([], 9)


def test_a_store_that_answers_with_any_error_has_made_the_file_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = Folder(f"memory://lost{next(_NUMBERS)}")
    make = folder._fs.pipe_file

    def made_without_an_answer(path: str, content: bytes, mode: str) -> None:
        make(path, content, mode=mode)
        raise OSError(22, "precondition failed")

    def not_made(path: str, content: bytes, mode: str) -> None:
        raise OSError(22, "no")

    monkeypatch.setattr(folder._fs, "pipe_file", not_made)
    with pytest.raises(RetryError, match="no"):
        folder.create("a", b"one")
    monkeypatch.setattr(folder._fs, "pipe_file", made_without_an_answer)
    assert not folder.create("a", b"one")
    assert folder.read("a") == b"one"
