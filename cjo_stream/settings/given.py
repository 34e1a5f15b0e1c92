"""What is given: the variables, and the values of a settings file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cjo_stream.core.likeness import nearest
from cjo_stream.errors import UsageError
from cjo_stream.settings.model import Settings
from cjo_stream.settings.name import PREFIX, SUPERVISED, flat, variable


def is_supervised() -> bool:
    """Return whether this process is a child of `up`."""
    return SUPERVISED in os.environ


def otel_variable(name: str) -> str | None:
    """Return a variable OTEL_* of OpenTelemetry, None if it is not set or empty.

    Its libraries read the others of them, and say which there are.
    """
    return os.environ.get(name, "").strip() or None


def environment() -> dict[str, str]:
    """Return the variables with our prefix, by their names in capitals."""
    named = ((name.upper(), value) for name, value in os.environ.items())
    return {name: value for name, value in named if name.startswith(PREFIX)}


def file_values(config: Path | None) -> dict[str, Any]:
    """Return the values of a settings file; raises UsageError."""
    if config is None:
        return {}
    try:
        given = tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{config} cannot be read ({error.strerror}): name another file with --config"
        ) from None
    except ValueError as error:
        raise UsageError(f"{config} is not valid TOML: {error}: mend that place") from None
    for name in given:
        if name not in Settings.model_fields:
            near = nearest(name, Settings.model_fields)
            meant = f"did you mean `{near}`?" if near else "`cjo-stream settings` lists them"
            raise UsageError(f"{config}: there is no setting `{name}`; {meant}")
    if isinstance(given.get("kafka"), dict):
        # In the form of the variables, so that a variable beats the file.
        given["kafka"] = {n.replace(".", "_"): v for n, v in flat(given["kafka"]).items()}
    return given


def value_of(name: str, given: Mapping[str, Any]) -> object:
    """Return what is given for a setting: its variable, else what the file has; else None."""
    return environment().get(variable(name)) or _in_file(name, given)


def source(name: str, given: Mapping[str, Any]) -> str:
    """Return where a setting comes from: its variable, `file` or `default`."""
    if environment().get(variable(name)):
        return variable(name)
    return "default" if _in_file(name, given) is None else "file"


def _in_file(name: str, given: Mapping[str, Any]) -> object:
    table, _, inner = name.partition(".")
    found = given.get(table)
    if not inner:
        return found
    if not isinstance(found, Mapping):
        return None
    return found.get(inner.replace(".", "_") if table == "kafka" else inner)
