"""The whole chain on a real broker, killed at random: nothing lost, nothing twice, in order."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.broker import start_broker
from tests.world.chain import Chain, wait_until_quiet
from tests.world.load import Load
from tests.world.verdict import judge

pytestmark = pytest.mark.kafka


@pytest.fixture
def chain(bootstrap: str, tmp_path: Path) -> Iterator[Chain]:
    """Yield a running installation with two workers."""
    chain = Chain(bootstrap, tmp_path, workers=2)
    chain.create()
    chain.start()
    yield chain
    chain.stop()


def test_nothing_is_lost_or_done_twice_whatever_is_killed(chain: Chain) -> None:
    draw = random.Random(7)
    load = Load(chain, rate=300, seconds=45)
    load.start()
    victims = [*chain.names, *draw.choices(chain.names, k=4)]
    draw.shuffle(victims)
    for name in victims:
        time.sleep(draw.uniform(3, 6))
        chain.kill(name)
    load.join()
    assert load.failed == 0
    wait_until_quiet(chain, seconds=90)
    verdict = judge(chain)
    assert verdict.events == load.sent
    assert verdict.commands > 100
    assert sum(chain.restarts.values()) >= len(victims)


def test_a_broker_killed_and_restarted_costs_time_and_nothing_else(tmp_path: Path) -> None:
    with start_broker(tmp_path / "broker") as broker:
        chain = Chain(broker.bootstrap, tmp_path)
        chain.create()
        chain.start()
        try:
            load = Load(chain, rate=200, seconds=35)
            load.start()
            time.sleep(8)
            broker.kill()
            time.sleep(5)
            broker.start()
            load.join()
            wait_until_quiet(chain, seconds=120)
            assert load.failed == 0
            assert judge(chain).events == load.sent
        finally:
            chain.stop()
