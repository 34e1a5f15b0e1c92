"""`cjo-stream archive`: the events that intake has archived (CJO_ARCHIVE)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.option import Json, Yes, settings_of
from cjo_stream.cli.place import State, installation_of
from cjo_stream.cli.terminal import confirm, count, note, numbered, say, say_json, warn
from cjo_stream.errors import RetryError, UsageError

if TYPE_CHECKING:
    from cjo_stream.core.answer import Erased
    from cjo_stream.core.event import Identifier
    from cjo_stream.ingest.archive.forget import Person
    from cjo_stream.ingest.archive.order import Order
    from cjo_stream.installation.port import Installation

app: Final = typer.Typer(help="The archive of accepted events.", no_args_is_help=True)
_FILES_MAX: Final = 5


@app.callback()
def _group() -> None:
    """The archive of accepted events."""


@app.command()
def erase(
    context: typer.Context,
    identifiers: Annotated[
        list[str], typer.Argument(metavar="TYPE:VALUE...", help="The person's identifiers.")
    ],
    yes: Yes = False,
    state: State = None,
    json: Json = False,
) -> int:
    """Take all events with one of these identifiers out of the archive.

    `customer erase` does so for all identifiers of a customer. This command is for identifiers
    that no customer has any more. Exit 1 if intake has not archived everything yet, or a file
    cannot be read.
    """
    from cjo_stream.ingest.archive.forget import person_of

    erasing = erasing_of(context)
    if erasing is None:
        raise UsageError("no archive is set: set CJO_ARCHIVE to the folder or URL that intake has")
    installation = installation_of(context, state)
    named = [installation.named(one) for one in identifiers]
    erasing.take_up(named)
    confirm("Take these events out of the archive, for good?", yes)
    person = erasing.begin(person_of(named))
    erasing.end(person, installation)
    if json:
        say_json(erasing.proof())
    else:
        say(erasing.sentence())
    return erasing.close()


def erasing_of(context: typer.Context) -> Erasing | None:
    """Return the eraser of the archive in the settings; None without an archive."""
    settings = settings_of(context)
    return None if settings.archive is None else Erasing(settings.archive)


class Erasing:
    """Takes a person's events out of the archive, before and after a customer is erased.

    `begin` reads all files. `end` waits until intake has archived the earlier events, and reads
    the files that are new. Between the two an order is kept in the archive, so that an erasure
    that was killed can be given again, although no customer has the identifiers any more.
    """

    def __init__(self, url: str) -> None:
        from cjo_stream.ingest.archive.folder import Folder
        from cjo_stream.ingest.archive.forget import Forgotten

        self._folder = Folder(url)
        self._forgotten = Forgotten()
        self._known: list[str] = []
        self._behind: list[str] = []
        self._orders: list[Order] = []

    def take_up(self, named: Sequence[Identifier]) -> Erased | None:
        """Take up the orders about these identifiers that were not carried out whole.

        Return the answer to the last one.
        """
        from cjo_stream.ingest.archive.order import left

        self._orders = left(self._folder, {(one.type, one.value) for one in named})
        return self._orders[-1].answer if self._orders else None

    def begin(self, person: Person) -> Person:
        """Take the person's events out of the files there are; raises RetryError.

        Return the person, with what orders that were taken up say.
        """
        from cjo_stream.ingest.archive.forget import forget

        note("reading the archive")
        person = person.with_(one.person for one in self._orders)
        self._forgotten.unreadable.clear()
        self._known = forget(self._folder, person, self._forgotten)
        if self._forgotten.unreadable:
            raise RetryError(
                f"{self._unreadable()}. The person's events are out of all other files, and "
                "nothing else is erased yet"
            )
        return person

    def keep(self, person: Person, answer: Erased) -> None:
        """Keep the order until it is carried out; raises RetryError."""
        from cjo_stream.ingest.archive.order import Order, keep

        order = Order(person, answer)
        keep(self._folder, order)
        self._orders = [*(one for one in self._orders if one.path != order.path), order]

    def end(self, person: Person, installation: Installation) -> None:
        """Take them out of the files that came meanwhile; raises RetryError."""
        from cjo_stream.ingest.archive.forget import forget

        is_told = False

        def tell() -> None:
            nonlocal is_told
            if not is_told:
                note(
                    "waiting until intake has archived the events from before the erasure "
                    "(CJO_ARCHIVE_INTERVAL_S and 30 s at most)"
                )
                is_told = True

        self._behind = installation.unarchived(tell)
        forget(self._folder, person, self._forgotten, self._known)

    def proof(self) -> dict[str, object]:
        """Return the numbers of the erasure, without personal data."""
        return {
            "events": self._forgotten.events,
            "files": self._forgotten.files,
            "unreadable": self._forgotten.unreadable,
            "not_archived_yet": self._behind,
        }

    def sentence(self) -> str:
        """Return the numbers of the erasure, in words."""
        events = numbered(self._forgotten.events, "event")
        return f"the archive: {events} removed, from {numbered(self._forgotten.files, 'file')}"

    def close(self, *, is_whole: bool = True) -> int:
        """Remove the orders, if all is done and `is_whole`; else warn. Return the exit code."""
        if self._behind:
            warn(
                f"intake has not archived all of {', '.join(self._behind)} yet: events from "
                "before the erasure may still come into the archive. Is intake running? Once it "
                "has caught up, give the same command again"
            )
        if self._forgotten.unreadable:
            warn(self._unreadable())
        if self._behind or self._forgotten.unreadable:
            return 1
        if is_whole:
            for one in self._orders:
                self._folder.remove(one.path)
        return 0

    def _unreadable(self) -> str:
        """Return which files may still have events of the person, and what to do."""
        files = self._forgotten.unreadable
        named = "; ".join(files[:_FILES_MAX])
        more = f"; and {count(len(files) - _FILES_MAX)} more" if len(files) > _FILES_MAX else ""
        return (
            f"{numbered(len(files), 'file')} of the archive cannot be read, and may have events "
            f"of this person: {named}{more}. Put the originals back, or move the files out of the "
            "archive, then give the same command again"
        )
