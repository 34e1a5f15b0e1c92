"""The sets that an installation keeps, each with its author, reason and time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from cjo_stream.definition import Authorship, authorship, switched_off
from cjo_stream.errors import UsageError
from cjo_stream.installation.unrecorded import Switched


class KnownSet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A set that can be taken back to. `by` is None for one that a `run` brought."""

    number: int
    by: Authorship | None = None
    records: dict[str, str] = {}
    """The kinds of records that it switches off, as its topology says it."""

    @property
    def switched(self) -> Switched:
        """The same, with when it came into force."""
        return Switched(self.number, None if self.by is None else self.by.at, self.records)


def known_sets(contents: Mapping[int, bytes]) -> list[KnownSet]:
    """Return the sets that are kept, by number as they are stored, the oldest first."""
    return [
        KnownSet(number=n, by=authorship(contents[n]), records=switched_off(contents[n]))
        for n in sorted(contents)
    ]


def former(contents: Mapping[int, bytes], number: int) -> bytes:
    """Return one of the sets that are kept; raises UsageError where it is not."""
    if number not in contents:
        kept = ", ".join(map(str, sorted(contents))) or "none"
        raise UsageError(
            f"definition set {number} is not kept here (kept: {kept}): apply its folder as your "
            "version control has it"
        )
    return contents[number]


def came_between(content: bytes) -> str:
    """Return why an `apply` is refused: another one was first, with this set."""
    by = authorship(content)
    which = "put in force by a run" if by is None else applied(by)
    return (
        f"another definition set came in between ({which}): run `cjo-stream plan` to see what "
        "your set changes now, then apply it again"
    )


def applied(by: Authorship) -> str:
    """Return the person who applied a set, the time and the reason.

    >>> applied(Authorship(at=1_767_225_600_000, who="growth", why="fewer reminders"))
    'applied 2026-01-01 00:00 UTC by growth: fewer reminders'
    """
    at = datetime.fromtimestamp(by.at // 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    who = f" by {by.who}" if by.who is not None else ""
    why = f": {by.why}" if by.why is not None else ""
    return f"applied {at}{who}{why}"
