"""Runs the steps of the Dockerfile in a clean root folder, where no container engine is at hand.

    python -m tests.deploy.image FOLDER        as root on Linux, with debootstrap and a network

The root folders of both stages stand in FOLDER, and are removed at the end. Then the result runs
as its user, with a root that it cannot write: `--version`, a demo, and the health check of a
process that waits for its broker.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.deploy.commands import DOCKERFILE
from tests.deploy.lock import ROOT

DEBIAN: Final = ("bookworm", "python3,python3-venv,ca-certificates")
"""The release whose Python is the one of the image's first line, and what it needs."""
OF_HOST: Final = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt")
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CHROOT: Final = "/usr/sbin/chroot"
STATE: Final = "var/lib/cjo-stream"
OF_ROOT: Final = "/var/lib/cjo-checkpoints"
"""A folder that is the user's own, on the root that an engine mounts read-only."""


class Stage:
    """A root folder, and what the Dockerfile has set so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = "/"
        self.environment = {"PATH": PATH}
        self.user = "0:0"
        self.said: dict[str, str] = {}
        """The last word of each instruction that only the engine reads."""

    def run(self, arguments: list[str], extra: Mapping[str, str] = {}) -> None:
        """Run a command in the root folder; raises CalledProcessError."""
        env = {**self.environment, **extra}
        (self.root / self.folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
        inside = f"cd {shlex.quote(self.folder)} && exec {shlex.join(arguments)}"
        subprocess.run(
            [CHROOT, f"--userspec={self.user}", str(self.root), "/bin/sh", "-c", inside],
            env=env,
            check=True,
            timeout=900,
        )


def base(folder: Path) -> Path:
    """Make the root folder that stands for the image's base; return it."""
    release, packages = DEBIAN
    root = folder / "base"
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={packages}", release, str(root)],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=900,
    )
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    for name in OF_HOST:
        if Path(name).exists():
            shutil.copy(name, root / name.lstrip("/"))
    return root


def build(folder: Path) -> Stage:
    """Run every instruction; return the last stage."""
    clean, stages = base(folder), {}
    stage = Stage(clean)
    # What pip needs of this machine to reach its index.
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    text = re.sub(r"(?m)^#.*\n", "", DOCKERFILE.read_text()).replace("\\\n", " ")
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        print(line, flush=True)
        if word == "FROM":
            name = rest.rpartition(" AS ")[2] if " AS " in rest else "last"
            root = folder / name
            subprocess.run(["cp", "-a", str(clean), str(root)], check=True)
            stage = stages[name] = Stage(root)
        elif word == "RUN":
            stage.run(["/bin/sh", "-c", rest], pip)
        elif word == "COPY":
            _copy(stages, stage, rest.split())
        elif word == "ENV":
            name, _, value = rest.partition("=")
            stage.environment[name] = value
        elif word == "WORKDIR":
            stage.folder = rest
        elif word == "USER":
            stage.user = rest
        elif word in ("ARG", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"):
            stage.said[word] = rest
        else:
            raise ValueError(f"an instruction that is not known here: {line}")
    return stages["last"]


def _copy(stages: Mapping[str, Stage], stage: Stage, words: list[str]) -> None:
    source = ROOT
    if words[0].startswith("--from="):
        source = stages[words.pop(0).removeprefix("--from=")].root
    *names, to = words
    for name in names:
        target = stage.root / (stage.folder.lstrip("/") if not to.startswith("/") else "")
        target = target / to.lstrip("/") / (Path(name).name if to.endswith("/") else "")
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["cp", "-a", "--no-preserve=ownership", f"{source}/{name.lstrip('/')}", str(target)],
            check=True,
        )


def refused(command: str) -> str:
    """Return a statement of a shell that ends a script where a command works.

    Under `set -e` a command behind `!` never ends it.
    """
    return f"if {command} 2>/dev/null; then echo {shlex.quote(f'works: {command}')}; exit 1; fi"


def proof(stage: Stage) -> str:
    """Return the script that is run in an image, as its user."""
    entry = " ".join(json.loads(stage.said["ENTRYPOINT"]))
    check = shlex.join(json.loads(stage.said["HEALTHCHECK"].partition(" CMD ")[2]))
    return (
        f"set -e; cd {stage.folder}; CJO_TENANT_KEY=0123456789abcdef; export CJO_TENANT_KEY; "
        f"{refused(f'touch {OF_ROOT}/x')}; test $(id -u) = 10001; {entry} --version; "
        f"{entry} demo --out demo --people 50; test -s demo/report.html; {refused(check)}; "
        f"{entry} intake & process=$!; n=0; "
        f"until {check} 2>/dev/null; do n=$((n + 1)); test $n -lt 60; sleep 1; done; "
        "kill $process; wait $process"
    )


def prove(stage: Stage) -> None:
    """Run the image as an engine would, its root read-only; raises where it does not work."""
    root = stage.root
    mounts = (
        f"mount --bind {root} {root}",
        f"mount --bind {root}/{STATE} {root}/{STATE}",
        f"mount -t tmpfs tmpfs {root}/tmp",
        f"mount -o remount,bind,ro {root}",
    )
    subprocess.run(
        ["unshare", "--mount", "/bin/sh", "-ec", "; ".join(mounts) + f"; exec {CHROOT} "
         f"--userspec={stage.user} {root} /bin/sh -c {shlex.quote(proof(stage))}"],
        env=stage.environment,
        check=True,
        timeout=600,
    )  # fmt: skip


def _remove(folder: Path) -> None:
    """Remove a folder, after whatever a step that was interrupted left mounted in it."""
    places = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((one for one in places if one.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", place], check=True)
    subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=True)


def main(folder: Path) -> None:
    """Build and prove in a folder of its own."""
    own = folder.resolve() / f"image-{os.getpid()}"
    own.mkdir(parents=True)
    began = time.monotonic()
    try:
        stage = build(own)
        size = sum(p.lstat().st_size for p in (stage.root / "opt/cjo-stream").rglob("*"))
        prove(stage)
        took_s = time.monotonic() - began
        print(f"the image works; /opt/cjo-stream has {size >> 20} MiB; {took_s:.0f} s")
    finally:
        _remove(own)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
