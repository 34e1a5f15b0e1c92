"""A real broker for the tests: CJO_TEST_BOOTSTRAP, else one from the jars, else a loud skip.

With CJO_REQUIRE_KAFKA=1 the skip is a failure.
"""

import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.errors import CjoError
from cjo_stream.kafka.local.broker import Broker
from cjo_stream.settings import Settings

TENANT_KEY = "a-key-only-the-tests-have-0123456789"
LONG = ("test_life.py", "test_rolling.py", "test_outage.py")
"""Files of few tests that take minutes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that none of them runs alone at the end.

    A file is of one process (`--dist loadfile`); pytest-xdist itself would begin with those of
    many tests, which are next here.
    """
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.name not in LONG, -tests[item.path]))


@pytest.fixture(scope="session")
def bootstrap(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[str]:
    """Yield the address of a real broker."""
    given = os.environ.get("CJO_TEST_BOOTSTRAP")
    if given:
        yield given
        return
    broker = Broker(tmp_path_factory.mktemp("broker"))
    try:
        broker.start()
    except CjoError as error:
        if os.environ.get("CJO_REQUIRE_KAFKA") == "1":
            pytest.fail(f"no broker, but CJO_REQUIRE_KAFKA=1: {error}")
        say_loudly(pytestconfig, f"NO KAFKA TEST RUNS: {error}")
        pytest.skip(f"no broker: {error}")
    try:
        yield broker.bootstrap
    finally:
        broker.stop()


def say_loudly(config: pytest.Config, line: str) -> None:
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"\n{line}\n", red=True, bold=True)


@pytest.fixture
def settings(bootstrap: str, tmp_path: Path) -> Settings:
    """Return the settings of an installation of its own."""
    return make_settings(bootstrap, tmp_path)


@pytest.fixture
def settings_of(bootstrap: str, tmp_path: Path) -> Callable[..., Settings]:
    """Return what makes settings of an installation of its own, some of them given."""
    return lambda **given: make_settings(bootstrap, tmp_path, **given)


def make_settings(bootstrap: str, folder: Path, **given: Any) -> Settings:
    """Return settings with a prefix of their own."""
    return Settings(
        **{
            "kafka": {"bootstrap_servers": bootstrap},
            "topic_prefix": f"t{uuid.uuid4().hex[:8]}.",
            "tenant_key": TENANT_KEY,
            "data_dir": folder / "data",
            "partitions": 2,
            **given,
        }
    )
