"""An installation of many partitions: the chain from the first `apply` on, and a restart."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.kafka.broker import start_broker
from tests.kafka.chain import Chain, Load, judge, wait_until_quiet

pytestmark = pytest.mark.kafka

PARTITIONS = 256


def test_a_chain_of_many_partitions_applies_works_and_restarts_with_nothing_lost_or_twice(
    tmp_path: Path,
) -> None:
    with start_broker(tmp_path / "broker") as broker:
        chain = Chain(broker.bootstrap, tmp_path, partitions=PARTITIONS)
        chain.create()
        chain.start()
        try:
            load = Load(chain, rate=150, seconds=16, users=1_000)
            load.start()
            time.sleep(6)
            chain.kill("intake")
            chain.kill("dispatch")
            load.join()
            assert load.failed == 0
            wait_until_quiet(chain, seconds=60, quiet=6)
            verdict = judge(chain)
            assert verdict.events == load.sent
            assert verdict.commands > 100
            assert len({row["customer_id"] for row in verdict.customers}) > PARTITIONS
        finally:
            chain.stop()
