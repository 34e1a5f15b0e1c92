"""`cjo-stream test`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cjo_stream.cli.option import Json, topology_folder
from cjo_stream.cli.terminal import note, note_diagnostic, numbered, say, say_json
from cjo_stream.errors import DefinitionError, UsageError

if TYPE_CHECKING:
    from cjo_stream.testing.coverage import Coverage
    from cjo_stream.testing.suite import Report

_COVER: Final = re.compile(r"(?:(\w+)=)?([0-9]{1,3}(?:\.[0-9]+)?)%")


def play_cases(
    topology: Annotated[
        str,
        typer.Argument(
            metavar="[TOPOLOGY]",
            help="A folder of definitions and tests, or the name of a bundled topology.",
        ),
    ] = ".",
    chosen: Annotated[
        list[str] | None,
        typer.Option(
            "-k",
            metavar="TEXT",
            help="Only the cases with this in their name or file. May be repeated.",
        ),
    ] = None,
    update: Annotated[
        bool,
        typer.Option("--update", help="Write what came into the expectations that are not met."),
    ] = False,
    cover: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[KIND=]N%",
            help="Fail if less is covered, as 90% of transitions, or gates=50%: of states, "
            "transitions, timers or gates. May be repeated.",
        ),
    ] = None,
    uncovered: Annotated[
        bool, typer.Option("--uncovered", help="List everything that no case reached.")
    ] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the results as JUnit's XML.")
    ] = None,
    json: Json = False,
) -> int:
    """Play the cases of the test files beside the definitions (*.test.yaml).

    The exit code is 1 where a case failed, or less is covered than `--cover` asks.
    """
    from cjo_stream.testing.suite import run_cases

    wanted = [_read_cover(one) for one in cover or []]
    if wanted and chosen:
        raise UsageError("--cover looks at what all cases reach: leave -k away")
    folder = topology_folder(topology)
    try:
        report = run_cases(folder, chosen or [], updates=update)
    except DefinitionError as error:
        if not json:
            raise
        say_json({"valid": False, "diagnostics": [found._asdict() for found in error.diagnostics]})
        raise typer.Exit(error.exit_code) from None
    if junit is not None:
        _write_junit(report, junit)
    short = [
        (one, share) for one in report.coverage for kind, share in wanted
        if one.kind == kind and one.share < share
    ]  # fmt: skip
    if json:
        say_json(_facts(report))
    else:
        _say(report, {one.kind for one, _ in short}, is_whole=uncovered, is_part=bool(chosen))
    for one, share in short:
        note(f"error: {one.share:.1%} of the {one.kind} are covered, less than {share:.1%}")
    return int(bool(report.failed or short))


def _read_cover(text: str) -> tuple[str, float]:
    from cjo_stream.testing.coverage import KINDS

    found = _COVER.fullmatch(text)
    kind = (found[1] or "transitions") if found else ""
    if found is None or kind not in KINDS or float(found[2]) > 100:
        known = ", ".join(KINDS)
        raise UsageError(f"--cover {text}: write 90%, or KIND=90% with one of {known}")
    return kind, float(found[2]) / 100


def _write_junit(report: Report, path: Path) -> None:
    from cjo_stream.testing.junit import junit

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(junit(report.results))
    except OSError as error:
        raise UsageError(f"--junit {path} cannot be written: {error.strerror}") from error


def _say(report: Report, listed: set[str], *, is_whole: bool, is_part: bool) -> None:
    from cjo_stream.testing.tell import lines_of

    for found in report.warnings:
        note_diagnostic(found)
    for result in report.failed:
        say(f"FAILED {result.case.name}")
        for line in lines_of(result):
            say(f"  {line}")
    written = report.written
    if written.files:
        files = ", ".join(written.files)
        say(f"wrote {numbered(written.expectations, 'expectation')} into {files}: read them")
    failed, number = len(report.failed), len(report.results)
    say(
        f"{numbered(number, 'case')}, {failed} failed"
        if failed
        else f"{numbered(number, 'case')} passed"
    )
    if is_part:
        return
    for one in report.coverage:
        say(f"{one.kind}: {one.reached} of {one.number} covered{_percent(one)}")
        if is_whole or one.kind in listed:
            for rule in one.uncovered:
                say(f"  {rule.at.file}:{rule.at.line}: {rule.name}")
    if not is_whole and any(one.uncovered for one in report.coverage if one.kind not in listed):
        say("--uncovered lists what no case reached, with file and line")


def _percent(one: Coverage) -> str:
    return f" ({one.share:.0%})" if one.number else ""


def _facts(report: Report) -> dict[str, Any]:
    from cjo_stream.testing.tell import row_of

    return {
        "valid": True,
        "passed": len(report.results) - len(report.failed),
        "failed": len(report.failed),
        "written": report.written._asdict(),
        "cases": [
            {
                "name": result.case.name,
                "file": result.case.at.file,
                "line": result.case.at.line,
                "passed": not result.failed,
                "seconds": round(result.seconds, 4),
                "differences": [row_of(one) for _, found, _ in result.failed for one in found],
            }
            for result in report.results
        ],
        "coverage": {
            one.kind: {
                "reached": one.reached,
                "number": one.number,
                "uncovered": [
                    {"name": rule.name, "file": rule.at.file, "line": rule.at.line}
                    for rule in one.uncovered
                ],
            }
            for one in report.coverage
        },
        "diagnostics": [found._asdict() for found in report.warnings],
    }
