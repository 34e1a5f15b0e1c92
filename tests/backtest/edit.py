"""A copy of a topology with one random edit."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cjo_stream.definition import load
from cjo_stream.errors import DefinitionError

TRIES = 1_000


class Edit(NamedTuple):
    """What was edited, and where: `path:line`, the path relative to the folder."""

    kind: str
    at: str
    before: str
    after: str


class _Rule(NamedTuple):
    """Which text of which files is edited, and what is written for it."""

    files: str
    found: str
    written: Callable[[re.Match[str], random.Random], str]


def _delay(found: re.Match[str], chance: random.Random) -> str:
    return f"{found[1]}{chance.randint(1, 40)}{chance.choice('hhd')}:"


def _number(least: int, most: int) -> Callable[[re.Match[str], random.Random], str]:
    return lambda found, chance: f"{found[1]}{chance.randint(least, most)}"


def _gate(found: re.Match[str], chance: random.Random) -> str:
    return f"{found[1]}bucket(profile.id, {chance.randint(2, 4)}) > 0"


def _consent(found: re.Match[str], _: random.Random) -> str:
    return f"{found[1]}{'opt_out' if found[2] == 'opt_in' else 'opt_in'}"


def _template(found: re.Match[str], chance: random.Random) -> str:
    return f"{found[1]}other_{chance.randint(1, 9)}"


RULES = {
    "delay": _Rule("*.yaml", r"(after: \{|, )(\d+[smhdw]):", _delay),
    "cap": _Rule("policy.yaml", r"(\{name: .*max: )\d+", _number(1, 4)),
    "gate": _Rule("*.yaml", r"^((?:eligible|applicable|suitable): )[^#\n]*[^#\s]", _gate),
    "lever": _Rule("*.yaml", r"^(lever: )\d+", _number(0, 400)),
    "levers": _Rule("policy.yaml", r"^(\s+(?:issue|group): \{\w+: )\d+", _number(0, 400)),
    "consent": _Rule("policy.yaml", r"(consent: \{.*?\w+: |service: )(opt_in|opt_out)", _consent),
    "limit": _Rule("topology.yaml", r"(\{type: \w+, limit: )\d+", _number(1, 3)),
    "template": _Rule("*.yaml", r"(template: )\w+", _template),
}


def edited(folder: Path, into: Path, chance: random.Random) -> Edit:
    """Copy a topology, with one edit that loads and changes a line; return the edit."""
    shutil.copytree(folder, into, ignore=shutil.ignore_patterns("expected", "events.jsonl"))
    for _ in range(TRIES):
        kind = chance.choice(sorted(RULES))
        places = [
            (path, number, found)
            for path in sorted(into.rglob(RULES[kind].files))
            if not path.name.endswith(".test.yaml")
            for number, line in enumerate(path.read_text().splitlines())
            for found in re.finditer(RULES[kind].found, line)
            if "#" not in line[: found.start()]
        ]
        if not places:
            continue
        path, number, found = chance.choice(places)
        text = path.read_text()
        lines = text.splitlines()
        before = lines[number]
        new = RULES[kind].written(found, chance)
        lines[number] = before[: found.start()] + new + before[found.end() :]
        if lines[number] == before:
            continue
        path.write_text("\n".join(lines) + "\n")
        try:
            load(into)
        except DefinitionError:
            path.write_text(text)
            continue
        at = f"{path.relative_to(into)}:{number + 1}"
        return Edit(kind, at, before.strip(), lines[number].strip())
    raise AssertionError(f"no edit of {folder} loads in {TRIES} tries")
