"""The settings in force: read, checked, and a sentence about each that is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from cjo_stream.errors import UsageError
from cjo_stream.settings.given import environment, file_values, source
from cjo_stream.settings.model import Settings, fields
from cjo_stream.settings.name import SUPERVISED, variable
from cjo_stream.settings.secret import with_secrets

FOREIGN_PREFIXES: Final = ("CJO_BROKER_", "CJO_REQUIRE_", "CJO_STREAM_", "CJO_TEST_", SUPERVISED)
"""Variables of others: of the development broker's script, of the tests, of Kubernetes for a
service with our name, and of the supervisor."""

_MISSPELT: Final = 0.85
"""How similar (difflib's ratio) a name must be to another to count as its misspelling."""


def load(config: Path | None = None) -> Settings:
    """Return the settings in force; raises UsageError, which names the setting and its values."""
    given = with_secrets(file_values(config))
    try:
        settings = Settings(**given)
    except ValidationError as error:
        lines = [_sentence(name, why, given) for name, why in _findings(error)]
        raise UsageError("\n".join(lines)) from None
    except ValueError as error:
        # pydantic-settings: a variable must contain JSON and does not.
        raise UsageError(f"{error}: see `cjo-stream settings --help`") from None
    _check_pairs(settings)
    return settings


def _check_pairs(settings: Settings) -> None:
    """Raise UsageError for a setting of the metrics that means nothing without another."""
    name, password = settings.metrics_username, settings.metrics_password
    if name and not password:
        raise UsageError(
            "CJO_METRICS_USERNAME has no password: set CJO_METRICS_PASSWORD_FILE to a file that "
            "holds it, too"
        )
    if password and not name:
        raise UsageError("the metrics' password has no name: set CJO_METRICS_USERNAME, too")
    certificate, key = settings.metrics_tls_cert, settings.metrics_tls_key
    if certificate and not key:
        raise UsageError("CJO_METRICS_TLS_CERT has no key: set CJO_METRICS_TLS_KEY, too")
    if key and not certificate:
        raise UsageError("CJO_METRICS_TLS_KEY has no certificate: set CJO_METRICS_TLS_CERT, too")


def unknown_variables() -> list[str]:
    """Return a sentence about each variable that has our prefix and is no setting.

    Raises UsageError where one is probably a setting, misspelt. Others may belong to another
    program: Kubernetes sets such variables for a service whose name begins like ours.
    """
    known = {variable(name) for name in [*fields(), "kafka"]}
    unknown, misspelt = [], []
    for name in sorted(environment()):
        if name in known or name.startswith((variable("kafka") + "__", *FOREIGN_PREFIXES)):
            continue
        if near := difflib.get_close_matches(name, sorted(known), 1, _MISSPELT):
            misspelt.append(f"there is no variable {name}; did you mean {near[0]}?")
            continue
        if name.startswith(kafka := variable("kafka")):
            hint = f"librdkafka's properties are written {kafka}__NAME, with two `_`"
        else:
            hint = "`cjo-stream settings` lists them"
        unknown.append(f"the variable {name} is no setting and has no effect; {hint}")
    if misspelt:
        raise UsageError("\n".join(misspelt))
    return unknown


def _findings(error: ValidationError) -> list[tuple[str, str]]:
    """Return (name, reason) of each wrong setting."""
    findings = ((".".join(map(str, one["loc"])), one["msg"]) for one in error.errors())
    return list(dict(reversed(list(findings))).items())[::-1]


def _sentence(name: str, why: str, given: Mapping[str, Any]) -> str:
    field = fields().get(name) or Settings.model_fields.get(name.split(".")[0])
    wanted = field.description if field else None
    is_in_file = source(name, given) == "file"
    where = f"`{name}` in the settings file" if is_in_file else variable(name)
    return f"{where}: {why[:1].lower()}{why[1:]}; set it to {wanted or 'something else'}"
