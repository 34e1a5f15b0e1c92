"""The folders of this worker's slot, recorded in the cursor topic."""

from __future__ import annotations

import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from cjo_stream.kafka.position.folder import Folder, record_key

_STATE: Final = re.compile(r"([0-9]{4,})(\.unreadable-[0-9]+)?")
_ANY: Final = re.compile(r"([0-9]{4,})(\..+)?")

Send = Callable[[bytes, bytes | None], Awaitable[None]]
"""Writes a record of the cursor topic: key, value."""


def folder_name(number: int) -> str:
    """Return the name of a partition's folder."""
    return f"{number:04d}"


class Register:
    """Records the folders with state in a slot's folder `tasks`.

    `recorded` are the folders that earlier processes of this slot recorded; they may be gone.
    """

    def __init__(
        self, tasks: Path, slot: str, send: Send, recorded: Iterable[Folder] = ()
    ) -> None:
        self._tasks = tasks
        self._slot = slot
        self._send = send
        self._recorded: dict[str, bool | None] = {
            folder.name: None for folder in recorded if folder.slot == slot
        }

    async def hold(self, number: int) -> None:
        """Record a partition's folder as open, before it is opened."""
        await self._record(folder_name(number), held=True)

    async def update(self, held: Iterable[int]) -> None:
        """Record what has changed; `held` are the partitions that are open or about to be."""
        names = {folder_name(number): True for number in held}
        there = dict.fromkeys(self._names(_STATE), False) | names
        for name, is_held in there.items():
            await self._record(name, held=is_held)
        for name in [name for name in self._recorded if name not in there]:
            await self._send(record_key(self._slot, name), None)
            del self._recorded[name]

    def numbers(self) -> set[int]:
        """Return the partitions that have anything on disk."""
        return {int(name.split(".")[0]) for name in self._names(_ANY)}

    async def _record(self, name: str, *, held: bool) -> None:
        if self._recorded.get(name) == held:
            return
        path = str((self._tasks / name).absolute())
        number = int(name.split(".")[0])
        folder = Folder(self._slot, name, number, socket.gethostname(), path, held)
        await self._send(record_key(self._slot, name), msgspec.json.encode(folder))
        self._recorded[name] = held

    def _names(self, pattern: re.Pattern[str]) -> list[str]:
        if not self._tasks.is_dir():
            return []
        return sorted(path.name for path in self._tasks.iterdir() if pattern.fullmatch(path.name))
