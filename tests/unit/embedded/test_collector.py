"""A run over files looks for cycles of objects seldom, and not once more when it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.bench.embedded import ROOT

AT_END = """
import atexit, gc, json, sys
looks = [0, 0, 0]
def on_look(phase, info):
    looks[info["generation"]] += phase == "start"
def at_end():
    print(json.dumps([looks[2], gc.get_threshold(), gc.get_freeze_count()]), file=sys.stderr)
from cjo_stream.__main__ import main
gc.callbacks.append(on_look)
atexit.register(at_end)
main()
"""


def test_a_run_never_looks_at_everything(tmp_path: Path) -> None:
    shop = ROOT / "topologies" / "shop"
    made = [sys.executable, "-m", "cjo_stream", "simulate", shop, "--people", "40", "--seed", "1"]
    subprocess.run([*made, "--out", tmp_path / "in"], check=True, capture_output=True)
    command = ["run", shop, tmp_path / "in" / "events.jsonl", "--out", tmp_path / "out", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", AT_END, *command], capture_output=True, text=True, check=True
    )
    whole, threshold, frozen = json.loads(done.stderr.splitlines()[-1])
    assert whole == 0
    assert threshold[0] == 1_000_000
    assert frozen > 100_000, "the interpreter would look through all of it once more"
