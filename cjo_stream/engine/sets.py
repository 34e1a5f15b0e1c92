"""The definition sets of one task: stored, then activated, each as a record of the log.

Verdicts of guards change the set in force. A *revision* is a set as it is after so many verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence

from cjo_stream.core.canary.share import ruled
from cjo_stream.core.message import Verdict
from cjo_stream.core.program.program import VERDICTS_MAX, Program, revision_of
from cjo_stream.engine import codec
from cjo_stream.engine.port import Batch, Compile, Store
from cjo_stream.errors import DefinitionError, LibraryError, RefusalError

OLDER_KEPT = 3


class Sets:
    """The stored sets, the number of the active one, the verdicts, and the program in force."""

    def __init__(
        self, store: Store, compile_: Compile, active: int, verdicts: Sequence[Verdict] = ()
    ) -> None:
        self._compile = compile_
        self._contents = {
            codec.read_set_key(k): codec.decode_set(v) for k, v in store.scan(*codec.SETS)
        }
        self._new: dict[int, bytes] = {}
        self._programs: dict[int, Program] = {}
        """By revision."""
        self._written_active = active
        self._written_verdicts = len(verdicts)
        self.active = active
        self.verdicts = list(verdicts)
        self.revision = revision_of(active, len(verdicts))
        self.needed = active
        """The lowest number of a set that customers may still lack."""

    def program(self) -> Program:
        """Return the program in force; raises RefusalError before the first."""
        program = self._programs.get(self.revision)
        if program is not None:
            return program
        if not self.active:
            raise RefusalError(
                "items arrived but no definition set is active: "
                "publish one with `cjo-stream apply TOPOLOGY`"
            )
        return self.program_of(self.revision)

    def store(self, number: int, content: bytes) -> None:
        """Keep a set; ignored if it is stored already, or not newer than the active one."""
        if number > self.active and number not in self._contents:
            self._contents[number] = self._new[number] = content

    def activate(self, number: int) -> str | None:
        """Put a stored set in force; return the reason if that is impossible, else None."""
        if number <= self.active:
            return None
        if number not in self._contents:
            return f"definition set {number} was never stored here: apply it again"
        try:
            self.program_of(revision_of(number, 0))
        except LibraryError:
            pass  # only running by the set needs them: no machine's libraries decide the log
        except (DefinitionError, RefusalError) as error:
            return (
                f"definition set {number} does not compile here: {error}. Apply it from the "
                "release that the workers have, or let them have the one that applied it"
            )
        self._govern(number)
        return None

    def rule(self, verdict: Verdict) -> None:
        """Let a verdict of a guard change the set in force, and those after it."""
        self.verdicts.append(verdict)
        self._govern(self.active)

    def keep_up(self, number: int) -> None:
        """Put the sender's set in force here, too, before the sender's items are handled.

        It is stored here, because a set is stored in every partition before any activates it. One
        that is not stored could not be run, and is ignored.
        """
        if number > self.active and number in self._contents:
            self._govern(number)

    def batch(self) -> Batch:
        """Return the writes since the last `settle`: puts of new sets, deletes of old ones."""
        writes: Batch = [
            (codec.set_key(number), codec.encode_set(content))
            for number, content in self._new.items()
        ]
        if self.active != self._written_active:
            writes += [(codec.set_key(number), None) for number in self._outdated()]
        return writes

    def settle(self) -> None:
        """Mark everything as written."""
        if self.active != self._written_active:
            for number in self._outdated():
                self._forget(number)
        self._new.clear()
        self._written_active = self.active
        self._written_verdicts = len(self.verdicts)

    def reset(self) -> None:
        """Go back to what was last written."""
        for number in self._new:
            self._forget(number)
        self._new.clear()
        for revision in [r for r in self._programs if r % VERDICTS_MAX > self._written_verdicts]:
            del self._programs[revision]
        del self.verdicts[self._written_verdicts :]
        self._govern(self._written_active)

    def program_of(self, revision: int) -> Program:
        """Return the program of a revision of a set that is kept."""
        program = self._programs.get(revision)
        if program is None:
            number, verdicts = divmod(revision, VERDICTS_MAX)
            if verdicts:
                program = ruled(self.program_of(revision_of(number, 0)), self.verdicts[:verdicts])
            else:
                program = self._compile(number, self._contents[number])
            self._programs[revision] = program
        return program

    def try_out(self, content: bytes) -> Program | str:
        """Return the program of a set that is not stored, or the reason if it does not compile."""
        try:
            return self._compile(self.active + 1, content)
        except (DefinitionError, RefusalError) as error:
            return f"the definition set does not compile here: {error}"

    def _govern(self, number: int) -> None:
        self.active = number
        self.revision = revision_of(number, len(self.verdicts))

    def _forget(self, number: int) -> None:
        del self._contents[number]
        for revision in [r for r in self._programs if r // VERDICTS_MAX == number]:
            del self._programs[revision]

    def _outdated(self) -> list[int]:
        older = sorted(number for number in self._contents if number < self.active)
        outdated = older[: max(0, len(older) - OLDER_KEPT)]
        return [number for number in outdated if number < self.needed]
