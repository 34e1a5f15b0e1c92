"""The commands and the settings that the files of `deploy` name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from cjo_stream import settings
from tests.deploy.lock import ROOT

DEPLOY: Final = ROOT / "deploy"
DOCKERFILE: Final = DEPLOY / "image/Dockerfile"
COMPOSE: Final = DEPLOY / "compose.yaml"
UNIT: Final = DEPLOY / "systemd/cjo-stream.service"
CHART: Final = DEPLOY / "helm/cjo-stream"

_WORD: Final = r'"[^"]*"|\(printf [^)]*\)|\.[\w.]+'
_LIST: Final = re.compile(rf'"args" \((?:concat \()?list ((?:(?:{_WORD}) ?)+)')
"""The list of arguments in a template of the chart."""
TEXTS: Final = (DOCKERFILE, COMPOSE, UNIT, DEPLOY / "systemd/cjo-stream.env",
                *sorted(CHART.rglob("*.yaml")), *sorted(CHART.rglob("*.tpl")))  # fmt: skip


def variables() -> Iterator[tuple[Path, str]]:
    """Yield each variable with our prefix, with the file that names it."""
    for path in TEXTS:
        for name in re.findall(r"\bCJO_[A-Z0-9_]+\b", path.read_text()):
            yield path, name


def is_setting(name: str) -> bool:
    """Return whether a variable is a setting, or a property of Kafka's client."""
    known = {settings.variable(one) for one in settings.fields()}
    return name in known or name.startswith("CJO_KAFKA__")


def compose() -> Any:
    """Return the compose file."""
    return yaml.safe_load(COMPOSE.read_text())


def commands() -> Iterator[tuple[Path, list[str]]]:
    """Yield the arguments of each call of our program, with the file that makes it."""
    for service in compose()["services"].values():
        if service["image"] == "cjo-stream" and "entrypoint" not in service:
            yield COMPOSE, service["command"]
    (call,) = re.findall(r"(?m)^ExecStart=\S+/cjo-stream (.+)$", UNIT.read_text())
    options = "--webhooks /etc/cjo-stream/webhooks.yaml"
    yield UNIT, shlex.split(call.replace("${WORKERS}", "2").replace("$UP_OPTIONS", options))
    for path in (CHART / "templates").glob("*.yaml"):
        for words in _LIST.findall(path.read_text()):
            yield path, [word.strip('"') for word in re.findall(_WORD, words)]
