"""Try random edits: `python -m tests.backtest [--seed N | --edits N] [--topology NAME]`."""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from pathlib import Path

from tests.backtest.trial import TOPOLOGIES, Trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="try this one edit")
    parser.add_argument("--edits", type=int, default=40, help="try edits 0..N-1 of each topology")
    parser.add_argument("--topology", choices=TOPOLOGIES, action="append")
    parser.add_argument("--people", type=int, default=150, help="simulated; 0: the own sample")
    asked = parser.parse_args()
    seeds = [asked.seed] if asked.seed is not None else range(asked.edits)
    for topology in asked.topology or TOPOLOGIES:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            with _quiet():
                trials = Trials(topology, Path(folder), asked.people, seed=1)
                trials.against_itself()
            print(f"{topology}: nothing is changed against itself", flush=True)
            for seed in seeds:
                with _quiet():
                    found = trials.trial(seed)
                edit = found.edit
                print(
                    f"{topology} {seed}: {edit.kind} at {edit.at}: {found.changed} of "
                    f"{found.groups} changed ({found.several} joined or split), {found.commands} "
                    f"other commands; {edit.after}",
                    flush=True,
                )
        print(f"{topology}: {len(seeds)} edits agree; {time.monotonic() - began:.0f} s")


def _quiet() -> contextlib.AbstractContextManager[object]:
    stack = contextlib.ExitStack()
    stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
    stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
    return stack


if __name__ == "__main__":
    main()
