"""`cjo-stream monitoring`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cjo_stream.cli.terminal import say
from cjo_stream.errors import UsageError


def monitoring(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write the files.")],
    host: Annotated[
        str, typer.Option(metavar="HOST", help="Where the processes of `up` are.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", min=1, max=65_000, help="Their CJO_METRICS_PORT.")
    ] = 9464,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Number of worker processes.")] = 1,
    insight: Annotated[
        bool, typer.Option("--insight", help="Also the sink of insight (`up --layer`).")
    ] = False,
    notify: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Post notifications there, under /page, /ticket and /watchdog. "
            "Default: receivers without an address.",
        ),
    ] = None,
    faster: Annotated[
        float,
        typer.Option(min=1.0, max=60.0, help="Divide all durations by this, for a fire drill."),
    ] = 1.0,
) -> None:
    """Write what Prometheus, Alertmanager and Grafana need to watch an installation.

    Each file that is there already is written anew.
    """
    from cjo_stream.kafka.process import up
    from cjo_stream.telemetry.monitoring import Plan, files

    children = up.children([], workers, "0", port, layer="" if insight else None)
    targets = {one.name: f"{host}:{one.environment['CJO_METRICS_PORT']}" for one in children}
    for name, text in files(Plan(targets, faster, notify)).items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written ({error.strerror}): name another folder as DIR"
            ) from None
        say(f"wrote {path}")
