"""Cases of test files: from a folder's `*.test.yaml` to steps, checked against a program.

Each case keeps its nodes: what is said of it names a place, and `--update` can write there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cjo_stream.core.program.program import Program
from cjo_stream.definition.build.case import check_case
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.case import CASE
from cjo_stream.definition.grammar.item import Fields, Item
from cjo_stream.definition.load import DefinitionSet, load
from cjo_stream.definition.text.compose import compose
from cjo_stream.definition.text.folder import read_folder
from cjo_stream.definition.text.node import Node, Scalar, position
from cjo_stream.definition.text.report import Report, quoted
from cjo_stream.definition.text.source import Position, Source
from cjo_stream.errors import DefinitionError, Diagnostic, UsageError

NODES_MAX = 100_000
"""Of a test file, which holds many cases."""
Identifiers = dict[str, list[str]]


@dataclass(frozen=True)
class Send:
    """A step that sends an event; `time` None: at the clock."""

    at: Position
    type: str
    channel: str
    identifiers: Identifiers
    attributes: dict[str, Any] | None
    time: int | None
    id: str | None


@dataclass(frozen=True)
class SendRaw:
    """A step that sends a record, as its producer does; `time` None: at the clock."""

    at: Position
    channel: str
    value: Any
    time: int | None


@dataclass(frozen=True)
class Advance:
    """A step that moves time on, by a duration or to a time, in ms."""

    at: Position
    by_ms: int | None
    to_ms: int | None


@dataclass(frozen=True)
class Apply:
    """A step that puts other definitions in force."""

    at: Position
    definitions: DefinitionSet


@dataclass(frozen=True)
class Expect:
    """A step that compares; `fields` are the parts that it names, `node` is what is written."""

    at: Position
    node: Node
    key: Node
    fields: Fields | None

    @property
    def is_bare(self) -> bool:
        """Whether it names nothing to compare, for `--update` to fill in."""
        return self.fields is None or not self.fields.read.keys() - {"customer"}


Step = Send | SendRaw | Advance | Apply | Expect


@dataclass(frozen=True)
class Case:
    """One case. `customers` are identifiers by the names that the case gives them."""

    name: str
    at: Position
    start_ms: int
    customers: dict[str, Identifiers]
    facts: dict[str, Any]
    consent: list[dict[str, str]]
    steps: Sequence[Step]

    @property
    def gives(self) -> bool:
        """Whether something is given."""
        return bool(self.facts or self.consent)


class Cases(NamedTuple):
    """The cases of a folder, and warnings about them."""

    cases: list[Case]
    warnings: list[Diagnostic]


def read_cases(folder: Path, program: Program, *, may_be_bare: bool = False) -> Cases:
    """Return the cases of a folder's test files, in the order of files and lines.

    `may_be_bare`: an expectation may name nothing, because `--update` writes it. Raises
    UsageError if there is no case, and DefinitionError with all that is wrong in the files.
    """
    report = Report()
    sources = read_folder(folder, report, tests=True)
    reader = _Reader(program, report, may_be_bare=may_be_bare)
    cases: list[Case] = []
    for source in sources.values():
        before = report.errors
        found = list(reader.cases(source))
        if not found and report.errors == before:
            message = "no case: begin one with `test: WHAT IT SHOWS`"
            report.error_at(source, 0, Code.EMPTY, message)
        cases += found
    if report.errors:
        raise DefinitionError(report.diagnostics())
    if not cases:
        raise UsageError(
            f"{folder} has no test: write one into NAME.test.yaml, in this folder or one below it"
        )
    return Cases(cases, report.warnings())


def names_of(who: Item, customers: dict[str, Identifiers]) -> Identifiers:
    """Return the identifiers of a customer that is written by name, or by identifiers."""
    return customers.get(who.value, {}) if isinstance(who.value, str) else identifiers_of(who)


def identifiers_of(item: Item | None) -> Identifiers:
    """Return identifiers by type, as written."""
    pairs = item.value if item is not None else []
    return {pair.key.value: [one.value for one in pair.value] for pair in pairs}


def values_of(item: Item | None) -> dict[str, Any]:
    """Return the values of a mapping, by name."""
    return {pair.key.value: pair.value for pair in item.value} if item is not None else {}


class _Reader:
    """Reads files of cases; the sets that they apply are loaded once."""

    def __init__(self, program: Program, report: Report, *, may_be_bare: bool) -> None:
        self._program = program
        self._report = report
        self._may_be_bare = may_be_bare
        self._applied: dict[Path, DefinitionSet | None] = {}

    def cases(self, source: Source) -> Iterator[Case]:
        """Yield the cases of a file that have no error; report errors."""
        names: dict[str, int] = {}
        report = self._report
        for _, roots, faults in compose(source, NODES_MAX):
            for index, message in faults:
                report.error_at(source, index, Code.YAML, message)
            for root in roots:
                if isinstance(root, Scalar) and root.value is None:
                    continue
                before = report.errors
                item = CASE.read(root, report)
                if item is None:
                    continue
                fields: Fields = item.value
                self._check_name(fields, names)
                check_case(
                    fields, self._program, report, self._next, may_be_bare=self._may_be_bare
                )
                if report.errors == before and not faults:
                    yield self._case(fields)

    def _check_name(self, fields: Fields, names: dict[str, int]) -> None:
        name, line = fields.value("test", ""), position(fields.node).line
        if name and names.setdefault(name, line) != line:
            message = f"a second case {quoted(name)}, after line {names[name]}: rename one"
            self._report.error(fields.where("test"), Code.REPEATED, message)

    def _case(self, fields: Fields) -> Case:
        given: Fields | None = fields.value("given")
        customers = {pair.key.value: identifiers_of(pair) for pair in fields.items("customers")}
        stated = given.items("consent") if given is not None else []
        return Case(
            name=fields.value("test"),
            at=position(fields.node),
            start_ms=fields.value("at"),
            customers=customers,
            facts=values_of(given.get("profile")) if given is not None else {},
            consent=[
                {"channel": "*", **{name: item.value for name, item in one.value.read.items()}}
                for one in stated
            ],
            steps=list(self._steps(fields, customers)),
        )

    def _steps(self, fields: Fields, customers: dict[str, Identifiers]) -> Iterator[Step]:
        program = self._program
        for item in fields.items("steps"):
            yield self._step(item.value, customers, program)
            if (applied := item.value.get("apply")) is not None:
                program = self._next(applied, program)

    def _step(self, fields: Fields, customers: dict[str, Identifiers], program: Program) -> Step:
        ((kind, item),) = fields.read.items()
        at = position(fields.keys[kind])
        if kind == "advance":
            return Advance(at, *item.value)
        if kind == "expect":
            return Expect(at, item.node, fields.keys[kind], item.value)
        if kind == "apply":
            definitions = self._load(item)
            assert definitions is not None, "it was reported"
            return Apply(at, definitions)
        event: Fields = item.value
        channel = event.value("channel") or taking(program)[0]
        if kind == "record":
            return SendRaw(at, channel, event.value("value"), event.value("time"))
        return Send(
            at=at,
            type=event.value("type"),
            channel=channel,
            identifiers={
                **customers.get(event.value("customer"), {}),
                **identifiers_of(event.get("identifiers")),
            },
            attributes=values_of(event.get("attributes")) if "attributes" in event.read else None,
            time=event.value("time"),
            id=event.value("id"),
        )

    def _next(self, applied: Item, before: Program) -> Program:
        """Return the program whose names count after an `apply`: instances may go on in it."""
        definitions = self._load(applied)
        if definitions is None:
            return before
        after = definitions.program
        return msgspec.structs.replace(
            after,
            journeys={**before.journeys, **after.journeys},
            versions={**before.versions, **after.versions},
            actions={**before.actions, **after.actions},
        )

    def _load(self, applied: Item) -> DefinitionSet | None:
        """Return the definitions that a step applies; None if they do not load, reported."""
        folder = Path(applied.node.source.name).parent / applied.value
        if folder not in self._applied:
            self._applied[folder] = None
            try:
                self._applied[folder] = load(folder)
            except UsageError as error:
                self._report.error(applied.node, Code.FILE, str(error).partition("\n")[0])
        elif self._applied[folder] is None:
            self._report.error(applied.node, Code.FILE, f"{folder} does not load, as said above")
        return self._applied[folder]


def taking(program: Program) -> list[str]:
    """Return the channels that take events."""
    return [name for name, channel in program.channels.items() if channel.input is not None]
