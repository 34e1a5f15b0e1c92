"""The names of settings: as a variable, as a key of the file, as a property of librdkafka."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PREFIX: Final = "CJO_"
SUPERVISED: Final = "CJO_SUPERVISED"
"""The variable that `up` sets for its children."""
_WITH_UNDERSCORE: Final = {"log.level": "log_level"}
"""The properties whose own names contain a `_`."""


def variable(name: str) -> str:
    """Return the variable of a setting: of `registry.url`, of `kafka.sasl.username`."""
    table, _, inner = name.partition(".")
    return PREFIX + (f"{table}__{inner}" if inner else table).upper().replace(".", "_")


def property_name(name: str) -> str:
    """Return a librdkafka property by its name in a variable or the file, `_` for `.` or not."""
    dotted = name.replace("_", ".")
    return _WITH_UNDERSCORE.get(dotted, dotted)


def flat(table: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return a table's values by dotted name: TOML reads a bare `a.b` as two tables."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= flat(value, f"{above}{name}.")
        else:
            found[f"{above}{name}"] = value
    return found
