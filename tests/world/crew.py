"""A run on several cores whose shares are all in this process, held against a run on one."""

from __future__ import annotations

import gc
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from cjo_stream import ingest
from cjo_stream.definition import DefinitionSet, compile_content, succeed
from cjo_stream.embedded.cores import wire
from cjo_stream.embedded.cores.runtime import Cores
from cjo_stream.embedded.cores.share import Share
from cjo_stream.embedded.installation import Installation, open_installation
from cjo_stream.embedded.notice import notices
from cjo_stream.embedded.output import Output, beginning
from cjo_stream.embedded.run import drain, feed, finish
from cjo_stream.embedded.unread import Attributes
from cjo_stream.engine.cache import ACTORS_BYTES
from cjo_stream.engine.port import Compile, RawRecord

_Answer = TypeVar("_Answer", bound=wire.Told)


class Together:
    """A crew in this process; what is said goes through bytes all the same."""

    def __init__(self, content: bytes, size: int, tenant_key: bytes | None = None) -> None:
        begun = (
            wire.Begin(
                share, size, content, True, gc.get_threshold(), ACTORS_BYTES, tenant_key=tenant_key
            )
            for share in range(size)
        )
        self._shares = [Share(wire.decode_asked(wire.encode(begin))) for begin in begun]
        self._told: list[deque[bytes]] = [deque() for _ in range(size)]

    @property
    def size(self) -> int:
        return len(self._shares)

    def ask(self, asked: wire.Asked) -> None:
        for share in range(self.size):
            self.ask_one(share, asked)

    def ask_one(self, share: int, asked: wire.Asked) -> None:
        answers = self._shares[share].answer(wire.decode_asked(wire.encode(asked)))
        self._told[share].extend(map(wire.encode, answers))

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


Opened = Callable[[Path], AbstractContextManager[Installation]]

KEY = b"a key for tests"
DAY_MS = 86_400_000


def files_of(
    opened: Opened, out: Path, definitions: DefinitionSet, records: Sequence[RawRecord]
) -> dict[str, bytes]:
    """Return the files of a run over records, and of its summary all but the timings."""
    decode = ingest.decoder(definitions.program, KEY)
    attributes = Attributes()
    with opened(out) as installation:
        decoded = ((record, decode(record)) for record in records)
        feed(installation, "lane", decoded, attributes=attributes)
        drain(installation, 20 * DAY_MS)
        found = notices(installation.runtime, attributes, decode)
        finish(installation, 1.0, found=found)
    return {path.name: path.read_bytes() for path in out.iterdir()}


def same_on_cores(
    definitions: DefinitionSet,
    records: Sequence[RawRecord],
    folder: Path,
    compile_: Compile = compile_content,
) -> dict[str, bytes]:
    """Return the files of a run on one core, once those on 2 and 3 are the same."""

    def alone(out: Path) -> AbstractContextManager[Installation]:
        return open_installation(definitions, out, state=None, compile_=compile_, profiles=True)

    wanted = files_of(alone, folder / "1", definitions, records)
    for shares in (2, 3):
        (folder / f"{shares}").mkdir()

        def together(out: Path, shares: int = shares) -> AbstractContextManager[Installation]:
            return open_together(definitions, out, shares)

        found = files_of(together, folder / f"{shares}", definitions, records)
        assert found.keys() == wanted.keys()
        for name in wanted:
            assert found[name] == wanted[name], f"{name} by {shares}"
    return wanted
