"""What lies in files below a folder, read byte by byte."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def found(folder: Path, secrets: Sequence[str]) -> set[tuple[str, str]]:
    """Return (secret, file) of everything found below a folder, in any byte of any file."""
    wanted = [(secret, secret.encode()) for secret in secrets]
    hits = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            hits |= {(s, path.name) for s, data in wanted if data in content}
    return hits


def readable(folder: Path) -> list[str]:
    """Return what others than its owner can read below a folder, by way of all folders."""
    found = []
    for path in folder.iterdir():
        if not path.stat().st_mode & 0o077:
            continue
        found += readable(path) if path.is_dir() else [str(path)]
    return found
