"""A page of deploy/runbooks: what it tells a person to run and to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

RUNBOOKS: Final = Path(__file__).parents[2] / "deploy" / "runbooks"


class Page(NamedTuple):
    """The commands of a page by its parts, and the words of its mitigation."""

    diagnosis: list[str]
    mitigation: list[str]
    words: str


def page(alert: str) -> Page:
    """Return the page of an alert."""
    text = (RUNBOOKS / f"{alert}.md").read_text()
    parts = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.S | re.M))
    mitigation = parts["Mitigation"]
    words = " ".join(re.sub(r"^```sh\n.*?^```$", "", mitigation, flags=re.S | re.M).split())
    return Page(_commands(parts["Diagnosis"]), _commands(mitigation), words)


def _commands(part: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", part, re.S | re.M)
    return [line for block in blocks for line in block.splitlines()]
