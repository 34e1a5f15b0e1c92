"""When a difference is by learnt propensity alone."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.program.program import Program
from cjo_stream.definition import load
from cjo_stream.governance.backtest.cause import LEARNT, Causes

EDITED = ["policy.yaml:3"]
TOPOLOGY = """\
topology: t
channels: {{web: {{in: {{}}, out: {{address: email}}}}}}
identity: {{identifiers: [{{type: email}}]}}
---
action: x
propensity: {{prior: {prior}, features: [{feature}]}}
treatments: {{web: {{}}}}
---
action: y
propensity: 0.5
treatments: {{web: {{}}}}
"""


def program(folder: Path, prior: float = 0.1, feature: str = "event.channel") -> Program:
    folder.mkdir()
    (folder / "t.yaml").write_text(TOPOLOGY.format(prior=prior, feature=feature))
    return load(folder).program


def candidate(action: str, **fields: Any) -> dict[str, Any]:
    found = {"action": action, "channel": "web", "gate": None, "rule": None}
    return found | {"P": 0.1, "C": 1.0, "V": 1.0, "L": 1.0, "priority": 0.1} | fields


def decision(*candidates: dict[str, Any], **fields: Any) -> dict[str, Any]:
    found = {
        "decision_id": "d",
        "customer_id": "c",
        "time": 5,
        "trigger": {"kind": "event"},
        "request": {"decide": {}},
        "journey": None,
        "candidates": list(candidates),
        "chosen": {"action": "x", "channel": "web"},
        "suppressed": None,
        "probability": 0.9,
        "model_version": None,
    }
    return found | fields


LIVE = decision(candidate("x"), candidate("y", P=0.5, priority=0.5))
OTHER = decision(
    candidate("x", P=0.7, priority=0.7),
    candidate("y", P=0.5, priority=0.5),
    chosen={"action": "y", "channel": "web"},
    model_version=3,
)


def test_learnt_propensity_alone_stands_beside_the_edited_lines(tmp_path: Path) -> None:
    causes = Causes(EDITED, program(tmp_path / "a"), program(tmp_path / "b"))
    assert causes.of(LIVE, OTHER) == [*EDITED, LEARNT]
    assert causes.of(LIVE, None) == EDITED
    assert causes.of({"journey": "j"}, {"journey": "k"}) == EDITED
    assert causes.of(None, None) == EDITED


@pytest.mark.parametrize(
    "other",
    [
        {"time": 6},
        {"suppressed": "holdout"},
        {"request": {"act": "x"}},
        {"candidates": OTHER["candidates"][:1]},
        {"candidates": [candidate("x", P=0.7, L=2.0), OTHER["candidates"][1]]},
        {"candidates": [candidate("x", P=0.7, gate="caps"), OTHER["candidates"][1]]},
        {"candidates": [OTHER["candidates"][0], candidate("y", P=0.6)]},
        {"candidates": LIVE["candidates"]},
    ],
)
def test_anything_else_that_differs_is_no_learning(tmp_path: Path, other: dict[str, Any]) -> None:
    causes = Causes(EDITED, program(tmp_path / "a"), program(tmp_path / "b"))
    assert causes.of(LIVE, deepcopy(OTHER) | other) == EDITED


@pytest.mark.parametrize("change", [{"prior": 0.2}, {"feature": "event.type"}])
def test_a_propensity_that_learns_otherwise_is_an_edit(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    causes = Causes(EDITED, program(tmp_path / "a"), program(tmp_path / "b", **change))
    assert causes.of(LIVE, OTHER) == EDITED
