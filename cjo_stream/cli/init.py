"""`cjo-stream init`."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.notice import place
from cjo_stream.cli.option import bundled, topology_folder
from cjo_stream.cli.terminal import note, numbered, say, warn
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.ingest.form import Form
    from cjo_stream.ingest.sketch.draft import Answers, Draft

MINIMAL: Final = "minimal"
_REFUSED_MAX: Final = 3


def init(
    name: Annotated[str, typer.Argument(help="The folder to make; its name names the topology.")],
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="More files of the sample, behind --from."),
    ] = None,
    sample: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="A sample of events: .jsonl, .json, .csv (each also .gz) or .parquet.",
        ),
    ] = None,
    type_: Annotated[
        str | None,
        typer.Option(
            "--type",
            metavar="COLUMN",
            help="With --from: the column that has the events' types; user.kind for one inside.",
        ),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            help="Begin with a bundled topology: shop, telco, lending, federation or minimal."
        ),
    ] = None,
) -> None:
    """Write a first topology: from a sample of events, from a template, or from four answers.

    Each line of it says what was seen in the sample. It validates, and runs on that sample.
    """
    from cjo_stream.ingest.sketch import draft

    topology = draft.topology_name(name)
    folder = Path(name)
    if folder.exists():
        raise UsageError(f"{name} exists already: name a new folder")
    paths = [*(sample or []), *(files or [])]
    if files and not sample:
        raise UsageError(f"{files[0]}: name files of a sample behind --from")
    if paths and template is not None:
        raise UsageError("--from and --template go alone: a topology begins with one of the two")
    if type_ is not None and not paths:
        raise UsageError("--type names a column of a sample: name its files with --from")
    if paths:
        drafted = draft.sketch(topology, paths, type_)
        _write(folder, drafted.files)
        _say_drafted(name, drafted, paths)
    elif template is not None and template != MINIMAL:
        _copy(template, folder, topology)
        say(f"wrote {name}, the bundled topology {template}")
        words = ["cjo-stream", "run", name, f"{name}/events.jsonl", "--out", f"{name}-out"]
        say(f"next: {shlex.join(words)}")
    else:
        answers = draft.MINIMAL if template == MINIMAL else _ask()
        _write(folder, draft.answered(topology, answers))
        say(f"wrote {name}")
        say(f"next: cjo-stream validate {shlex.quote(name)}")


def _ask() -> Answers:
    """Return the answers of a person at a terminal; raises UsageError elsewhere."""
    from cjo_stream.ingest.sketch import draft

    default = draft.MINIMAL

    if not sys.stdin.isatty():
        raise UsageError(
            "nobody to ask: name a sample with --from FILE, or a --template "
            f"({', '.join([*bundled(), MINIMAL])})"
        )
    return draft.Answers(
        _names("By which channels do events come in and messages go out?", default.channels),
        _names("Which identifiers name a customer, the strongest first?", default.identifiers),
        _type("Which event begins the first journey?", default.entry),
        _type("Which event is its goal?", default.goal),
    )


def _names(question: str, default: list[str]) -> list[str]:
    while True:
        given = typer.prompt(question, default=" ".join(default), err=True)
        names = list(dict.fromkeys(re.split(r"[\s,]+", given.strip())))
        if all(re.fullmatch("[a-z][a-z0-9_]{0,62}", one) for one in names):
            return names
        note("a name has small letters, digits and _, and begins with a letter; blanks part names")


def _type(question: str, default: str) -> str:
    while True:
        given: str = typer.prompt(question, default=default, err=True).strip()
        if re.fullmatch("[a-z][a-z0-9_.]{0,99}", given):
            return given
        note("an event type has small letters, digits, _ and ., as order_placed")


def _copy(template: str, folder: Path, topology: str) -> None:
    """Copy a bundled topology's definitions and sample; raises UsageError for an unknown one."""
    if template not in bundled():
        known = ", ".join([*bundled(), MINIMAL])
        raise UsageError(f"--template {template}: there is none; it is one of {known}")
    of = topology_folder(template)
    for path in sorted(of.rglob("*")):
        relative = path.relative_to(of)
        if path.suffix in (".yaml", ".yml") or relative.as_posix() == "events.jsonl":
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / relative)
    main = folder / "topology.yaml"
    text = main.read_text(encoding="utf-8")
    main.write_text(
        re.sub(rf"(?m)^topology: {template}$", f"topology: {topology}", text), encoding="utf-8"
    )


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror}") from error


def _say_drafted(name: str, drafted: Draft, paths: list[str]) -> None:
    say(
        f"{numbered(drafted.rows, 'row')} of {drafted.format} form: "
        f"{numbered(drafted.events, 'event')} of {numbered(drafted.types, 'type')}, "
        f"{numbered(drafted.customers, 'customer')}"
    )
    most = drafted.refused.most_common(_REFUSED_MAX)
    if len(drafted.refused) > 1:
        causes = numbered(len(drafted.refused), "cause")
        warn(f"{numbered(drafted.refused.total(), 'row')} cannot be taken, of {causes}")
    for why, number in most:
        where = place(*drafted.first_refused[why])
        warn(f"{numbered(number, 'row')} cannot be taken: {why}{where}")
    for question in drafted.questions:
        warn(question)
    say(f"wrote {', '.join(f'{name}/{file}' for file in drafted.files)}")
    words = ["cjo-stream", "run", name, *paths, "--out", f"{name}-out"]
    if drafted.channel is not None:
        words += ["--channel", drafted.channel]
    if not drafted.is_ordered:
        words.append("--sort")
    if drafted.now is not None:
        words += ["--now", drafted.now]
    say(f"next: {shlex.join([*words, *_options(drafted.form)])}")


def _options(form: Form) -> list[str]:
    """Return the options by which `run` reads files of a form."""
    options = []
    if form.delimiter != ",":
        options += ["--delimiter", "tab" if form.delimiter == "\t" else form.delimiter]
    if form.encoding != "utf-8":
        options += [
            "--encoding",
            {"cp1252": "windows-1252", "iso8859-1": "latin-1"}.get(form.encoding, form.encoding),
        ]
    for column in form.decimal_comma:
        options += ["--decimal-comma", column]
    return options
