"""What intake says and counts of a schema registry, also while no record can be routed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cjo_stream.definition import load
from cjo_stream.engine.port import RawRecord
from cjo_stream.kafka.definition.log import DefinitionLog, Published
from cjo_stream.kafka.stage.route import Routes
from cjo_stream.registry.wire import framed
from cjo_stream.settings import Settings
from tests.world.registry import AVRO_EVENT, Registry, avro

pytest.importorskip("fastavro")

TOPOLOGY = """
topology: shop
channels: {web: {in: {registry: avro}}}
identity: {identifiers: [{type: loyalty_id}]}
"""
RECORD = RawRecord("web", "i", 0, 0, 1_000, framed(7, b""), channel="web")
FAILED = ("cjo_registry_requests_total", "failed")
FOUND = ("cjo_registry_requests_total", "found")


@pytest.fixture
def registry() -> Registry:
    """Return one that is away."""
    one = Registry()
    one.schemas[7] = avro(AVRO_EVENT)
    return one


@pytest.fixture
def routes(tmp_path: Path, registry: Registry) -> Iterator[Routes]:
    (tmp_path / "topology.yaml").write_text(TOPOLOGY)
    settings = Settings(registry={"url": registry.url})
    with closing(DefinitionLog(settings)) as definitions:
        definitions.sets[1] = Published(1, "", load(tmp_path).content)
        one = Routes(settings, definitions)
        yield one
        one.close()


def counted(routes: Routes, wanted: tuple[str, ...]) -> None:
    end_s = time.monotonic() + 20
    while wanted not in routes.take_registry_counts():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_registry_is_told_and_counted_where_nothing_is_routed(
    routes: Routes, registry: Registry
) -> None:
    assert routes.take_registry_counts() == {}
    assert routes.lacks(1, RECORD) == 7
    counted(routes, FAILED)
    assert routes.why_halted().startswith("the schema registry for ")
    with registry:
        counted(routes, FOUND)
    # A lane that is still halted waits for something, though the registry has answered.
    assert routes.why_halted() == "schemas that the registry is asked for"
    assert routes.knows(RECORD.value)
