"""From a folder, or a stored set, to a Program; all errors are reported together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import IdentifierType
from cjo_stream.definition.build.program import build_program
from cjo_stream.definition.build.recording import build_recording
from cjo_stream.definition.code import Code
from cjo_stream.definition.content import (
    Authorship,
    Carried,
    Content,
    check_libraries,
    decode,
    digest,
    encode,
    new_content,
)
from cjo_stream.definition.section import Definition, keep_first, read_definitions
from cjo_stream.definition.text.folder import read_folder
from cjo_stream.definition.text.report import Report
from cjo_stream.definition.text.source import Source
from cjo_stream.errors import DefinitionError, Diagnostic


class DefinitionSet(msgspec.Struct, frozen=True):
    """A loaded topology. `content` is stored in the log; `digest` identifies it."""

    program: Program
    content: bytes
    warnings: list[Diagnostic]
    digest: str

    def signed(self, by: Authorship) -> DefinitionSet:
        """Return the same set, to be applied by somebody."""
        content = msgspec.structs.replace(decode(self.content), by=by)
        return msgspec.structs.replace(self, content=encode(content))


def load(folder: Path, sample: Mapping[str, Collection[str]] | None = None) -> DefinitionSet:
    """Return the definitions of a folder.

    `sample` are the attributes of a sample's event types: where the topology declares no events,
    what definitions name beyond these is an error.

    Raises UsageError if there is no folder, and DefinitionError, with all diagnostics, if the
    definitions do not load.
    """
    report = Report()
    sources = read_folder(folder, report)
    is_whole = not report.errors
    content = new_content({path: source.text for path, source in sources.items()})
    program = _compile(
        content, list(sources.values()), report, str(folder) if is_whole else None, sample
    )
    return DefinitionSet(program, encode(content), report.warnings(), digest(content))


def reload(stored: bytes) -> DefinitionSet:
    """Return a stored set as if its folder were loaded here; raises DefinitionError.

    What only earlier releases took is a warning.
    """
    content = new_content(decode(stored).sources)
    sources = [Source(path, text) for path, text in content.sources.items()]
    report = Report()
    program = _compile(content, sources, report, "the definition set", is_stored=True)
    return DefinitionSet(program, encode(content), report.warnings(), digest(content))


def compile_content(number: int, content: bytes) -> Program:
    """Return the program of definition set `number`, to run it.

    Raises DefinitionError, RefusalError; LibraryError if results would differ on this machine.
    """
    check_libraries(number, content)
    return msgspec.structs.replace(compile_stored(content), number=number)


@lru_cache(maxsize=4)
def compile_stored(content: bytes) -> Program:
    """Return the program of a stored set, without a check of libraries.

    Raises DefinitionError, RefusalError. A process compiles each set once, for all its partitions.
    """
    decoded = decode(content)
    sources = [Source(path, text) for path, text in decoded.sources.items()]
    return _compile(decoded, sources, Report(), "the definition set", is_stored=True)


def documents_of(content: bytes) -> list[Definition]:
    """Return the documents of a stored set with their places, without earlier versions."""
    sources = [Source(path, text) for path, text in decode(content).sources.items()]
    return keep_first(read_definitions(sources, Report()), Report())


def switched_off(content: bytes) -> dict[str, str]:
    """Return the kinds of records that a stored set switches off, as its topology says it."""
    texts = decode(content).sources.items()
    sources = [Source(path, text) for path, text in texts if "records" in text]
    for one in read_definitions(sources, Report()):
        if one.kind == "topology" and one.fields is not None:
            return build_recording(one.fields).switched
    return {}


def _compile(
    content: Content,
    sources: list[Source],
    report: Report,
    place: str | None,
    sample: Mapping[str, Collection[str]] | None = None,
    *,
    is_stored: bool = False,
) -> Program:
    """Return the program; a missing topology is reported at `place`, unless that is None."""
    definitions = keep_first(read_definitions(sources, report), report)
    if place is not None and all(found.kind != "topology" for found in definitions):
        message = "no document 'topology: NAME' in any *.yaml or *.yml file: add one"
        report.error_at(Source(place, ""), 0, Code.FILE, message)
    awake = [one for one in content.carried if not one.is_dormant]
    dormant = [one for one in content.carried if one.is_dormant]
    carried = read_carried(awake, report), read_carried(dormant, Report())
    program = build_program(definitions, carried, content, report, sample, is_stored=is_stored)
    if program is None:
        raise DefinitionError(report.diagnostics())
    identifiers = rank(program.identifiers, content.ranks)
    former = {
        name: IdentifierType(type=name, rank=at)
        for name, at in content.ranks.items()
        if name not in identifiers
    }
    return msgspec.structs.replace(program, identifiers=identifiers, former=former)


def read_carried(carried: list[Carried], report: Report) -> list[Definition]:
    """Return the documents of earlier versions."""
    return [found for one in carried for found in read_definitions([source_of(one)], report)]


def source_of(one: Carried) -> Source:
    """Return the text of an earlier version, under the name that messages give it."""
    return Source(name_of(one.journey, one.version), one.text)


def name_of(journey: str, version: int) -> str:
    """Return the name that messages give the text of an earlier version."""
    return f"(version {version} of journey {journey})"


def rank(types: dict[str, IdentifierType], ranks: dict[str, int]) -> dict[str, IdentifierType]:
    """Return the types with the ranks that were fixed at their first `apply`."""
    return {
        name: msgspec.structs.replace(type_, rank=ranks.get(name, type_.rank))
        for name, type_ in types.items()
    }
