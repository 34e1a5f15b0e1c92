"""`cjo-stream archive`: the events that intake has archived (CJO_ARCHIVE)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    for order in erasing.orders(named):
        warn(
            f"the erasure of customer {order.answer.customer_id} is not done, and this does not "
            "end it: give `cjo-stream customer erase` again, with the identifier that it had"
        )
    confirm("Take these events out of the archive, for good?", yes)
    erasing.begin(person_of(named))
    erasing.end(installation)
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
        self._people: list[Person] = []
        self._known: list[str] = []
        self._behind: list[str] = []
        self.earlier: list[Order] = []
        """The orders that are carried out with this one, the latest last."""
        self._own: list[Order] = []

    def orders(self, named: Sequence[Identifier]) -> list[Order]:
        """Return the orders about these identifiers that were not carried out whole."""
        from cjo_stream.ingest.archive.order import left

        return left(self._folder, {(one.type, one.value) for one in named})

    def take_up(
        self, at: Identifier, customer_id: str | None, holder: Callable[[str], str | None]
    ) -> list[Order]:
        """Note and return the earlier orders about an identifier that this erasure also ends.

        `customer_id` is the customer who is erased now, if there is one. `holder` returns the
        customer who has an identifier, or None. Where it is not known whether an order's customer
        was erased, the order is only taken up if no other customer would lose events.
        """
        for order in self.orders([at]):
            earlier = order.answer.customer_id
            if earlier == customer_id:
                continue  # it was not erased, and now it is
            unsure = sorted(order.person.identifiers) if order.erased_at is None else []
            names = (f"{type_}:{value}" for type_, value in unsure)
            held = [one for one in names if holder(one) not in (None, customer_id)]
            if held:
                warn(
                    f"customer {earlier} was to be erased, and perhaps was not: {held[0]} is of a "
                    "customer who stays. To erase that one, too, give `cjo-stream customer erase "
                    f"{held[0]}`"
                )
                continue
            note(
                f"the archive may still have events of customer {earlier}, whose erasure did not "
                "come to its end; this ends it"
            )
            self.earlier.append(order)
        return self.earlier

    def begin(self, *people: Person) -> None:
        """Take the events of these people and of earlier orders out of the files there are.

        Raises RetryError.
        """
        from cjo_stream.ingest.archive.forget import forget

        note("reading the archive")
        self._people = [*(one.whose for one in self.earlier), *people]
        self._forgotten.unreadable.clear()
        self._known = forget(self._folder, self._people, self._forgotten)
        if self._forgotten.unreadable:
            raise RetryError(
                "the events are out of all files that can be read, and nothing else is erased "
                f"yet. {self._unreadable()}"
            )

    def keep(self, person: Person, answer: Erased) -> None:
        """Keep the order until it is carried out; raises RetryError."""
        from cjo_stream.ingest.archive.order import Order, keep

        self._own = [Order(person, answer)]
        keep(self._folder, *self._own)

    def end(self, installation: Installation) -> None:
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
        forget(self._folder, self._people, self._forgotten, self._known)

    def proof(self) -> dict[str, object]:
        """Return the numbers of the erasure, without personal data."""
        return {
            "events": self._forgotten.events,
            "files": self._forgotten.files,
            "unreadable": self._forgotten.unreadable,
            "foreign": self._forgotten.foreign,
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
        if self._forgotten.foreign:
            warn(
                f"{_listed(self._forgotten.foreign)} in the folder of the archive, with other "
                "names than the archive's: not searched for this person's events"
            )
        if self._behind or self._forgotten.unreadable:
            return 1
        if is_whole:
            for one in self.earlier + self._own:
                self._folder.remove(one.path)
        return 0

    def _unreadable(self) -> str:
        """Return which files may still have events of the person, and what to do."""
        return (
            f"{_listed(self._forgotten.unreadable)} of the archive cannot be read, and may "
            "have events of this person. Mend them, or move them out of the archive; then "
            "give the same command again"
        )


def _listed(files: Sequence[str]) -> str:
    """Return how many files there are, and the names of the first."""
    more = f"; and {count(len(files) - _FILES_MAX)} more" if len(files) > _FILES_MAX else ""
    return f"{numbered(len(files), 'file')} ({'; '.join(files[:_FILES_MAX])}{more})"
