"""What this host has: libraries with their versions, time zones, room on disks."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Final

from cjo_stream.installation.finding import Finding, note, ok, problem

PACKAGE: Final = "cjo-stream"
FREE_BYTES_MIN: Final = 1 << 30
FREE_SHARE_MIN: Final = 0.05
_DEVELOPMENT: Final = "dev"
_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9_.-]+)[^;]*(?:;.*extra == ['\"]([^'\"]+)['\"])?")


def installed() -> Iterator[Finding]:
    """Yield this release, and the libraries that it needs, with their versions."""
    needed = _needed()
    yield ok("installed", f"{PACKAGE} {version(PACKAGE)}, Python {platform.python_version()}")
    there, missing = _versions(needed.pop("", []))
    yield ok("installed", ", ".join(there))
    for name in missing:
        yield problem("installed", f"{name} is missing", f"install again: pip install {PACKAGE}")
    for extra, names in needed.items():
        there, missing = _versions(names)
        if missing:
            yield note(
                "installed",
                f"extra {extra}: {', '.join(missing)} is missing",
                f"if you need it: pip install '{PACKAGE}[{extra}]'",
            )
        else:
            yield ok("installed", f"extra {extra}: {', '.join(there)}")


def time_zones() -> Finding:
    """Return the version of the time zones."""
    return ok("installed", f"time zones of tzdata {version('tzdata')}, on every host the same")


def room(what: str, folder: Path, setting: str) -> Finding:
    """Return whether a folder, or the one it will be made in, has room and can be written to."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    usage = shutil.disk_usage(there)
    free = f"{usage.free / (1 << 30):.1f} GiB of {usage.total / (1 << 30):.1f} are free"
    if not os.access(there, os.W_OK | os.X_OK):
        return problem(
            "disk",
            f"{what} {folder}: this user cannot write there",
            f"let this user write to {there}, or name another folder ({setting})",
        )
    if usage.free < FREE_BYTES_MIN or usage.free < FREE_SHARE_MIN * usage.total:
        return problem(
            "disk", f"{what} {folder}: {free}", f"make room, or name another folder ({setting})"
        )
    return ok("disk", f"{what} {folder}: {free}")


def _needed() -> dict[str, list[str]]:
    """Return the libraries of the package itself under "", and those of each extra."""
    found: dict[str, list[str]] = {"": []}
    for extra in metadata(PACKAGE).get_all("Provides-Extra") or ():
        if extra != _DEVELOPMENT:
            found[extra] = []
    for line in requires(PACKAGE) or ():
        matched = _REQUIREMENT.match(line)
        assert matched is not None, "a requirement begins with a name"
        name, extra = matched.groups()
        if (extra or "") in found:
            found[extra or ""].append(name)
    return found


def _versions(names: list[str]) -> tuple[list[str], list[str]]:
    """Return the libraries that are there, with their versions, and those that are not."""
    there, missing = [], []
    for name in names:
        try:
            there.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    return there, missing
