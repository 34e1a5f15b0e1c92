"""Where the effects of a state go: into the folder of the run or command that is under way.

One at a time has them:

    output:DIR    the note of a run into DIR, with how far its files reach; empty once it ended
    operator      the same of an operator's commands, whose files are in STATE.operator/

A note stands in the log from before the first effect until all of them are in the files. Where a
process was killed it is still there: what is pending belongs to that folder, and goes there before
the effects of anybody else go anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from cjo_stream.core.catalogue import REPLY
from cjo_stream.core.record import DeadLetter, Reply
from cjo_stream.definition import compile_content
from cjo_stream.embedded.log import Log
from cjo_stream.embedded.output import Output, beginning, usable
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.engine.frame import Effect
from cjo_stream.engine.port import Store
from cjo_stream.errors import UsageError
from cjo_stream.store.private import make_private

SUFFIX: Final = ".operator"
_OPERATOR: Final = "operator"
_RUN: Final = "output:"


class Place(NamedTuple):
    """A folder that effects go to, and the name of its note."""

    note: str
    folder: Path


def place_of_run(out: Path) -> Place:
    """Return the place of a run into `out`."""
    return Place(f"{_RUN}{out.resolve()}", out)


def place_of_operator(state: Path) -> Place:
    """Return the place of operators' commands: beside the state, not in it.

    Like a run's output its files keep values that are erased later.
    """
    state = state.resolve()
    return Place(_OPERATOR, state.with_name(state.name + SUFFIX))


def run_folders(log: Log) -> dict[Path, bytes]:
    """Return the folders of all runs, with what is noted of each: nothing once it ended."""
    return {Path(name.removeprefix(_RUN)): noted for name, noted in log.notes(_RUN)}


class Delivery:
    """The output of a runtime over a state, for one who comes.

    `answers` are those to operators' commands, which go to no file.
    """

    def __init__(
        self, log: Log, state: Path | None, comer: Place, *, without_lost: bool = False
    ) -> None:
        """Open the place of whoever was killed. An operator's is always opened `without_lost`.

        Raises UsageError where it is another run's than the comer's: where that is to go on,
        only its command knows. RefusalError where files of it have lost their ends.
        """
        self.answers: list[Any] = []
        self.place: Place | None = None
        self._log = log
        self._output: Output | None = None
        # Where nobody is noted, an earlier release was killed before it noted anybody.
        self._unclaimed = place_of_operator(state) if state is not None else comer
        killed = [folder for folder, noted in run_folders(log).items() if noted]
        if noted := log.note(comer.note) if comer.note != _OPERATOR else None:
            self._open(comer, noted, without_lost=without_lost)
        elif killed:
            raise UsageError(
                f"a run on {state} was killed, its output in {killed[0]}: start it again first, "
                "the same way; it goes on where it was. Where that folder or files of it are "
                "gone, it goes on without them with --force"
            )
        elif noted := log.note(_OPERATOR):
            self._open(self._unclaimed, noted, without_lost=True)

    def begin(self, place: Place, before: dict[str, int] | None = None) -> Output:
        """Let the effects from now on go to `place`; whoever had them before has all of his.

        `before` are the events that the state has had, by result.
        """
        if self._output is None or self.place != place:
            self.end()
            # Noted before there are files: who ends between the two goes on with them.
            noted = beginning(place.folder, before or {})
            self._log.append([], {place.note: noted})
            self._output = self._open(place, noted)
        return self._output

    def end(self) -> None:
        """Note that all effects of the place which has them are in its files."""
        if self.place is not None:
            self.close()
            self._log.append([], {self.place.note: b""})
            self._output, self.place = None, None

    def close(self) -> None:
        """Close the files; who has not ended goes on next time."""
        if self._output is not None:
            self._output.close()

    def _open(self, place: Place, noted: bytes, *, without_lost: bool = False) -> Output:
        if place.note == _OPERATOR:
            with usable(place.folder):
                make_private(place.folder)
        self._output = Output(place.folder, place.note, noted, without_lost=without_lost)
        self.place = place
        return self._output

    # --- what a runtime asks of its output

    def write(self, effects: Sequence[Effect]) -> None:
        """Take effects."""
        for effect in effects:
            if effect.kind == REPLY.name:
                self.answers.append(msgspec.json.decode(effect.value, type=Reply).body)
        self._taker().write(effects)

    def refuse(self, letter: DeadLetter) -> None:
        """Take a dead letter."""
        self._taker().refuse(letter)

    def notes(self) -> dict[str, bytes]:
        """Return how far the files reach of whoever has the effects."""
        return self._output.notes() if self._output is not None else {}

    def _taker(self) -> Output:
        return self._output or self.begin(self._unclaimed)


@contextmanager
def delivering(
    log: Log,
    stores: Sequence[Store],
    state: Path | None,
    comer: Place,
    *,
    without_lost: bool = False,
) -> Iterator[tuple[Runtime, Delivery]]:
    """Open a runtime; what was pending is then where it belongs, and the comer may begin."""
    with ExitStack() as stack:
        delivery = Delivery(log, state, comer, without_lost=without_lost)
        stack.enter_context(closing(delivery))
        runtime = stack.enter_context(
            Runtime(log=log, stores=stores, compile_=compile_content, output=delivery)
        )
        yield runtime, delivery
        runtime.settle()
        delivery.end()
