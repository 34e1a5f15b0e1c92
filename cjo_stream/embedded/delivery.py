"""Where the effects of a state go: into the folder of the run or command that is under way.

Only one of them at a time has the effects, and has a note in the log:

    output:DIR    of a run into DIR: how far its files reach; empty once the run has ended
    operator      the same for an operator's commands, whose files are in STATE.operator/
    profiles      whether profiles are written, from the run on that first asked for them

The note is written before the first effect, and emptied once all effects are in the files. If a
process was killed, its note is still there: the pending effects belong to that folder, and go
there before any others go anywhere.
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
from cjo_stream.embedded.log import EmbeddedLog
from cjo_stream.embedded.output import Output, beginning, usable
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.engine.frame import Effect
from cjo_stream.engine.port import Compile, Store
from cjo_stream.errors import UsageError
from cjo_stream.store.private import make_private

SUFFIX: Final = ".operator"
_OPERATOR: Final = "operator"
_RUN: Final = "output:"
_PROFILES: Final = "profiles"


class Destination(NamedTuple):
    """A folder for effects, and the name of its note."""

    note: str
    folder: Path


def run_destination(out: Path) -> Destination:
    """Return the destination of a run into `out`."""
    return Destination(f"{_RUN}{out.resolve()}", out)


def operator_destination(state: Path) -> Destination:
    """Return the destination of operators' commands: beside the state, not in it.

    Like the output of a run, its files keep values that are erased later.
    """
    state = state.resolve()
    return Destination(_OPERATOR, state.with_name(state.name + SUFFIX))


def run_folders(log: EmbeddedLog) -> dict[Path, bytes]:
    """Return the folder of each run with its note, which is empty once the run has ended."""
    return {Path(name.removeprefix(_RUN)): noted for name, noted in log.notes(_RUN)}


def check_ended(log: EmbeddedLog, state: Path) -> None:
    """Raise UsageError where a run or an operator's command on a state was killed."""
    killed = [folder for folder, noted in run_folders(log).items() if noted]
    if killed:
        raise _killed(state, killed[0])
    if log.note(_OPERATOR):
        raise UsageError(
            f"an operator's command on {state} was killed: give it again first, or any other "
            "that changes something (such as `hold` and `release`)"
        )


def _killed(state: Path | None, out: Path) -> UsageError:
    return UsageError(
        f"a run on {state} was killed; its output is in {out}. Start that run again first, with "
        "the same command: it goes on where it stopped. If that folder or files in it are gone, "
        "--force lets it go on without them"
    )


class Delivery:
    """The output of a runtime over a state, opened for one run or command.

    `answers` are those to operators' commands, which go to no file.
    """

    def __init__(
        self,
        log: EmbeddedLog,
        state: Path | None,
        own: Destination,
        *,
        without_lost: bool = False,
    ) -> None:
        """Open the destination of a killed process, if one was killed; `own` is the opener's.

        An operator's files are always opened `without_lost`. Raises UsageError where another run
        was killed, because only its command knows its input; RefusalError where a file has lost
        its end.
        """
        self.answers: list[Any] = []
        self.destination: Destination | None = None
        self._log = log
        self._output: Output | None = None
        # Without a note, a process of an earlier release was killed before it wrote one.
        self._unclaimed = operator_destination(state) if state is not None else own
        killed = [folder for folder, noted in run_folders(log).items() if noted]
        if noted := log.note(own.note) if own.note != _OPERATOR else None:
            self._open(own, noted, without_lost=without_lost)
        elif killed:
            raise _killed(state, killed[0])
        elif noted := log.note(_OPERATOR):
            self._open(self._unclaimed, noted, without_lost=True)

    def begin(
        self,
        destination: Destination,
        before: dict[str, int] | None = None,
        *,
        profiles: bool = False,
    ) -> Output:
        """Send effects to `destination` from now on; end the destination before, if it differs.

        `before` are the events that the state has had, by result. With `profiles`, profiles are
        written, from now on by all runs and commands. Raises UsageError where a killed run that
        did not ask for them goes on.
        """
        if self._output is None or self.destination != destination:
            self.end()
            # Noted before there are files: a process killed between the two goes on with them.
            noted = beginning(destination.folder, before or {})
            asked = {_PROFILES: b"1"} if profiles else {}
            self._log.append([], {destination.note: noted, **asked})
            self._output = self._open(destination, noted)
        elif profiles and not self._has_profiles():
            raise UsageError(
                "the run that was killed wrote no profiles: let it go on without --profiles; the "
                "next run may ask for them"
            )
        return self._output

    def end(self) -> None:
        """Note that all effects of the present destination are in its files."""
        if self.destination is not None:
            self.close()
            self._log.append([], {self.destination.note: b""})
            self._output, self.destination = None, None

    def close(self) -> None:
        """Close the files; a run or command that has not ended goes on next time."""
        if self._output is not None:
            self._output.close()

    def _open(
        self, destination: Destination, noted: bytes, *, without_lost: bool = False
    ) -> Output:
        folder = destination.folder
        if destination.note == _OPERATOR:
            with usable(folder):
                make_private(folder)
        self._output = Output(
            folder,
            destination.note,
            noted,
            without_lost=without_lost,
            profiles=self._has_profiles(),
        )
        self.destination = destination
        return self._output

    def _has_profiles(self) -> bool:
        return bool(self._log.note(_PROFILES))

    # --- the output of a runtime

    def write(self, effects: Sequence[Effect]) -> None:
        """Write effects; keep answers."""
        for effect in effects:
            if effect.kind == REPLY.name:
                self.answers.append(msgspec.json.decode(effect.value, type=Reply).body)
        self._opened().write(effects)

    def refuse(self, letter: DeadLetter) -> None:
        """Write a dead letter."""
        self._opened().refuse(letter)

    def notes(self) -> dict[str, bytes]:
        """Return how far the files of the present destination reach."""
        return self._output.notes() if self._output is not None else {}

    def _opened(self) -> Output:
        return self._output or self.begin(self._unclaimed)


@contextmanager
def delivering(
    log: EmbeddedLog,
    stores: Sequence[Store],
    state: Path | None,
    own: Destination,
    *,
    without_lost: bool = False,
    compile_: Compile = compile_content,
) -> Iterator[tuple[Runtime, Delivery]]:
    """Open a runtime once all pending effects are in their files; `own` is the opener's."""
    with ExitStack() as stack:
        delivery = Delivery(log, state, own, without_lost=without_lost)
        stack.enter_context(closing(delivery))
        runtime = stack.enter_context(
            Runtime(log=log, stores=stores, compile_=compile_, output=delivery)
        )
        yield runtime, delivery
        runtime.flush()
        delivery.end()
