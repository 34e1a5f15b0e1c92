"""`cjo-stream monitoring`."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from cjo_stream.cli.terminal import say
from cjo_stream.errors import UsageError

_TARGET: Final = re.compile(
    r"(?P<name>(?:intake|worker|dispatch|learn|insight|webhook)[\w.-]*)=(?P<address>\S+:\d{1,5})"
)
_POSTED: Final = re.compile(r"https?://[^\s/:?#]\S*")
"""Where Alertmanager can post."""

_ALERTMANAGERS: Final = ("prometheus-alertmanager", "alertmanager")
"""What Debian calls it, and what its makers do."""


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
    webhooks: Annotated[
        bool, typer.Option("--webhooks", help="Also the process webhook (`up --webhooks`).")
    ] = False,
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=HOST:PORT",
            help="A process, in place of those of `up`. May be repeated. Names begin with "
            "intake, worker, dispatch, learn, insight or webhook.",
        ),
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="The processes have CJO_METRICS_TLS_CERT.")
    ] = False,
    ca: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="With --tls: the authority that signed their certificates, a PEM file at "
            "Prometheus. Default: those of the system.",
        ),
    ] = None,
    username: Annotated[
        str | None, typer.Option(metavar="NAME", help="Their CJO_METRICS_USERNAME.")
    ] = None,
    password_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A file at Prometheus with that name's password."),
    ] = None,
    installation: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Its name, if the same Prometheus watches others: each has its own.",
        ),
    ] = "cjo-stream",
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

    if ca and not tls:
        raise UsageError("--ca is of use with TLS alone: say --tls, too")
    if (username is None) is not (password_file is None):
        raise UsageError("a name and its password go together: say --username and --password-file")
    login = (username, password_file) if username and password_file else None
    if notify is not None and not _POSTED.fullmatch(notify):
        raise UsageError(f"--notify {notify}: write the URL, as http://host:9000 or https://host")
    layer, endpoints = "" if insight else None, Path() if webhooks else None
    children = up.children([], workers, "0", port, layer=layer, webhooks=endpoints)
    targets = {one.name: f"{host}:{one.environment['CJO_METRICS_PORT']}" for one in children}
    if target:
        targets = dict(_named(one) for one in target)
    plan = Plan(targets, faster, notify, tls, ca, login, installation)
    for name, text in files(plan).items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written ({error.strerror}): name another folder as DIR"
            ) from None
        say(f"wrote {path}")
    say()
    for line in start_commands(folder):
        say(f"next: {line}")


def start_commands(folder: Path) -> Iterator[str]:
    """Yield the commands that start Prometheus and Alertmanager with the files in `folder`.

    Both listen on loopback, and keep their data beside their files.
    """
    at = folder / "prometheus"
    yield shlex.join(
        [
            "prometheus",
            f"--config.file={at / 'prometheus.yml'}",
            f"--storage.tsdb.path={at / 'data'}",
            "--web.listen-address=127.0.0.1:9090",
        ]
    )
    at = folder / "alertmanager"
    yield shlex.join(
        [
            next(filter(shutil.which, _ALERTMANAGERS), _ALERTMANAGERS[-1]),
            f"--config.file={at / 'alertmanager.yml'}",
            f"--storage.path={at / 'data'}",
            "--web.listen-address=127.0.0.1:9093",
            "--cluster.listen-address=",  # there is one of it: no port for others
        ]
    )


def _named(target: str) -> tuple[str, str]:
    found = _TARGET.fullmatch(target)
    if found is None:
        raise UsageError(
            f"--target {target}: write NAME=HOST:PORT, where NAME begins with intake, worker, "
            "dispatch, learn, insight or webhook, as worker-0=10.0.0.7:9464"
        )
    return found["name"], found["address"]
