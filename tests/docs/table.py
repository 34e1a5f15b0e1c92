"""Draws the tables of the pages from the code."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, get_args

import typer

from cjo_stream.cli.app import _PANELS, app
from cjo_stream.core import catalogue
from cjo_stream.core.decision.gate import GATES
from cjo_stream.core.expression import MISSING, Names, Place, Scope, compile_expression
from cjo_stream.core.expression.function import FUNCTIONS
from cjo_stream.core.record import Reason
from cjo_stream.core.word import ActionClass, ConsentStatus, FactType, Format, Outcome, TraitKind
from cjo_stream.definition import code as definition_code
from cjo_stream.definition import load
from cjo_stream.definition.grammar import compound, scalar
from cjo_stream.definition.grammar.item import Shape
from cjo_stream.definition.kind import KINDS
from cjo_stream.engine.schema import RECORDS, record_schema
from cjo_stream.ingest.schema import event_schema
from cjo_stream.kafka.topic.wanted import wanted_topics
from cjo_stream.settings import KAFKA_DEFAULTS, Settings
from cjo_stream.telemetry.metric import METRICS
from tests.docs import word
from tests.docs.page import ROOT

SOURCES: Final = sorted((ROOT / "cjo_stream").rglob("*.py"))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    cells = [columns, ["---"] * len(columns), *rows]
    return "".join(
        f"| {' | '.join(one.replace('|', chr(92) + '|') for one in row)} |\n" for row in cells
    )


def code(text: object) -> str:
    """Return text in the type of code; nothing for nothing."""
    return f"`{text}`" if text not in ("", None) else ""


def meanings(known: Iterable[str], texts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each word of the code with its text; every word has one, and no other is there."""
    listed = list(known)
    assert set(listed) == set(texts), f"tests/docs/word.py: {set(listed) ^ set(texts)}"
    yield from ((name, texts[name]) for name in listed)


def _words(columns: Sequence[str], known: Iterable[str], texts: Mapping[str, str]) -> str:
    return table(columns, ((code(name), text) for name, text in meanings(known, texts)))


# --- expressions


class _Ada:
    """A customer for the examples."""

    zone = "Europe/Berlin"

    def get(self, name: str) -> Any:
        return MISSING

    def identifiers(self, type_: str) -> list[str]:
        return []

    def consented(self, purpose: str, channel: str) -> bool:
        return True


NOW_MS: Final = 1_772_447_400_000
"""2026-03-02 10:30 UTC, a Monday."""


def _functions() -> str:
    names = Names(frozenset({"debt"}), frozenset(), None)
    rows = []
    for name, (form, about, example) in meanings(FUNCTIONS, word.FUNCTIONS):
        value = compile_expression(example, Place.JOURNEY, names, "docs").evaluate(
            Scope(NOW_MS, _Ada())
        )
        assert value is not MISSING, name
        shown = str(value).lower() if isinstance(value, bool) else repr(value)
        rows.append((code(form), about, f"{code(example)} is {code(shown)}"))
    return table(("function", "value", "example"), rows)


def _places() -> str:
    rows = []
    for name, text in meanings((place.name for place in Place), word.PLACES):
        names = sorted(Place[name].value)
        rows.append((text, " ".join(map(code, names))))
    return table(("where", "names"), rows)


# --- definitions


def _form(shape: Shape) -> str:
    """Return what may stand at a place, in a few words."""
    if isinstance(shape, compound.Many):
        inner = _form(shape.of)
        return f"{inner}, or a list of such"
    if isinstance(shape, compound.MapOf):
        return f"mapping of {_form(shape.key)} to {_form(shape.of)}"
    if isinstance(shape, compound.ScalarOr):
        return f"{_form(shape.scalar)}, or a mapping"
    if isinstance(shape, compound.Record):
        short = f"{_form(shape.fields[shape.short].of)}, or " if shape.short else ""
        return f"{short}{shape.subject}"
    if isinstance(shape, scalar.Choice):
        return ", ".join(map(code, shape.words))
    if isinstance(shape, scalar.DurationOr):
        return f"a duration, or {', '.join(map(code, shape.words))}"
    if isinstance(shape, scalar.Formula):
        return "a condition" if shape.is_condition else "an expression"
    if isinstance(shape, scalar.Number):
        return "a whole number" if shape.is_whole else "a number"
    if isinstance(shape, scalar.Text):
        return shape.wanted
    return {
        scalar.Flag: "`true` or `false`",
        scalar.Duration: "a duration",
        scalar.Share: "a share",
        scalar.Loose: "text or a number",
        scalar.Anything: "any value",
    }[type(shape)]


def _inner(shape: Shape) -> compound.Record | None:
    """Return the record that stands somewhere within a shape, if any."""
    if isinstance(shape, compound.Record):
        return shape
    if isinstance(shape, compound.Many | compound.MapOf):
        return _inner(shape.of)
    if isinstance(shape, compound.ScalarOr):
        return _inner(shape.mapping)
    return None


def _document(kind: str) -> str:
    """Return a table for each record of a document, the document itself first."""
    seen: list[compound.Record] = []
    waiting = [KINDS[kind]]
    while waiting:
        record = waiting.pop(0)
        if any(record.fields == other.fields for other in seen):
            continue
        seen.append(record)
        inner = [one for row in record.fields.values() if (one := _inner(row.of))]
        waiting = inner + waiting
    drawn = []
    for record in seen:
        rows = (
            (code(name) + (" (required)" if row.is_required else ""), _form(row.of), row.about)
            for name, row in record.fields.items()
        )
        drawn.append(
            f"**{record.subject[:1].upper()}{record.subject[1:]}**\n\n"
            + table(("key", "value", "meaning"), rows)
        )
    return "\n".join(drawn)


def _traits() -> str:
    rows = [
        (code(name), text, before) for name, (text, before) in meanings(TraitKind, word.TRAITS)
    ]
    return table(("kind", "value", "before the first event"), rows)


# --- records


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(code(one) for one in schema["enum"])
    if "$ref" in schema:
        return "object"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_type, schema["anyOf"])))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    found = schema.get("type", "any")
    return " or ".join(found) if isinstance(found, list) else found


def _part(schema: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any] | None:
    """Return the object within a property, if there is one with fields of its own."""
    for one in (schema, *schema.get("anyOf", ()), schema.get("items", {})):
        if "$ref" in one:
            return shared[one["$ref"].rpartition("/")[2]]
    return None


def _fields(schema: dict[str, Any], shared: dict[str, Any], above: str) -> Iterator[Sequence[str]]:
    for name, one in schema["properties"].items():
        yield code(above + name), _type(one), one["description"]
        inner = _part(one, shared)
        if inner is not None:
            mark = "[]." if one.get("type") == "array" else "."
            yield from _fields(inner, shared, f"{above}{name}{mark}")


def _record(schema: dict[str, Any]) -> str:
    return table(("field", "type", "meaning"), _fields(schema, schema.get("$defs", {}), ""))


def _record_kinds() -> str:
    rows = []
    for kind in catalogue.RECORDS:
        if kind.schema is None:
            continue
        topic = "cjo.action.CHANNEL.v1" if kind is catalogue.ACTION else f"cjo.{kind.name}.v1"
        key = "" if kind.key is None else code(kind.key)
        rows.append((code(kind.schema), code(kind.file), code(topic), key))
    return table(("record", "file of a run", "topic", "key"), rows)


def _transition_reasons() -> str:
    rows = [
        (code(name), *texts) for name, texts in meanings(get_args(Reason), word.TRANSITION_REASONS)
    ]
    return table(("reason", "from", "to", "what happened"), rows)


def _dead_letter_reasons() -> str:
    found = set()
    for path in SOURCES:
        found |= set(re.findall(r"InputError\(\s*\"(\w+)\"|reason=\"(\w+)\"", path.read_text()))
    known = {one or other for one, other in found}
    assert known <= set(word.REASONS), known - set(word.REASONS)
    assert set(word.REASONS) <= known, set(word.REASONS) - known
    return table(("reason", "what is wrong"), ((code(n), t) for n, t in word.REASONS.items()))


# --- an installation


def _settings() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        if name == "kafka":
            continue
        default = field.default
        rows.append(
            (
                code(f"CJO_{name.upper()}"),
                "" if default is None else code(default),
                field.description or "",
            )
        )
    return table(("variable", "default", "meaning"), rows)


def _kafka_defaults() -> str:
    return table(("property", "value"), ((code(n), code(v)) for n, v in KAFKA_DEFAULTS.items()))


def _metrics() -> str:
    rows = (
        (code(one.name), one.kind, ", ".join(map(code, one.labels)), one.help) for one in METRICS
    )
    return table(("metric", "kind", "labels", "meaning"), rows)


def _bounds() -> str:
    sources = "".join(path.read_text() for path in SOURCES)
    known = set(re.findall(r'"cjo_state_bounds_total", "(\w+)"', sources))
    known |= set(re.findall(r'turn\.(?:newest|drop_oldest)\(.+, "(\w+)"\)', sources))
    return _words(("bound", "what was full"), sorted(known), word.BOUNDS)


def _topics() -> str:
    program = load(ROOT / "tests" / "docs" / "hello").program
    wanted = {
        topic.name.removeprefix("cjo."): topic for topic in wanted_topics(Settings(), program)
    }
    rows = []
    assert set(wanted) == set(word.TOPICS), set(wanted) ^ set(word.TOPICS)
    for name, (key, value) in word.TOPICS.items():
        topic = wanted[name]
        several = "as `CJO_PARTITIONS`" if topic.partitions > 1 else "1"
        rows.append((code(f"cjo.{name}"), several, _kept(topic.config), key, value))
    return table(("topic", "partitions", "kept", "key", "value"), rows)


def _kept(config: Mapping[str, str]) -> str:
    if config.get("cleanup.policy") == "compact":
        return "compacted"
    if "retention.ms" not in config:
        return "as the broker does"
    days = int(config["retention.ms"]) // 86_400_000
    return f"{days} day{'s' if days > 1 else ''}"


# --- the command line


def _group() -> Any:
    return typer.main.get_command(app)


def commands() -> Iterator[tuple[str, Any]]:
    """Yield each command with its name, those of groups by both words."""
    for name, command in _group().commands.items():
        below = getattr(command, "commands", None)
        if below is None:
            yield name, command
        else:
            yield from ((f"{name} {inner}", one) for inner, one in below.items())


def _first_line(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split())


def _command_list() -> str:
    panels = {name: panel for panel, held in _PANELS.items() for name in held}
    rows = (
        (panels[name.split()[0]], code(f"cjo-stream {name}"), _first_line(command.help))
        for name, command in commands()
    )
    return table(("", "command", "what it does"), rows)


def _command_reference() -> str:
    drawn = []
    for name, command in commands():
        text = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
        rows = [_option(one) for one in command.params if one.name != "help"]
        listed = "\n" + table(("argument or option", "default", "meaning"), rows) if rows else ""
        drawn.append(f"### cjo-stream {name}\n\n{text}\n{listed}")
    return "\n".join(drawn)


def _option(one: Any) -> tuple[str, str, str]:
    if one.param_type_name == "argument":
        shown = one.metavar or one.name.upper()
        shown = shown if one.required or shown.startswith("[") else f"[{shown}]"
    else:
        value = "" if one.is_flag else f" {one.metavar or one.name.upper()}"
        shown = one.opts[0] + value
    default = one.default
    named = "" if default in (None, False, "") or callable(default) else code(default)
    required = " Required." if one.required and one.param_type_name == "option" else ""
    return code(shown), named, f"{_first_line(one.help)}{required}"


def _diagnostics() -> str:
    """Return a section for each code, with the text below it in the source."""
    (body,) = (
        one.body
        for one in ast.parse(inspect.getsource(definition_code)).body
        if isinstance(one, ast.ClassDef)
    )
    sections = []
    for row, text in itertools.pairwise(body):
        if isinstance(row, ast.Assign) and isinstance(row.targets[0], ast.Name):
            found = definition_code.Code[row.targets[0].id]
            assert isinstance(text, ast.Expr), found
            assert isinstance(text.value, ast.Constant), found
            sections.append(f"## {found}\n\n**{found.title}.** {clean(str(text.value.value))}\n")
    assert len(sections) == len(definition_code.Code)
    return "\n".join(sections)


def clean(text: str) -> str:
    """Return a docstring as one paragraph."""
    return " ".join(text.split())


TABLES: Final[dict[str, Callable[[], str]]] = {
    "functions": _functions,
    "diagnostics": _diagnostics,
    "places": _places,
    **{f"document {kind}": lambda kind=kind: _document(kind) for kind in KINDS},
    "traits": _traits,
    "facts": lambda: _words(("type", "values"), FactType, word.FACT_TYPES),
    "formats": lambda: _words(("format", "records"), Format, word.FORMATS),
    "classes": lambda: _words(("class", "meaning"), ActionClass, word.CLASSES),
    "gates": lambda: _words(
        ("gate", "it stops a candidate if"), (gate.name for gate in GATES), word.GATES
    ),
    "event": lambda: _record(event_schema()),
    **{f"record {name}": lambda name=name: _record(record_schema(name)) for name in RECORDS},
    "record kinds": _record_kinds,
    "outcomes": lambda: _words(("outcome", "meaning"), Outcome, word.OUTCOMES),
    "consent statuses": lambda: _words(
        ("status", "meaning"), ConsentStatus, word.CONSENT_STATUSES
    ),
    "identity kinds": lambda: _words(
        ("kind", "what happened"),
        record_schema("cjo.identity.v1")["properties"]["kind"]["enum"],
        word.IDENTITY_KINDS,
    ),
    "transition reasons": _transition_reasons,
    "dead letter reasons": _dead_letter_reasons,
    "settings": _settings,
    "kafka defaults": _kafka_defaults,
    "metrics": _metrics,
    "bounds": _bounds,
    "topics": _topics,
    "commands": _command_list,
    "command reference": _command_reference,
}
