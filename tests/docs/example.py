"""Runs the examples of a page: what a reader does, in the order of the page, in an empty folder.

    yaml     with a file: written; without one: parts of documents, or whole ones, which load
    json     with a file: written; without one: each line is a record, or an event
    csv, toml   with a file: written
    diff     with a file: the lines with - give way to those with +
    python   runs
    sh       each command exits with 0, or with 2 where the page says that it fails, or as it says

What is printed is shown without what differs from run to run: times of the run, and the ends of
long ids.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from cjo_stream.cli.app import call
from cjo_stream.core.event import Event
from cjo_stream.definition import load
from cjo_stream.definition.section import KINDS
from cjo_stream.engine.port import RawRecord
from cjo_stream.engine.schema import record_schema
from cjo_stream.ingest import decoder
from tests.docs.page import ROOT, Block, blocks

BASE = """\
topology: base
channels:
  web: {in: {}, out: {address: cookie}}
  app: {in: {}, out: {address: user_id}}
  email: {in: {}, out: {address: email}}
  push: {out: {address: device}}
  sms: {out: {address: phone}}
identity:
  identifiers: [{type: user_id}, {type: email}, {type: phone}, {type: device}, {type: cookie}]
profile:
  facts: {tier: string, first_name: string, products: list, debt: number, renewal: time}
  traits: {orders: {count: order_placed}}
service: {opened: {on: ticket_opened}, closed: {on: ticket_closed}}
---
journey: base
version: 1
entry: {on: cart_updated, key: event.cart_id}
data: {total: event.total}
initial: first
states: {first: {after: {1d: last}}, last: {end: over}}
---
action: base
issue: sales
group: retention
treatments: {web: {}, email: {}, push: {}}
---
action: cart_reminder
treatments: {email: {}, push: {}}
---
policy: base
"""
"""What the parts of documents on the pages are parts of."""

NOW_MS = 1_772_447_400_000
_LONG_ID = re.compile(r"\b([0-9a-f]{4})[0-9a-f]{28,}")
_APPLIED = re.compile(r"applied \d{4}-\d\d-\d\d \d\d:\d\d UTC by ")
_PROGRESS = re.compile(
    r"^(?:event time .* · records |(?:live|candidate) [\d,]+ records).*\n", re.M
)
_TIMINGS = re.compile(r"\d+\.\d s \([\d,]+ events/s\)")
_CODES: Final = {"fails": 2, "exits with 1": 1}
"""Exit codes of commands, by what the page says of them."""


def run(page: str, folder: Path) -> list[str]:
    """Run the examples of a page in an empty folder; return what each block should print."""
    printed: list[str] = []
    last = ""
    for block in blocks(page):
        if block.mark == "kafka":
            continue  # tests/kafka/test_docs.py
        if block.kind == "sh":
            last = _run_commands(block, folder)
        elif block.mark == "prints":
            printed.append(last)
        elif block.mark.startswith("shows: "):
            printed.append((folder / block.mark.removeprefix("shows: ")).read_text())
        elif block.mark.startswith("file: "):
            _write(block, folder)
        elif block.mark.startswith("edit: "):
            edit(block, folder)
        elif block.kind == "yaml":
            _load(block, folder)
        elif block.kind == "json":
            _check_records(block, folder)
        elif block.kind == "python":
            _run_python(block, folder)
        elif block.kind not in ("text", "mermaid"):
            raise AssertionError(f"nothing is known of blocks of {block.kind}")
    return printed


def write_files(page: str, folder: Path) -> None:
    """Write the files of a page, and do nothing else."""
    for block in blocks(page):
        if block.mark.startswith("file: "):
            _write(block, folder)


def _write(block: Block, folder: Path) -> None:
    path = folder / block.mark.removeprefix("file: ")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text)


def edit(block: Block, folder: Path) -> None:
    """Change one place of a file, as a reader of the lines with - and + would."""
    path = folder / block.mark.removeprefix("edit: ")
    lines = block.text.splitlines(keepends=True)
    before, after = ("".join(one[1:] for one in lines if one[0] in kept) for kept in (" -", " +"))
    text = path.read_text()
    assert text.count(before) == 1, f"{path.name} does not have this once:\n{before}"
    path.write_text(text.replace(before, after))


def _run_python(block: Block, folder: Path) -> None:
    """Run a block of Python in a folder."""
    with contextlib.chdir(folder):
        exec(compile(block.text, "example", "exec"), {"__name__": "example"})


def _run_commands(block: Block, folder: Path) -> str:
    """Return what the commands of a block print, on both streams."""
    shown = ""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words or words[0] == "make":  # test_docs.py looks for the targets
            continue
        assert words[0] == "cjo-stream", line
        into = None
        if len(words) > 2 and words[-2] == ">":
            into, words = folder / words[-1], words[:-2]
        code, out, both = _call(words[1:], folder)
        assert code == _CODES.get(block.mark, 0), f"{line}\nexit {code}\n{both}"
        if into is not None:
            into.write_text(out)
        else:
            shown += both
    return _steady(shown)


class _Copied(io.StringIO):
    """A stream whose text also goes to another one."""

    def __init__(self, to: io.StringIO) -> None:
        super().__init__()
        self._to = to

    def write(self, text: str) -> int:
        self._to.write(text)
        return super().write(text)


def _call(arguments: list[str], folder: Path) -> tuple[int, str, str]:
    """Return the exit code, standard output, and both streams as a terminal shows them."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    both = io.StringIO()
    out = _Copied(both)
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(both),
        _logged_in_as("ada"),
    ):
        code = call(arguments)
    root.handlers[:], root.level = handlers, level
    return code, out.getvalue(), both.getvalue()


@contextlib.contextmanager
def _logged_in_as(name: str) -> Iterator[None]:
    """Let the reader have a login name: `apply` keeps it with a set."""
    before = os.environ.get("LOGNAME")
    os.environ["LOGNAME"] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ["LOGNAME"]
        else:
            os.environ["LOGNAME"] = before


def _steady(text: str) -> str:
    text = _PROGRESS.sub("", text)
    text = _APPLIED.sub("applied 2026-03-02 10:05 UTC by ", text)
    text = _TIMINGS.sub("0.1 s (… events/s)", _LONG_ID.sub(r"\1…", text))
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def _load(block: Block, folder: Path) -> None:
    """Load what a block holds: a whole topology, documents beside the base's, or parts of one."""
    given = list(_read(block.text))
    documents = {kind_of(one): one for one in _read(BASE)}
    if block.mark.startswith("in: "):
        documents[block.mark.removeprefix("in: "), "base"].update(given[0])
    elif any("topology" in one for one in given):
        documents = {kind_of(one): one for one in given}
    else:
        documents |= {kind_of(one): one for one in given}
    topology = folder / "loaded"
    topology.mkdir(exist_ok=True)
    with (topology / "all.yaml").open("w") as file:
        YAML().dump_all(documents.values(), file)
    loaded = load(topology)
    assert not loaded.warnings, f"{block.text}\n{loaded.warnings}"


def _read(text: str) -> Iterator[dict[str, Any]]:
    yield from YAML().load_all(text)


def kind_of(document: dict[str, Any]) -> tuple[str, str]:
    """Return the kind and name of a document; of a policy, of which there is one, any name."""
    kind = next(iter(document))
    assert kind in KINDS, kind
    return kind, "base" if kind == "policy" else document[kind]


def _check_records(block: Block, folder: Path) -> None:
    """Check each line: a record by its schema, anything else as an event of the base."""
    from tests.world.schema import faults

    (folder / "base").mkdir(exist_ok=True)
    (folder / "base" / "base.yaml").write_text(BASE)
    decode = decoder(load(folder / "base").program, b"a key of the pages")
    for line in block.text.splitlines():
        name = json.loads(line).get("schema")
        if name is None:
            record = RawRecord("page", "page", 0, 0, NOW_MS, line.encode())
            assert isinstance(decode(record), Event), line
        else:
            schema = record_schema(name)
            assert not faults(json.loads(line), schema, schema), line


def topologies(folder: Path) -> None:
    """Put the bundled topologies where commands on pages name them."""
    (folder / "topologies").symlink_to(ROOT / "topologies")
