"""The command line as a shell sees it: `cli` runs a command in this process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cjo_stream import settings
from cjo_stream.cli.app import call

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "topologies" / "shop"
EVENTS = SHOP / "events.jsonl"


class Done(NamedTuple):
    code: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """Yield what runs a command by its words, under no variables of ours."""
    for name in settings._environment():
        monkeypatch.delenv(name)

    def run(*arguments: object) -> Done:
        code = call([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield run
    root.handlers[:], root.level = handlers, level
