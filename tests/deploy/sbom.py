"""The bill of materials: what the image installs, as CycloneDX.

python -m tests.deploy.sbom dist/sbom.json
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cjo_stream
from tests.deploy.lock import IMAGE_LOCK, ROOT


def write(path: Path) -> None:
    """Write the file; the same lock and version give the same bytes. Raises CalledProcessError."""
    call = ["-m", "cyclonedx_py", "requirements", "--pyproject", str(ROOT / "pyproject.toml")]
    done = subprocess.run(
        [sys.executable, *call, "--output-reproducible", str(IMAGE_LOCK)],
        check=True,
        stdout=subprocess.PIPE,
    )
    made = json.loads(done.stdout)
    # The project's version is dynamic, and so not in pyproject.toml.
    made["metadata"]["component"]["version"] = cjo_stream.__version__
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    print(f"wrote {sys.argv[1]}")
