"""A run on several cores whose shares are all in this process."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from cjo_stream.definition import DefinitionSet, succeed
from cjo_stream.embedded.cores import wire
from cjo_stream.embedded.cores.runtime import Cores
from cjo_stream.embedded.cores.share import Share
from cjo_stream.embedded.installation import Installation
from cjo_stream.embedded.output import Output, beginning

_Answer = TypeVar("_Answer", bound=wire.Told)


class Together:
    """A crew in this process; what is said goes through bytes all the same."""

    def __init__(self, content: bytes, size: int) -> None:
        begun = (wire.Begin(share, content, True, 100_000) for share in range(size))
        self._shares = [Share(wire.decode_asked(wire.encode(begin))) for begin in begun]
        self._told: list[deque[bytes]] = [deque([wire.encode(wire.Ready())]) for _ in range(size)]

    @property
    def size(self) -> int:
        return len(self._shares)

    def ask(self, asked: wire.Asked) -> None:
        for share, told in zip(self._shares, self._told, strict=True):
            told.extend(map(wire.encode, share.answer(wire.decode_asked(wire.encode(asked)))))

    def next(self, share: int, kind: type[_Answer]) -> _Answer:
        told = wire.decode_told(self._told[share].popleft())
        assert isinstance(told, kind)
        return told

    def close(self) -> None:
        pass


@contextmanager
def open_together(definitions: DefinitionSet, out: Path, shares: int) -> Iterator[Installation]:
    """Open a run on so many shares, with profiles; its results go to `out`."""
    content = succeed(definitions, None)
    output = Output(out, "output", beginning(out, {}), profiles=True)
    with tempfile.TemporaryDirectory() as folder:
        crew = Together(content, shares)
        yield Installation(Cores(content, crew, output, Path(folder, "events")), output)
    output.close()
