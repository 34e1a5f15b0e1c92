"""One real record of each kind, which the engine makes of a small story: `engine/example.py`."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any, Final

from cjo_stream.cli.app import call
from cjo_stream.core.catalogue import RECORDS

STORY: Final = Path(__file__).parent / "story"
KEPT: Final = Path(__file__).parents[2] / "cjo_stream" / "engine" / "example.py"
HEAD: Final = '''\
"""A real record of each kind, by its schema's name; drawn by `python -m tests.docs`."""

from __future__ import annotations

from typing import Any, Final

import msgspec

EXAMPLES: Final[dict[str, Any]] = msgspec.json.decode(
    r"""
'''


def drawn() -> str:
    """Return the text of the module that keeps the records."""
    text = json.dumps(made(), indent=1, ensure_ascii=False)
    return f'{HEAD}{text}\n"""\n)\n'


def made() -> dict[str, Any]:
    """Run the story; return the last record of each kind."""
    found = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        words = ["run", str(STORY), str(STORY / "events.jsonl"), "--out", folder, "--drain", "7d"]
        with contextlib.redirect_stdout(io.StringIO()):
            assert call([*words, "--profiles", "--force"]) == 0
        for kind in RECORDS:
            if kind.schema is not None and kind.file is not None:
                lines = Path(folder, kind.file).read_text().splitlines()
                found[kind.schema] = json.loads(lines[-1])
    return found
