"""One tree of errors; each class says in data what the engine does with it.

CjoError
├── UsageError            the caller asked for something that cannot be done      (exit 2)
│   ├── DefinitionError   a topology that does not load; carries every diagnostic (exit 2)
│   └── NobodyError       no customer has the identifier                          (exit 2)
├── InputError            one input record is refused; its `reason` is a dead letter's
├── StopError             going on could lose or repeat something: stop and say why
│   ├── HoleError         an item's predecessor in its lane never arrived
│   ├── ClockError        a clock jumped further ahead than a sane producer's could
│   ├── RefusalError      stored positions, topics or versions that do not fit each other
│   │   └── LibraryError  a set was applied with other versions of tzdata or phonenumbers
│   └── InvariantError    the identity protocol, or the engine itself, met an impossible state
├── RetryError            broker, disk or checkpoints are unavailable: try again, with back-off
│   └── LockedError       a store is held by another process, perhaps one that is ending
└── RebuildError          the local state is unusable, the log is not: rebuild it
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import ClassVar, Literal, NamedTuple


class Reaction(enum.Enum):
    """What the engine does with an error."""

    REFUSE = "refuse"
    DEAD_LETTER = "dead_letter"
    STOP = "stop"
    MEND = "mend"
    """Stop: a restart alone does not help; the message says what to repair."""
    RETRY = "retry"
    REBUILD = "rebuild"


class CjoError(Exception):
    """Root of the tree. The message ends with what the reader does next."""

    reaction: ClassVar[Reaction] = Reaction.STOP
    exit_code: ClassVar[int] = 1


class UsageError(CjoError):
    """A command, an option or a file that cannot be used as asked."""

    reaction = Reaction.REFUSE
    exit_code = 2


class Diagnostic(NamedTuple):
    """One finding about a definition; `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    severity: Literal["error", "warning", "advice"]
    message: str
    code: str
    """The permanent code of this kind of finding, such as CJO104 (docs/diagnostics.md)."""
    end_column: int
    """The column after the last character of the finding, on the same line."""
    suggestion: str
    """What to write in its place; empty if there is no suggestion."""
    source: str
    """The line of the file; of a long line, the part around the finding."""
    source_column: int
    """Of the first character of `source`."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.severity} {self.code}: {self.message}"


class DefinitionError(UsageError):
    """Definitions that do not load, or may not replace those in force: every finding, in order."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = list(diagnostics)
        super().__init__("\n".join(map(str, self.diagnostics)))


class NobodyError(UsageError):
    """No customer has the identifier of an operator's order."""


class InputError(CjoError):
    """One input record is refused.

    `reason` is one of those in docs/events.md; `detail` says what is wrong, and contains no value
    of a customer. `may_change`: another system said so, and may say otherwise at another time.
    """

    reaction = Reaction.DEAD_LETTER

    def __init__(self, reason: str, detail: str, *, may_change: bool = False) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.may_change = may_change


class StopError(CjoError):
    """Going on could lose or repeat something."""


class HoleError(StopError):
    """An item whose predecessor in its lane is not the cursor."""


class ClockError(StopError):
    """A record's clock lies further ahead of its append time than the bound allows."""


class RefusalError(StopError):
    """Positions, topics, versions or settings that do not fit what is stored."""

    reaction = Reaction.MEND


class LibraryError(RefusalError):
    """A definition set was applied with other versions of the libraries that bring data."""


class InvariantError(StopError):
    """A state that the protocol rules out: only a change of the code can mend it."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}. This is a fault of cjo-stream: report it with this line, the log before it, "
            "and what `cjo-stream --version` says. Whatever was begun is done again at a start"
        )


class RetryError(CjoError):
    """Something outside (broker, disk, checkpoints) is unavailable for now."""

    reaction = Reaction.RETRY


class LockedError(RetryError):
    """A store whose folder another process holds."""


class RebuildError(CjoError):
    """A local store that cannot be read; the log can."""

    reaction = Reaction.REBUILD
