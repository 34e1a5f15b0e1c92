"""Random worlds on a real broker, held against the plain core.

The reference has neither frames, lanes, tasks nor a store: it is told what the internal log says
came, and when. CJO_LONG=1 runs more worlds.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from cjo_stream import ingest
from cjo_stream.core.message import ActorMessage
from cjo_stream.definition import DefinitionSet
from cjo_stream.engine.frame import decode_frame
from cjo_stream.engine.port import Log
from cjo_stream.kafka.topic.name import Names
from tests.differential.reference import Reference
from tests.differential.stream import Span
from tests.differential.topology import text_of
from tests.differential.worlds import KEY, World, draw_world, loaded
from tests.world.chain import Chain, wait_until_quiet
from tests.world.verdict import PUBLIC, judge

pytestmark = pytest.mark.kafka
SEEDS = (51, 2, 5, 8, 11, 30, 31, 42, 47, 59) if os.environ.get("CJO_LONG") else (51,)
"""Of worlds in which much happens within seconds."""
GAP_MAX_MS = 400
"""The broker's clock is the stream clock: a stream of days would come late, or from the future."""


@pytest.mark.parametrize("seed", SEEDS)
def test_a_chain_gives_what_the_plain_core_gives(
    bootstrap: str, tmp_path: Path, seed: int
) -> None:
    world = draw_world(seed, Span(int(time.time() * 1_000), GAP_MAX_MS))
    topology = tmp_path / "topology"
    topology.mkdir()
    (topology / "all.yaml").write_text(text_of(world.documents))
    chain = Chain(bootstrap, tmp_path, partitions=1)
    chain.create(topology)
    try:
        chain.start(topology)
        send(chain, world)
        wait_until_quiet(chain)
        found = judge(chain, topology).records
    finally:
        chain.stop()
    wanted = records_of(told(chain, loaded(world.documents)))
    assert sum(map(len, wanted.values())) > len(world.documents)
    for key in sorted({*wanted, *found}):
        assert found[key] == wanted[key], key


def send(chain: Chain, world: World) -> None:
    channels = loaded(world.documents).program.channels
    producer = Producer({"bootstrap.servers": chain.bootstrap, "log_level": 0})
    for raw in world.records:
        source = channels[raw.channel].input
        assert source is not None
        producer.produce(Names(chain.prefix).source(source), raw.value.encode())
    assert producer.flush(30) == 0


def told(chain: Chain, definitions: DefinitionSet) -> Reference:
    """Return a reference that has heard what the internal log says."""
    decode = ingest.decoder(definitions.program, KEY)
    reference = Reference(definitions.program, decode, learns=False)
    (messages,) = chain.read("internal.v1", committed=False).values()
    cursors: dict[Log, tuple[int, int]] = {}
    for message in messages:
        frame = decode_frame(message.value())
        heard: list[tuple[str, ActorMessage]] = []
        for item in frame.items:
            if not isinstance(item.message, ActorMessage):
                continue
            lane, at = frame.lanes[item.lane], (item.offset, item.index)
            if at > cursors.get(lane, (-1, -1)):  # else it was sent again
                heard.append((item.to, item.message))
                cursors[lane] = at
        reference.hear(max(message.timestamp()[1], frame.clock), heard)
    return reference


def records_of(reference: Reference) -> dict[str, list[tuple[str, Any]]]:
    """Return the public records and commands of each customer, in order."""
    found: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for effect in reference.effects:
        if effect.kind in PUBLIC or effect.kind == "action":
            found[effect.key].append((effect.kind, json.loads(effect.value)))
    return found
