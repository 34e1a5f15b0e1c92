"""Settings as they are shown: each with its source, secrets masked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

from cjo_stream.settings.given import file_values, source
from cjo_stream.settings.model import Settings, fields
from cjo_stream.settings.secret import files

MASK: Final = "********"
_SECRET = re.compile(r"pass(word|phrase)|secret|token|\.pem$|jaas|oauthbearer\.config")
_CREDENTIALS = re.compile(r"(?<=://)[^@\s]+(?=@)")


class Setting(NamedTuple):
    """One setting in force."""

    name: str
    value: str
    """As text; secrets are masked."""
    source: str
    """The variable, `file`, `default`, or the setting that names the file of a secret."""
    description: str


def sources(settings: Settings, config: Path | None = None) -> list[Setting]:
    """Return every setting with its source; Kafka's properties one by one."""
    given = file_values(config)
    in_files = files(given)

    def came_from(name: str) -> str:
        joint = "." if name.startswith("kafka.") else "_"
        return f"{name}{joint}file" if name in in_files else source(name, given)

    found = []
    for name, field in fields().items():
        value: Any = settings
        for part in name.split("."):
            value = getattr(value, part)
        shown = "" if value is None else _masked(name, str(value))
        found.append(Setting(name, shown, came_from(name), field.description or ""))
    for inner, value in sorted(settings.kafka_properties().items()):
        name = f"kafka.{inner}"
        found.append(Setting(name, _masked(name, value), came_from(name), "librdkafka"))
    return found


def _masked(name: str, value: str) -> str:
    if name == "tenant_key" or (_SECRET.search(name) and not name.endswith("_file")):
        return MASK
    return _CREDENTIALS.sub(MASK, value)
