"""`make docs`: draws the tables of the pages, and what their commands print."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.docs import example, sample
from tests.docs.drawn import TABLES
from tests.docs.page import PAGES, faults, name_of, with_prints, with_tables


def main() -> int:
    """Write every page that differs; none while a table cannot be drawn."""
    found = faults([page.read_text() for page in PAGES], TABLES)
    if found:
        print("\n".join(["nothing was written:", *found]))
        return 1
    if (text := sample.drawn()) != sample.KEPT.read_text():
        sample.KEPT.write_text(text)
        print(f"wrote {sample.KEPT.name}")
    for page in PAGES:
        before = page.read_text()
        text = with_tables(before, TABLES)
        with tempfile.TemporaryDirectory() as folder:
            example.topologies(Path(folder))
            text = with_prints(text, example.run(text, Path(folder)))
        if text != before:
            page.write_text(text)
            print(f"wrote {name_of(page)}")
    return 0


sys.exit(main())
