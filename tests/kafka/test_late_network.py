"""Nothing is lost and nothing done twice, however late the network is."""

from pathlib import Path

import pytest

from cjo_stream.definition import load
from cjo_stream.kafka.topic import create
from cjo_stream.settings import Settings
from tests.kafka.lateness import TOPOLOGY, remember, send_commands
from tests.kafka.proxy import Proxy
from tests.kafka.stages import make_topology

pytestmark = pytest.mark.kafka


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
