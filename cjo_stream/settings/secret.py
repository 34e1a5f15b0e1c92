"""Secrets that stand in files of their own, so that neither the environment nor a list has them.

    CJO_METRICS_PASSWORD_FILE=/run/secrets/metrics       the password is the text of that file

A property of librdkafka is a secret by its name: CJO_KAFKA__SASL_PASSWORD_FILE is read by us, and
librdkafka sees sasl.password.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cjo_stream.errors import UsageError
from cjo_stream.settings.given import environment, value_of
from cjo_stream.settings.model import FILED, TENANT_KEY_MIN
from cjo_stream.settings.name import property_name, variable

_MEANT: Final = {"tenant_key": "the tenant key"}
_OURS: Final = ("tenant_key", "metrics_password", "registry.password")


def files(given: Mapping[str, Any]) -> dict[str, Path]:
    """Return the file of each secret that is in one, by the secret's name: `kafka.sasl.password`.

    `given` are the values of the settings file; variables beat them.
    """
    found = {}
    for name in (*_OURS, *_of_kafka(given)):
        if path := value_of(f"{name}_file" if name in _OURS else f"{name}.file", given):
            found[name] = Path(str(path))
    return found


def _of_kafka(given: Mapping[str, Any]) -> Iterator[str]:
    kafka = given.get("kafka")
    names = [*kafka] if isinstance(kafka, Mapping) else []
    beginning = variable("kafka") + "__"
    names += [n[len(beginning) :].lower() for n in environment() if n.startswith(beginning)]
    for name in sorted({property_name(one) for one in names}):
        if FILED.search(name):
            yield f"kafka.{name.removesuffix('.file')}"


def with_secrets(given: dict[str, Any]) -> dict[str, Any]:
    """Return the values with the secrets that stand in files.

    Raises UsageError for a file that cannot be read or holds none, or a secret that is set twice.
    """
    for name, path in files(given).items():
        where = variable(f"{name}_file")
        meant = _MEANT.get(name, "the password" if name.endswith("password") else "the secret")
        if value_of(name, given):
            raise UsageError(f"{meant} is set twice: unset {variable(name)} or {where}")
        text = _text(path, where, meant)
        if name == "tenant_key" and len(text) < TENANT_KEY_MIN:
            raise UsageError(
                f"{where}: {path} holds {len(text)} characters: put a key of {TENANT_KEY_MIN} or "
                "more into it, such as `openssl rand -hex 32` prints"
            )
        table, _, inner = name.partition(".")
        if inner:
            key = inner.replace(".", "_") if table == "kafka" else inner
            given = {**given, table: {**given.get(table, {}), key: text}}
        else:
            given = {**given, name: text}
    return given


def _text(path: Path, where: str, meant: str) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(
            f"{where}: {path} cannot be read ({why}): name a file that holds {meant}"
        ) from None
    if not text:
        raise UsageError(f"{where}: {path} is empty: put {meant} into it")
    return text
