"""Gates that, by the definitions alone, cannot stop a candidate are not checked for it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from cjo_stream.core.decision import request
from cjo_stream.core.decision.gate import GATES, Stop, first_stop
from cjo_stream.core.decision.situation import Situation
from cjo_stream.core.program.action import Candidate
from cjo_stream.core.word import ActionClass
from cjo_stream.definition import load
from cjo_stream.embedded.installation import open_installation
from cjo_stream.embedded.run import drain, feed
from cjo_stream.engine.port import RawRecord
from cjo_stream.ingest import decoder
from cjo_stream.simulate import traffic

ROOT = Path(__file__).parents[4] / "topologies"
ALWAYS = {"address", "priority"}
CONDITIONS = {"eligible", "applicable", "suitable"}


@pytest.mark.slow
@pytest.mark.parametrize("topology", ["shop", "telco"])
def test_no_gate_that_is_left_out_would_stop_a_candidate(
    topology: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checked = left_out = 0

    def first(
        situation: Situation, candidate: Candidate, *, is_act: bool
    ) -> tuple[str, Stop] | None:
        nonlocal checked, left_out
        for gate in GATES:
            if gate.name in candidate.gates:
                checked += 1
            elif candidate.action.class_ in gate.classes:
                left_out += 1
                assert gate.name not in ALWAYS
                assert gate.check(situation, candidate) is None
        return first_stop(situation, candidate, is_act=is_act)

    monkeypatch.setattr(request, "first_stop", first)
    definitions = load(ROOT / topology)
    simulated = traffic(
        topology, people=60, seed=8, start_ms=1_772_323_200_000, duration_ms=7 * 86_400_000
    )
    records = [
        RawRecord(one.channel, "t", 0, n, one.arrives_ms, one.value, one.key, (), one.channel)
        for n, one in enumerate(itertools.islice(simulated, 1_500))
    ]
    decode = decoder(definitions.program, b"a key")
    with open_installation(definitions, tmp_path / "out", state=None) as installation:
        feed(installation, "test", ((record, decode(record)) for record in records))
        drain(installation, 86_400_000)
    assert min(checked, left_out) > 2_000


def test_of_the_shops_gates_each_candidate_has_those_that_its_definitions_name() -> None:
    program = load(ROOT / "shop").program
    order = [gate.name for gate in GATES]
    for candidate in itertools.chain(*program.candidates.values()):
        action, found = candidate.action, set(candidate.gates)
        assert list(candidate.gates) == sorted(found, key=order.index)
        assert found >= ALWAYS
        assert found & CONDITIONS == {c for c in CONDITIONS if getattr(action, c) is not None}
        assert ("holdout" in found) == (action.class_ == ActionClass.MARKETING)
        assert ("consent" in found) == (action.class_ != ActionClass.TRANSACTIONAL)
        assert ("limits" in found) == bool(action.limits or candidate.limits)
        assert ("caps" in found) == bool(candidate.caps)
    rain = {one.channel: one for one in program.candidates["rain_jacket"]}
    assert "quiet_hours" not in rain["web"].gates
    assert "quiet_hours" in program.candidates["sneaker_drop"][0].gates
