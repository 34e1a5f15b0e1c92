"""`python -m tests.docs`: draws the tables of the pages, and what their commands print."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.docs import example
from tests.docs.drawn import TABLES
from tests.docs.page import PAGES, name_of, with_prints, with_tables


def main() -> None:
    """Write every page that differs."""
    for page in PAGES:
        before = page.read_text()
        text = with_tables(before, TABLES)
        with tempfile.TemporaryDirectory() as folder:
            example.topologies(Path(folder))
            text = with_prints(text, example.run(text, Path(folder)))
        if text != before:
            page.write_text(text)
            print(f"wrote {name_of(page)}")


main()
