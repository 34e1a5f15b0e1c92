"""SECURITY.md names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_threat_names_tests_that_there_are() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("|") and "tests/" in line]
    assert len(rows) > 10
    for named in re.findall(r"`(tests/[^`]+)`", text):
        file, _, test = named.partition("::")
        content = (ROOT / file).read_text()
        assert f"def {test}(" in content if test else "def test_" in content, named
