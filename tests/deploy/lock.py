"""The lock of the image: what cjo-stream and its extras need, of the lock of the project."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[2]
LOCK: Final = ROOT / "requirements.lock"
IMAGE_LOCK: Final = ROOT / "deploy/image/requirements.lock"
HEAD: Final = (
    "# What the image installs: cjo-stream[all] and what builds it, of requirements.lock.\n"
    "# `python -m tests.deploy` writes it.\n"
)
WANTED: Final = ("cjo-stream[all]", "hatchling", "editables")


def drawn() -> str:
    """Return the text of the image's lock; the lock must be installed here."""
    pinned = {}
    for block in re.split(r"(?m)^(?=\S)", LOCK.read_text()):
        if "==" in block:
            pinned[canonicalize_name(block.partition("==")[0])] = block
    names = _closure()
    if missing := sorted(names - pinned.keys()):
        raise LookupError(f"requirements.lock lacks {', '.join(missing)}")
    return HEAD + "".join(pinned[name] for name in sorted(names))


def _needs(name: str, extra: str) -> list[str]:
    """Return what a distribution names as needed; of ours what the project says now."""
    if name != "cjo-stream":
        return distribution(name).requires or []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: list[str] = (
        project["optional-dependencies"][extra] if extra else project["dependencies"]
    )
    return found


def _closure() -> set[str]:
    """Return the names of all that the wanted distributions need, themselves but ours too."""
    seen: set[tuple[str, str]] = set()
    todo = [Requirement(one) for one in WANTED]
    while todo:
        asked = todo.pop()
        name = canonicalize_name(asked.name)
        for extra in ["", *asked.extras]:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            todo += (
                needed
                for needed in map(Requirement, _needs(name, extra))
                if needed.marker is None or needed.marker.evaluate({"extra": extra})
            )
    return {name for name, _ in seen} - {"cjo-stream"}
