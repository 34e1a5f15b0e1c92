"""From files to the files of a topology: `sketch`; and from four answers: `answered`."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from cjo_stream.core.event import Event
from cjo_stream.core.expression.function import slug
from cjo_stream.core.expression.place import PROFILE_FIELDS
from cjo_stream.core.program.program import Program
from cjo_stream.core.word import FactType, Format, NormalForm
from cjo_stream.definition import load
from cjo_stream.engine.port import DecodedRecord
from cjo_stream.errors import DefinitionError, UsageError
from cjo_stream.ingest.decoder import decoder
from cjo_stream.ingest.files import InputFile, Part, read_parts
from cjo_stream.ingest.form import Form
from cjo_stream.ingest.sample import Sample, common_type, read_sample
from cjo_stream.ingest.sketch import text
from cjo_stream.ingest.sketch.change import changes_layout
from cjo_stream.ingest.sketch.column import columns_of, numbered
from cjo_stream.ingest.sketch.form import doubts_of, guess_form, with_decimal_comma
from cjo_stream.ingest.sketch.layout import (
    QUESTION,
    Layout,
    format_of,
    known_layout,
    mapped_layout,
)
from cjo_stream.ingest.sketch.moment import LATEST_MS
from cjo_stream.ingest.sketch.role import clocks_unread, roles_of
from cjo_stream.ingest.sketch.story import Paths, Story

ROWS_MAX: Final = 200_000
"""Rows of a sample that are looked at."""
_HEAD_ROWS: Final = 1_000
_FUTURE: Final = "future:"
_AHEAD_SHARE: Final = 0.1
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NAME: Final = re.compile("[a-z][a-z0-9_]{0,62}")
_OF_FACTS: Final = frozenset(one.value for one in FactType)
_KEY: Final = b"a key for nobody: nothing that it names is kept"


class Draft(msgspec.Struct):
    """The files of a topology, by name, and what the command says of them."""

    files: dict[str, str]
    rows: int = 0
    format: Format = Format.NATIVE
    form: Form = Form()
    channel: str | None = None
    """That `run` must be told."""
    now: str | None = None
    """The clock that `run` must be told, because the events lie ahead of this machine's."""
    is_ordered: bool = True
    """Whether the events stand in the order of their times."""
    questions: list[str] = []
    """What the sample does not say, and a person must."""
    events: int = 0
    types: int = 0
    customers: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    """Records that the topology refuses, by reason and detail, without values."""
    first_refused: dict[str, tuple[str, int]] = {}
    """By refusal, the file and the line of the first record."""


class Answers(msgspec.Struct, frozen=True):
    """What a person says who has no sample."""

    channels: list[str]
    identifiers: list[str]
    entry: str
    goal: str


MINIMAL: Final = Answers(["web", "email"], ["user_id", "email"], "signed_up", "order_placed")


def topology_name(folder: str) -> str:
    """Return the topology's name for a folder; raises UsageError."""
    name = slug(Path(folder).name)[:63]
    if not _NAME.fullmatch(name):
        raise UsageError(f"{folder}: name it with a letter first, such as my_shop")
    return name


def answered(name: str, answers: Answers) -> dict[str, str]:
    """Return the files of a topology that fits four answers."""
    first, *_ = answers.identifiers
    out = "email" if "email" in answers.identifiers else first
    sends = "email" if "email" in answers.channels else "messages"
    taking = [one for one in answers.channels if one != sends] or ["events"]
    kinds = [(one, _normal(one), "") for one in answers.identifiers]
    events: dict[str, dict[str, Any]] = {one: {} for one in (answers.entry, answers.goal)}
    story = Story(answers.entry, answers.goal, 0, 0, None)
    return _files(
        text.topology(name, [], [(one, []) for one in taking], (sends, out), kinds, events),
        story,
        taking[0],
        (sends, out),
        _normal(out),
    )


def sketch(name: str, paths: Sequence[str], type_name: str | None = None) -> Draft:
    """Return the files of a topology that fits the events of some files; raises UsageError.

    `type_name`: the column with the types of events, if a person names it.
    """
    files, form, doubts = _open(paths)
    rows = list(islice(_rows(files), ROWS_MAX))
    if not rows:
        raise UsageError(
            f"{paths[0]}: no row of it can be read as JSON or as a row of a table; name a file "
            "with some events"
        )
    channel = _channel_of(files[0].name)
    format_ = format_of(rows[:_HEAD_ROWS])
    if format_ is Format.MAPPED:
        number, columns = columns_of(rows)
        roles = roles_of(columns, number, type_name=type_name)
        layout = mapped_layout(roles, channel, channel, number)
        doubts += clocks_unread(columns, roles)
    elif type_name is not None:
        raise UsageError(
            f"--type {type_name}: events of {format_} form say of which type they are; leave it "
            "out"
        )
    elif format_ is Format.DEBEZIUM:
        layout = changes_layout(rows, channel)
    else:
        layout = known_layout(format_, rows, channel)
    if not layout.identifiers:
        raise UsageError(f"{paths[0]}: no event of it names anybody by an identifier; add one")
    about = _about(files, form, len(rows))
    draft = Draft({}, len(rows), format_, form)
    draft.channel = layout.channels[0] if layout.needs_channel else None
    draft.questions = doubts + [
        f"{type_}: {said.partition(QUESTION)[2].strip()}"
        for type_, _, said in layout.identifiers
        if QUESTION in said
    ]
    return _with_events(name, draft, layout, about, files)


def _with_events(
    name: str, draft: Draft, layout: Layout, about: list[str], files: list[InputFile]
) -> Draft:
    """Decode the sample by what is known so far, and add events, journey, action, policy."""
    sends, address = _out(layout)
    channels = [
        (channel, [] if number else layout.input) for number, channel in enumerate(layout.channels)
    ]
    out = sends, address

    def document(events: Any = None, seen: Any = None, facts: Any = None) -> str:
        return text.topology(name, about, channels, out, layout.identifiers, events, seen, facts)

    program = _loaded({"topology.yaml": document()})
    paths, sample = _taken(files, program, layout, draft)
    if not sample.events:
        why = "; ".join(one for one, _ in sample.refused.most_common(2))
        raise UsageError(f"{files[0].given}: no event of it can be read: {why}")
    events = {
        type_: {one: common_type(counts) for one, counts in sample.types[type_].items()}
        for type_, _ in sample.seen.most_common()
        if not type_.startswith("cjo.")
    }
    events |= {type_: {} for type_ in layout.types if type_ not in events}
    facts = {
        name: kind
        for name, counts in sample.types.get("cjo.profile", {}).items()
        if (kind := common_type(counts)).value in _OF_FACTS
        and _NAME.fullmatch(name)
        and name not in PROFILE_FIELDS
    }
    story = paths.story()
    if story is None:
        raise UsageError(
            f"{files[0].given}: all of its events state facts or consent (cjo.…); a journey needs "
            "others, such as order_placed"
        )
    about.insert(1, f"Events from {_day(paths.earliest)} to {_day(paths.latest)}.")
    if draft.now is not None:
        about.insert(2, f"They lie ahead of the clock: `run` takes them with --now {draft.now}.")
    draft.files = _files(
        document(events, sample.seen, facts),
        story,
        layout.channels[0],
        out,
        next((normal for type_, normal, _ in layout.identifiers if type_ == address), None),
        paths.customers,
    )
    _loaded(draft.files)
    draft.events, draft.types, draft.customers = sample.events, len(sample.seen), paths.customers
    draft.refused, draft.first_refused = sample.refused, sample.first
    draft.is_ordered = paths.is_ordered
    return draft


def _loaded(files: dict[str, str]) -> Program:
    """Return what the files define; raises UsageError before any of them is written."""
    with TemporaryDirectory(prefix="cjo-init-") as folder:
        for name, written in files.items():
            (Path(folder) / name).write_text(written, encoding="utf-8")
        try:
            return load(Path(folder)).program
        except DefinitionError as error:
            found = "; ".join(one.message for one in error.diagnostics[:3])
            raise UsageError(
                f"no topology that validates could be drafted of this sample: {found}. "
                "Rename what it names in the sample, or begin with --template minimal"
            ) from error


def _files(
    topology: str,
    story: Story,
    taking: str,
    out: tuple[str, str],
    normal: NormalForm | None,
    customers: int | None = None,
) -> dict[str, str]:
    """Return the files; `taking` is a channel with events, `out` the one that sends, its type."""
    return {
        "topology.yaml": topology,
        "journeys.yaml": text.journey(story, customers),
        "actions.yaml": text.action(out[0]),
        "policy.yaml": text.policy(),
        "journeys.test.yaml": text.cases(story, taking, out, normal),
    }


def _taken(
    files: Sequence[InputFile], program: Program, layout: Layout, draft: Draft
) -> tuple[Paths, Sample]:
    """Return what the topology takes of the sample.

    If much of it lies ahead of the clock, it is taken by a clock of its own, which the draft
    notes; a few such times are taken for mistakes.
    """
    paths = Paths()
    sample = read_sample(_decoded(files, program, layout, paths, _now_ms()), program)
    ahead = sum(n for why, n in sample.refused.items() if why.startswith(_FUTURE))
    if ahead > _AHEAD_SHARE * (sample.events + ahead):
        paths = Paths()
        sample = read_sample(_decoded(files, program, layout, paths, LATEST_MS), program)
        latest = EPOCH + dt.timedelta(seconds=paths.latest // 1_000 + 1)
        draft.now = f"{latest:%Y-%m-%dT%H:%M:%SZ}"
    return paths, sample


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _decoded(
    files: Sequence[InputFile], program: Program, layout: Layout, paths: Paths, now_ms: int
) -> Iterator[DecodedRecord]:
    has_field = layout.format is Format.NATIVE and not layout.needs_channel
    records = read_parts(
        [Part(file, number) for number, file in enumerate(files)],
        decoder(program, _KEY),
        channel=None if has_field else layout.channels[0],
        now=now_ms,
    )
    for record, decoded in islice(records, ROWS_MAX):
        for event in decoded if isinstance(decoded, list) else [decoded]:
            if isinstance(event, Event):
                paths.add(event)
        yield record, decoded


def _open(paths: Sequence[str]) -> tuple[list[InputFile], Form, list[str]]:
    """Return the files, how their text is written, and what is not sure of it.

    Raises UsageError.
    """
    files = [InputFile(path) for path in paths]
    forms = []
    for file in files:
        if Path(file.given).is_dir():
            raise UsageError(f"{file.given}: a folder; name the files of the sample")
        if file.is_parquet:
            forms.append(Form())
            continue
        forms.append(guess_form(file.given, is_csv=file.is_csv))
    (first, *others) = forms
    for file, form in zip(files[1:], others, strict=True):
        if form != first:
            raise UsageError(
                f"{file.given}: written otherwise than {files[0].given} (delimiter or encoding): "
                "name files of one kind"
            )
    files = [InputFile(path, form=first) for path in paths]
    for file in files:
        file.check()
    if files[0].is_csv:
        head = list(islice(_rows(files), _HEAD_ROWS))
        comma = with_decimal_comma(head, first.delimiter)
        first = msgspec.structs.replace(first, decimal_comma=comma)
        files = [InputFile(path, form=first) for path in paths]
        return files, first, list(doubts_of(head, comma))
    return files, first, []


def _rows(files: Sequence[InputFile]) -> Iterator[dict[str, Any]]:
    """Yield the rows of files that can be read as objects."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for file in files:
        for _, value, error in file.rows():
            if error is None:
                try:
                    yield decode(value)
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    continue


def _about(files: Sequence[InputFile], form: Form, rows: int) -> list[str]:
    names = ", ".join(file.name for file in files[:5]) + (", …" if len(files) > 5 else "")
    beginning = "the first " if rows == ROWS_MAX else ""
    written = f", cells parted by {form.delimiter!r}, {form.encoding}" if files[0].is_csv else ""
    return [
        f"Drafted by `cjo-stream init` from {names}: {beginning}{numbered(rows, 'row')}{written}.",
        "Comments say what was seen there. Read each line, and change what is meant otherwise.",
    ]


def _day(ms: int) -> str:
    return f"{EPOCH + dt.timedelta(milliseconds=ms):%Y-%m-%d}"


def _channel_of(file: str) -> str:
    name = slug(file.split(".")[0])[:40]
    return name if _NAME.fullmatch(name) else "events"


def _out(layout: Layout) -> tuple[str, str]:
    """Return the channel that sends, and the identifier type by which it reaches people."""
    types = {normal: type_ for type_, normal, _ in layout.identifiers if normal is not None}
    address = types.get(NormalForm.EMAIL) or types.get(NormalForm.PHONE)
    sends = {types.get(NormalForm.EMAIL): "email", types.get(NormalForm.PHONE): "sms"}
    named = sends[address] if address else "messages"
    while named in layout.channels:
        named += "_out"
    return named, address or layout.identifiers[0][0]


def _normal(type_: str) -> NormalForm | None:
    return NormalForm(type_) if type_ in ("email", "phone") else None
