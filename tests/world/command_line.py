"""The command line as a shell sees it: `cli` runs a command in this process."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

    def run(*arguments: object) -> Done:
        code = call([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    with _alone(monkeypatch):
        yield run


@pytest.fixture(scope="session")
def shop_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Return what puts a run of the shop into a folder: its results in `out`, its `state`.

    It runs once; each test has a copy.
    """
    made = tmp_path_factory.mktemp("shop_run")
    kept = ["--out", str(made / "out"), "--state", str(made / "state")]
    with pytest.MonkeyPatch.context() as patch, _alone(patch):
        assert call(["run", str(SHOP), str(EVENTS), *kept]) == 0
    return lambda folder: copied(made, folder)


def copied(made: Path, folder: Path) -> None:
    """Copy what is in a folder into another one, which may exist."""
    shutil.copytree(made, folder, dirs_exist_ok=True)


@contextmanager
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide our variables from commands; undo what they do to the log."""
    for name in settings.environment():
        monkeypatch.delenv(name)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
