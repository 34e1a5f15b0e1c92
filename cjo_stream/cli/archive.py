"""`cjo-stream archive`: the events that intake has archived (CJO_ARCHIVE)."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.option import Json, Yes, settings_of
from cjo_stream.cli.place import State, installation_of
from cjo_stream.cli.terminal import confirm, note, numbered, say, say_json, warn
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.ingest.archive.forget import Person
    from cjo_stream.installation.port import Installation

app: Final = typer.Typer(help="The archive of accepted events.", no_args_is_help=True)


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
    that no customer has any more. Exit 1 if intake has not archived everything yet.
    """
    from cjo_stream.ingest.archive.forget import person_of

    erasing = erasing_of(context)
    if erasing is None:
        raise UsageError("no archive is set: set CJO_ARCHIVE to the folder or URL that intake has")
    installation = installation_of(context, state)
    person = person_of([installation.named(one) for one in identifiers])
    confirm("Take these events out of the archive, for good?", yes)
    erasing.begin(person)
    erasing.end(person, installation)
    if json:
        say_json(erasing.proof())
    else:
        say(erasing.sentence())
    return erasing.warn_behind(person)


def erasing_of(context: typer.Context) -> Erasing | None:
    """Return the eraser of the archive in the settings; None without an archive."""
    settings = settings_of(context)
    return None if settings.archive is None else Erasing(settings.archive)


class Erasing:
    """Takes a person's events out of the archive, before and after a customer is erased.

    `begin` reads all files. `end` waits until intake has archived the earlier events, and reads
    the files that are new.
    """

    def __init__(self, url: str) -> None:
        from cjo_stream.ingest.archive.folder import Folder
        from cjo_stream.ingest.archive.forget import Forgotten

        self._folder = Folder(url)
        self._forgotten = Forgotten()
        self._known: list[str] = []
        self._behind: list[str] = []

    def begin(self, person: Person) -> None:
        """Take the person's events out of the files there are; raises RetryError."""
        from cjo_stream.ingest.archive.forget import forget

        note("reading the archive")
        self._known = forget(self._folder, person, self._forgotten)

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
            "not_archived_yet": self._behind,
        }

    def sentence(self) -> str:
        """Return the numbers of the erasure, in words."""
        events = numbered(self._forgotten.events, "event")
        return f"the archive: {events} removed, from {numbered(self._forgotten.files, 'file')}"

    def warn_behind(self, person: Person) -> int:
        """Warn if events from before may still come into the archive; return the exit code."""
        if self._behind:
            whose = shlex.join(f"{type_}:{value}" for type_, value in sorted(person.identifiers))
            warn(
                f"intake has not archived all of {', '.join(self._behind)} yet: events from "
                "before the erasure may still come into the archive. Is intake running? Once it "
                f"has caught up, run `cjo-stream archive erase {whose}`"
            )
        return 1 if self._behind else 0
