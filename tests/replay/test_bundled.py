"""Each bundled topology, over its own small input, gives its recorded output byte for byte.

`CJO_REPLAY_UPDATE=1 pytest tests/replay` writes inputs and outputs anew, to be read in the diff:
a change there is a change of what customers get.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cjo_stream.simulate import traffic, write_native

ROOT = Path(__file__).resolve().parents[2]
TOPOLOGIES = ROOT / "topologies"
UPDATE = os.environ.get("CJO_REPLAY_UPDATE") == "1"

FILES = (
    "actions",
    "customers",
    "dead_letters",
    "decisions",
    "identities",
    "predictions",
    "rewards",
    "transitions",
)
TIMINGS = {"wall_seconds", "events_per_second"}
DAY_MS = 86_400_000
START_MS = 1_772_323_200_000  # 2026-03-01: the clocks change within the month
SAMPLES = {
    "shop": {"people": 20, "seed": 26, "duration_ms": 28 * DAY_MS},
    "lending": {"people": 60, "seed": 4, "duration_ms": 60 * DAY_MS},
    "telco": {"people": 25, "seed": 1, "duration_ms": 35 * DAY_MS},
    "federation": {"people": 60, "seed": 2, "duration_ms": 28 * DAY_MS},
}
OPTIONS = {
    "shop": ["--drain-days", "60"],
    "lending": ["--sort", "--drain-days", "30"],
    "telco": ["--drain-days", "30"],
    "federation": ["--drain-days", "30"],
}


def run(topology: str, out: Path, hash_seed: str) -> Path:
    """Run the topology over its sample in a process of its own; return the folder of results."""
    arguments = [sys.executable, "-m", "tests.replay.sample", str(TOPOLOGIES / topology), str(out)]
    done = subprocess.run(
        [*arguments, *OPTIONS[topology]],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads((out / "summary.json").read_text())
    told = {name: value for name, value in summary.items() if name not in TIMINGS}
    (out / "summary.json").write_text(json.dumps(told, indent=2) + "\n")
    return out


@pytest.mark.parametrize("topology", SAMPLES)
def test_the_sample_is_what_its_seed_simulates(topology: str, tmp_path: Path) -> None:
    sample = TOPOLOGIES / topology / "events.jsonl"
    write_native(traffic(topology, start_ms=START_MS, **SAMPLES[topology]), tmp_path)
    if UPDATE:
        shutil.copy(tmp_path / "events.jsonl", sample)
    assert sample.read_bytes() == (tmp_path / "events.jsonl").read_bytes()


@pytest.mark.parametrize("hash_seed", ["1", "2"])
@pytest.mark.parametrize("topology", SAMPLES)
def test_the_sample_gives_the_recorded_output_byte_for_byte(
    topology: str, hash_seed: str, tmp_path: Path
) -> None:
    expected = TOPOLOGIES / topology / "expected"
    got = run(topology, tmp_path / "out", hash_seed)
    names = [*(f"{name}.jsonl" for name in FILES), "summary.json"]
    if UPDATE:
        shutil.rmtree(expected, ignore_errors=True)
        expected.mkdir()
        for name in names:
            shutil.copy(got / name, expected / name)
    assert sorted(path.name for path in expected.iterdir()) == sorted(names)
    for name in names:
        assert (got / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.mark.parametrize("topology", SAMPLES)
def test_every_journey_and_every_action_happens_in_the_sample(topology: str) -> None:
    """So that no definition is bundled that nothing ever tried."""
    folder = TOPOLOGIES / topology
    written = [
        line.split()[:2]
        for path in folder.rglob("*.yaml")
        for line in path.read_text().splitlines()
        if line.startswith(("journey: ", "action: "))
    ]
    for kind, file, field in (
        ("journey:", "transitions.jsonl", lambda row: [row["journey"]]),
        ("action:", "decisions.jsonl", lambda row: [c["action"] for c in row["candidates"]]),
    ):
        lines = (folder / "expected" / file).read_text().splitlines()
        happened = {name for line in lines for name in field(json.loads(line))}
        assert happened == {name for word, name in written if word == kind}
