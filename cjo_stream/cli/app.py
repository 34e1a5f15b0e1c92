"""The list of commands, and their exit codes: 0 done, 1 failed, 2 called wrongly, 130 stopped.

`up` has one more, 78 (`kafka.process.ending`).
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Final

import typer

import cjo_stream
from cjo_stream.cli import (
    apply,
    archive,
    asyncapi,
    backtest,
    bench,
    clock,
    codeowners,
    customer,
    customer_base,
    dead_letters,
    debug,
    decisions,
    demo,
    doctor,
    hold,
    init,
    insight,
    insight_automation,
    insight_friction,
    insight_iceberg,
    insight_prediction,
    insight_sink,
    insight_spectrum,
    insight_value,
    insight_worth,
    monitoring,
    plan,
    process,
    records,
    report,
    run,
    schema,
    settings,
    simulate,
    test,
    top,
    topics,
    validate,
)
from cjo_stream.cli.terminal import note, note_diagnostic, numbered
from cjo_stream.errors import CjoError, DefinitionError, UsageError

INTERRUPTED: Final = 130


def _say_version(asked: bool) -> None:
    if asked:
        compiled = " (compiled)" if cjo_stream.is_compiled() else ""
        typer.echo(f"cjo-stream {cjo_stream.__version__}{compiled}")
        raise typer.Exit


def _options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE.toml", help="A file of settings; CJO_ variables override it."
        ),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the release."),
    ] = False,
) -> None:
    context.obj = config


_PANELS: Final[dict[str, dict[str, Callable[..., object] | typer.Typer]]] = {
    "Without a server": {
        "init": init.init,
        "demo": demo.demo,
        "run": run.run,
        "simulate": simulate.simulate,
        "bench": bench.bench,
    },
    "Definitions": {
        "validate": validate.validate,
        "test": test.play_cases,
        "plan": plan.plan,
        "approve": plan.approve,
        "codeowners": codeowners.codeowners,
        "backtest": backtest.backtest,
        "apply": apply.apply,
        "status": apply.status,
        "schema": schema.schema,
    },
    "On Kafka": {
        "topics": topics.app,
        "asyncapi": asyncapi.asyncapi,
        "up": process.up,
        "intake": process.intake,
        "worker": process.worker,
        "dispatch": process.dispatch,
        "learn": process.learn,
        "webhook": process.webhook,
        "settings": settings.settings,
        "base": customer_base.app,
        "doctor": doctor.doctor,
        "monitoring": monitoring.monitoring,
        "top": top.top,
        "hold": hold.hold,
        "release": hold.release,
    },
    "Insight": {
        "insight": insight.app,
    },
    "Look inside": {
        "customer": customer.app,
        "decisions": decisions.app,
        "report": report.app,
        "records": records.records,
        "archive": archive.app,
        "dead-letters": dead_letters.app,
        "clock": clock.app,
        "debug": debug.app,
    },
}

insight.app.command("sink")(insight_sink.sink)
insight.app.command("spectrum")(insight_spectrum.spectrum)
insight.app.command("value")(insight_value.value)
insight.app.command("retention")(insight_worth.retention)
insight.app.command("satisfaction")(insight_worth.satisfaction)
insight.app.command("worth")(insight_worth.worth)
insight.app.command("friction")(insight_friction.friction)
insight.app.command("automation")(insight_automation.automation)
insight.app.command("iceberg")(insight_iceberg.iceberg)
insight.app.command("predictions")(insight_prediction.predictions)
insight.app.command("next")(insight_prediction.expected)


def _with_commands(are_meant: Callable[[str], bool]) -> typer.Typer:
    """Return the command line with the commands whose names are meant."""
    made = typer.Typer(
        name="cjo-stream",
        help="Run customer journeys: events come in, commands go out, each exactly once.",
        epilog="Start with `cjo-stream demo`. It needs no server.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    made.callback()(_options)
    for panel, commands in _PANELS.items():
        for name, run_it in commands.items():
            if not are_meant(name):
                continue
            if isinstance(run_it, typer.Typer):
                made.add_typer(run_it, name=name, rich_help_panel=panel, no_args_is_help=True)
            else:
                made.command(name, rich_help_panel=panel)(run_it)
    return made


app = _with_commands(lambda _: True)


@cache
def _command(name: str) -> Callable[..., object]:
    """Return the command of a name; where none has it, the whole, which takes long to make."""
    if any(name in commands for commands in _PANELS.values()):
        return typer.main.get_command(_with_commands(lambda one: one == name))
    return typer.main.get_command(app)


def call(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code."""
    if unreadable := [one for one in arguments if not _is_text(one)]:
        note(f"error: {unreadable[0]}: this is not UTF-8; write it, or name the file, in UTF-8")
        return UsageError.exit_code
    try:
        command = _command(arguments[0] if arguments else "")
        code = command(list(arguments), prog_name="cjo-stream", standalone_mode=False)
        sys.stdout.flush()
    except DefinitionError as error:
        return _refused(error)
    except CjoError as error:
        note(f"error: {error}")
        return error.exit_code
    except typer.TyperException as error:
        if type(error).__name__ != "NoArgsIsHelpError":  # that one has printed the help
            note(f"error: {_with_help(error)}")
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed it; Python must not fail over that when it exits.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if code == INTERRUPTED:
        note("interrupted")
    return code if isinstance(code, int) else 0


def _is_text(argument: str) -> bool:
    """Return whether an argument was UTF-8; Python passes other bytes on as surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in argument)


def _refused(error: DefinitionError) -> int:
    for found in error.diagnostics:
        note_diagnostic(found)
    wrong = [found for found in error.diagnostics if found.severity == "error"]
    are_tests = all(found.file.endswith((".test.yaml", ".test.yml")) for found in wrong)
    what = "tests" if are_tests and wrong else "definitions"
    note(
        f"error: {numbered(len(wrong), 'error')} in the {what}; mend what is listed and try again"
    )
    return error.exit_code


def _with_help(error: typer.TyperException) -> str:
    """Return the message of a wrong call, and where its command is explained."""
    context = getattr(error, "ctx", None)
    # Typer puts choices on lines of their own, and `Value error, ` before a refused one.
    message = " ".join(error.format_message().split()).replace(": Value error, ", ": ")
    if context is None:
        return message
    stop = "" if message.endswith((".", "?")) else "."
    return f"{message}{stop} See `{context.command_path} --help`"
