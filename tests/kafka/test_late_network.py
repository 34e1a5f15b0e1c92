"""Nothing is lost and nothing done twice, however late the network is."""

from pathlib import Path

import pytest

from cjo_stream.definition import load
from cjo_stream.kafka.topic.check import create
from cjo_stream.settings import Settings
from tests.kafka.lateness import TOPOLOGY, Writer, late_networks, remember, send_commands
from tests.kafka.proxy import TRANSACTION, Api, Fault, Proxy
from tests.kafka.stages import make_topology
from tests.world.chain import Chain, wait_until_quiet
from tests.world.load import Load
from tests.world.verdict import judge

pytestmark = pytest.mark.kafka


GAPS = range(1, 9)
"""Before the n-th request that follows: the repetition, or one of the next transaction."""
CASES = [(api, fault, 6) for api in TRANSACTION for fault in Fault] + [
    (api, Fault.LATE, gap) for api in (Api.END_TXN, Api.TXN_OFFSET_COMMIT) for gap in GAPS
]


def test_each_request_of_a_transaction_may_be_late_lost_or_repeated(
    settings: Settings, bootstrap: str, tmp_path: Path
) -> None:
    create(settings, load(make_topology(tmp_path / "topology", TOPOLOGY)).program)
    with Proxy(bootstrap) as proxy:
        writer = Writer(settings, proxy)
        for case in CASES:
            proxy.plan.append(case)
            writer.write(3)
        assert not proxy.plan
        writer.write(1)
    writer.judge()
    assert writer.ends == 0, "a process that could have gone on"


def test_commands_go_out_once_and_in_order(
    settings: Settings, bootstrap: str, tmp_path: Path
) -> None:
    with Proxy(bootstrap, seed=1, share=0.03) as proxy:
        figures = send_commands(settings, proxy, tmp_path, transactions=300)
    assert sum(proxy.faults.values()) > 30
    assert figures.ends == 0, "a process that could have gone on"


def test_what_is_learnt_is_remembered_step_by_step(
    settings: Settings, bootstrap: str, tmp_path: Path
) -> None:
    create(settings, load(make_topology(tmp_path / "topology", TOPOLOGY)).program)
    with Proxy(bootstrap, seed=1, share=0.05) as proxy:
        figures = remember(settings, proxy, transactions=150)
    assert sum(proxy.faults.values()) > 15
    assert figures.ends == 0, "a process that could have gone on"


def test_intake_workers_and_dispatch_are_exact_each_behind_a_late_network(
    bootstrap: str, tmp_path: Path
) -> None:
    chain = Chain(bootstrap, tmp_path, partitions=2)
    with late_networks(chain, share=0.01, seed=1) as proxies:
        chain.create()
        try:
            chain.start()
            load = Load(chain, rate=100, seconds=20)
            load.start()
            load.join()
            wait_until_quiet(chain, seconds=120)
            assert judge(chain).events == load.sent
        finally:
            chain.stop()
    for proxy, name in zip(proxies, chain.names, strict=True):
        assert proxy.faults, name
