"""The whole of a backtest: two runs, the comparison, and the files.

Everything is written into a hidden folder of `out` first; the files move to their names at the
end, the summary last. So a backtest that was stopped leaves no file that looks like a whole one.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec

from cjo_stream.definition import DefinitionSet
from cjo_stream.embedded.output import check_free, usable
from cjo_stream.embedded.progress import Progress
from cjo_stream.errors import RetryError, UsageError
from cjo_stream.governance.backtest.cause import Causes
from cjo_stream.governance.backtest.comparison import Side, compare, judge
from cjo_stream.governance.backtest.group import Groups, group
from cjo_stream.governance.backtest.pair import Task, run_pair
from cjo_stream.governance.backtest.report import write_report
from cjo_stream.governance.backtest.report.parting import Partings
from cjo_stream.governance.backtest.result import (
    CHANGES,
    FILES,
    REPORT,
    SUMMARY,
    Both,
    Changes,
    Customers,
    Shown,
    Summary,
    customers_of,
    summarise,
    write_summary,
)
from cjo_stream.governance.backtest.side import Order, Ran
from cjo_stream.governance.backtest.trace import named
from cjo_stream.governance.difference import differences
from cjo_stream.ingest.files import open_files
from cjo_stream.ingest.listing import STDIN

LIVE: Final = "live"
CANDIDATE: Final = "candidate"
_WORK: Final = ".backtest"


class Result(msgspec.Struct, frozen=True):
    """What a backtest found: its numbers, and what each side's run says of its files."""

    summary: Summary
    ran: Both[Ran]


def backtest(
    definitions: Both[DefinitionSet],
    order: Order,
    out: Path,
    *,
    force: bool = False,
    with_identifiers: bool = False,
    stdin: IO[bytes] | None = None,
    report: Callable[[str, Progress], None] | None = None,
) -> Result:
    """Run both sets over the files of `order`, and write what differs into `out`.

    Raises UsageError where a file cannot be read or `out` is not empty (unless `force`), StopError
    where a side failed.
    """
    began = time.monotonic()
    _check(order)
    check_free(out, force=force)
    with _work_in(out) as work:
        if STDIN in order.files:
            assert stdin is not None
            order = msgspec.structs.replace(order, stdin=work / "stdin")
            with (work / "stdin").open("wb") as copy:
                shutil.copyfileobj(stdin, copy)
        tasks = _tasks(definitions, order, work)
        ran = Both(**run_pair(tasks, report))
        summary = _compare(definitions, order, ran, work, with_identifiers=with_identifiers)
        seconds = time.monotonic() - began
        events = summary.events.live + summary.events.candidate
        summary = msgspec.structs.replace(
            summary,
            wall_seconds=round(seconds, 3),
            events_per_second=round(events / seconds, 1),
        )
        write_summary(work / SUMMARY, summary)
        for name in FILES:
            (work / name).replace(out / name)
    return Result(summary, ran)


def _check(order: Order) -> None:
    """Raise UsageError for files that cannot be read, or not twice."""
    for file in open_files(order.files, form=order.form):
        if file.is_read_once and file.given != STDIN:
            raise UsageError(
                f"{file.given} is a pipe, and a backtest reads each file twice: write it to a "
                "file, or give it as `-`"
            )


@contextmanager
def _work_in(out: Path) -> Iterator[Path]:
    """Make the folder of work, clear of earlier results; remove it at the end."""
    work = out / _WORK
    with usable(out):
        for name in FILES:
            (out / name).unlink(missing_ok=True)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
    try:
        yield work
    except OSError as error:
        raise RetryError(
            f"{out} cannot be written to ({error.strerror}): make room, then give the command "
            "again"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _tasks(definitions: Both[DefinitionSet], order: Order, work: Path) -> dict[str, Task]:
    """Return what each process does; the candidate's policy is evaluated with live's choices."""
    live, candidate = definitions.live, definitions.candidate
    return {
        LIVE: Task(LIVE, live.content, live.digest, order, work / LIVE, candidate.content),
        CANDIDATE: Task(CANDIDATE, candidate.content, candidate.digest, order, work / CANDIDATE),
    }


def _compare(
    definitions: Both[DefinitionSet],
    order: Order,
    ran: Both[Ran],
    work: Path,
    *,
    with_identifiers: bool,
) -> Summary:
    """Write changes.jsonl and report.html; return the numbers."""
    customers = Both(
        customers_of(named(work / LIVE), ran.live.trace.unlisted),
        customers_of(named(work / CANDIDATE), ran.candidate.trace.unlisted),
    )
    groups = _grouped(customers)
    members = groups.members()
    verdict = judge(groups, members, ran.live.trace, ran.candidate.trace)
    sides = Both(
        Side(ran.live.trace, work / LIVE, groups.live),
        Side(ran.candidate.trace, work / CANDIDATE, groups.candidate),
    )
    edited = edited_lines(definitions)
    changes = Changes(
        work / CHANGES,
        sides,
        customers,
        Causes(edited, definitions.live.program, definitions.candidate.program),
        Shown(None if with_identifiers else order.tenant_key),
    )
    partings = Partings()
    changes.write(compare(verdict.changed, members, sides.live, sides.candidate), partings.add)
    summary = summarise(
        ran,
        definitions.candidate,
        groups=groups.number,
        changed=len(verdict.changed),
        commands=verdict.commands,
        edited=edited,
    )
    write_report(work / REPORT, summary, partings)
    return summary


def _grouped(customers: Both[Customers]) -> Groups:
    def keys(side: Customers) -> Iterator[list[str]]:
        for id_, names in zip(side.ids, side.names, strict=True):
            # An identifier's type is a name, so no identifier begins like a lone id.
            yield [f"{type_}:{value}" for type_, value in names] or [f"\0{id_}"]

    return group(keys(customers.live), keys(customers.candidate))


def edited_lines(definitions: Both[DefinitionSet]) -> list[str]:
    """Return the lines that differ between two sets, as `path:line`, each once."""
    found = differences(definitions.live, definitions.candidate)
    return list(dict.fromkeys(line for one in found for line in one.lines))
