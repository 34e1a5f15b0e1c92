"""AsyncAPI documents, read by the parser of the AsyncAPI initiative.

`make deploy-check` brings it where there is npm; without it these tests do not run, and say so.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.deploy.lock import ROOT
from tests.docs.sample import STORY
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

MODULES: Final = ROOT / ".tools/node_modules"
TOPOLOGIES: Final = [
    STORY,
    *sorted(one for one in (ROOT / "topologies").iterdir() if one.is_dir()),
]
pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (MODULES / "@asyncapi/parser").exists(),
    reason="the parser of AsyncAPI is not here: `make deploy-check` brings it",
)


def parsed(*files: Path) -> subprocess.CompletedProcess[str]:
    call = ["node", str(ROOT / "tests/deploy/asyncapi.mjs"), str(MODULES), *map(str, files)]
    return subprocess.run(call, capture_output=True, text=True, timeout=120)


def test_documents_of_all_topologies_are_valid(tmp_path: Path, cli: Cli) -> None:
    files = []
    for topology in TOPOLOGIES:
        for form in ("json", "yaml"):
            file = tmp_path / f"{topology.name}.{form}"
            said = cli("asyncapi", topology, *(["--json"] if form == "json" else []))
            file.write_text(said.out)
            files.append(file)
    done = parsed(*files)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" channels, ") == len(files)


def test_a_wrong_document_is_found_out(tmp_path: Path, cli: Cli) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(cli("asyncapi", STORY, "--json").out.replace('"receive"', '"receives"'))
    done = parsed(file)
    assert done.returncode == 1
    assert "must be equal to one of the allowed values" in done.stdout
