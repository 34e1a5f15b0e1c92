"""Options and arguments that several commands have, and the functions that read them."""

from __future__ import annotations

import getpass
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.ingest.files import InputFile
    from cjo_stream.ingest.form import Form
    from cjo_stream.settings import Settings

BUNDLED: Final = (
    Path(__file__).parents[1] / "topologies",  # an installed package
    Path(__file__).parents[2] / "topologies",  # a clone of the repository
)

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Team = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="TEAM",
        help="Refuse what is another team's, by `owners` of the topology.",
    ),
]
Retire = Annotated[
    bool,
    typer.Option(
        "--retire", help="End the instances of journeys whose files are gone, as `retired`."
    ),
]
To = Annotated[
    int | None,
    typer.Option(
        "--to",
        metavar="SET",
        min=1,
        help="Take a former set in place of a folder, by its number in `status`.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
Channel = Annotated[
    str | None,
    typer.Option(help="The channel of all events. Default: each event's field `channel`."),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        metavar="CHAR", help="What parts the cells of CSV: a character, or tab. Default: ,"
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The encoding of CSV and JSON files: utf-8 (default), utf-16, utf-16-le, "
        "utf-16-be, latin-1 or windows-1252.",
    ),
]
DecimalComma = Annotated[
    list[str] | None,
    typer.Option(
        "--decimal-comma",
        metavar="COLUMN",
        help="A column of CSV whose numbers have a decimal comma. May be repeated.",
    ),
]
Topology = Annotated[
    str,
    typer.Argument(
        metavar="TOPOLOGY", help="A folder of definitions, or the name of a bundled topology."
    ),
]
Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILES...",
        help="Files of events, or folders of them: .jsonl, .json, .csv (each also .gz) or "
        ".parquet; - is stdin.",
    ),
]
Out = Annotated[Path, typer.Option(metavar="DIR", help="The folder for the results.")]
Sort = Annotated[bool, typer.Option("--sort", help="Order all events by time first.")]
Drain = Annotated[
    str,
    typer.Option(metavar="30d", help="Let the clock run on for this long after the last event."),
]
Now = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Reference time; events more than 24 h later are refused. Default: now.",
    ),
]
Shares = Annotated[
    str | None,
    typer.Option(
        metavar="TOPOLOGY", help="By its shares, the sizes of the holdouts' groups are tested."
    ),
]
Valued = Annotated[
    str | None,
    typer.Option(
        "--value",
        metavar="TYPE.ATTRIBUTE",
        help="What is of value: a type of event, and the attribute with the number.",
    ),
]
Complaint = Annotated[
    list[str] | None,
    typer.Option(
        "--complaint",
        metavar="TYPE",
        help="A type of event that is a complaint. May be repeated. Default: ticket_opened.",
    ),
]


def login() -> str | None:
    """Return the login name on this machine, if it has one."""
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return None


def bundled() -> list[str]:
    """Return the names of the topologies that come with this package."""
    return sorted(
        path.parent.name for folder in BUNDLED for path in folder.glob("*/topology.yaml")
    )


def topology_folder(named: str) -> Path:
    """Return the folder of a topology, by path or bundled name; raises UsageError."""
    folder = Path(named)
    if folder.exists():
        return folder
    for place in BUNDLED:
        if named.isidentifier() and (place / named / "topology.yaml").exists():
            return place / named
    raise UsageError(
        f"there is no folder {named}, and no bundled topology of that name: name a folder with a "
        f"topology, or one of {', '.join(bundled())}"
    )


def settings_of(context: typer.Context) -> Settings:
    """Return the settings in force; warn on stderr of variables that are no settings.

    Raises UsageError for a misspelt name or a wrong value, librdkafka's properties included.
    """
    from cjo_stream import settings
    from cjo_stream.cli.terminal import warn

    for unknown in settings.unknown_variables():
        warn(unknown)
    found = settings.load(context.obj)
    if found.kafka:
        from cjo_stream.kafka.client import property as kafka_property

        kafka_property.check_names(found.kafka)
    return found


def operator_settings(context: typer.Context) -> Settings:
    """Return the settings in force, for a command that asks the broker and ends.

    The client library's warnings (such as why it cannot connect) go to stderr, once of a kind.
    """
    from cjo_stream.kafka.client.noise import muffle
    from cjo_stream.telemetry import log

    settings = settings_of(context)
    log.set_up("WARNING", "text")
    muffle()
    return settings


def read_duration(text: str, option: str) -> int:
    """Return a duration in ms; 0 for `0`. Raises UsageError."""
    from cjo_stream.core.duration import parse_duration

    if text == "0":
        return 0
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}") from None


def read_length(text: str, option: str) -> int:
    """Return how long a period is, in ms, at least 1 s. Raises UsageError."""
    length_ms = read_duration(text, option)
    if not length_ms:
        raise UsageError(f"{option} 0: no time at all; write a duration such as 7d")
    return length_ms


def read_moment(text: str, option: str) -> int:
    """Return a time in ms since the epoch, of a date its beginning in UTC; raises UsageError."""
    from cjo_stream.ingest.format.time import read_time

    written = f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text
    time_ms = int(text) if text.isascii() and text.isdigit() else read_time(written)
    if time_ms is None:
        raise UsageError(
            f"{option} {text}: no time; write 2026-03-01T10:00:00Z, 2026-03-01 (00:00 UTC), or ms "
            "since the epoch"
        )
    return time_ms


def read_period(from_: str | None, until: str | None) -> tuple[int | None, int | None]:
    """Return `--from` and `--until` in ms; raises UsageError where no time lies in between."""
    begin = None if from_ is None else read_moment(from_, "--from")
    end = None if until is None else read_moment(until, "--until")
    if begin is not None and end is not None and begin >= end:
        raise UsageError(
            f"--from {from_} --until {until}: no time lies in between; a period begins at --from "
            "and ends before --until"
        )
    return begin, end


def check_form_is_of_use(files: Sequence[InputFile], form: Form) -> None:
    """Raise UsageError for an option of CSV where no file is one."""
    from cjo_stream.ingest.form import Form

    if any(file.is_csv for file in files):
        return
    if form != Form(encoding=form.encoding):
        raise UsageError("--delimiter and --decimal-comma are for CSV, and no file ends in .csv")
    if form != Form() and all(file.is_parquet for file in files):
        raise UsageError("--encoding is for CSV and JSON, and every file ends in .parquet")
