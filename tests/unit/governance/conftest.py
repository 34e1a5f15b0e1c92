from pathlib import Path

import pytest

from tests.unit.governance.shop import Shop
from tests.world.command_line import Cli, cli

__all__ = ["cli"]


@pytest.fixture
def shop(cli: Cli, tmp_path: Path) -> Shop:
    """Return a shop whose customers are in its journeys."""
    found = Shop(cli, tmp_path)
    found.run()
    return found
