"""The wheel with all extras, installed by pip outside the repository: needs an index.

    python -m tests.deploy.wheel FOLDER

pip resolves the libraries itself, without the lock, as for whoever installs the package.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.deploy.lock import ROOT

TRIED = (
    ("--version",),
    ("validate", "shop"),
    ("simulate", "shop", "--out", "events", "--people", "50", "--duration", "1d"),
    ("run", "shop", "events/events.jsonl", "--out", "results"),
    ("insight", "sink", "results", "--layer", "layer"),
    ("insight", "outcomes", "--layer", "layer"),
    ("doctor",),
)
"""Commands that need no broker."""


def prove(folder: Path) -> None:
    """Build, install and try it in a folder that does not exist yet; raises where it fails."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=300,
    )
    (wheel,) = folder.glob("*.whl")
    place = folder / "venv"
    venv.create(place, with_pip=True)
    pip = [str(place / "bin/pip"), "install", "--quiet", f"{wheel}[all]"]
    subprocess.run(pip, cwd=folder, check=True, timeout=900)
    for words in TRIED:
        done = subprocess.run(
            [str(place / "bin/cjo-stream"), *words],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "CJO_TENANT_KEY": "a-key-for-this-trial-alone"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        said = done.stdout + done.stderr
        if done.returncode != 0 or "Traceback" in said:
            raise SystemExit(f"cjo-stream {' '.join(words)}: exit {done.returncode}\n{said}")
        print(f"cjo-stream {' '.join(words)}: as it should be", flush=True)


if __name__ == "__main__":
    base = Path(sys.argv[1]).resolve()
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=base) as own:
        prove(Path(own))
