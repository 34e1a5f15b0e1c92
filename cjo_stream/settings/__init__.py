"""Settings: one frozen model, read and checked once; only this package reads the environment.

    a variable CJO_<FIELD>  beats  a key of the file given with --config  beats  the default

Every librdkafka property can be set, with `_` for `.`: CJO_KAFKA__SECURITY_PROTOCOL=SASL_SSL,
or in the file `[kafka]` with `security.protocol = "SASL_SSL"`.

A secret may stand in a file of its own, which a setting of its name and `_FILE` names.
"""

from cjo_stream.settings.given import environment, is_supervised, otel_variable
from cjo_stream.settings.load import load, unknown_variables
from cjo_stream.settings.model import (
    DEMO_TENANT_KEY,
    KAFKA_DEFAULTS,
    Settings,
    fields,
)
from cjo_stream.settings.name import SUPERVISED, variable
from cjo_stream.settings.shown import MASK, Setting, sources

__all__ = [
    "DEMO_TENANT_KEY",
    "KAFKA_DEFAULTS",
    "MASK",
    "SUPERVISED",
    "Setting",
    "Settings",
    "environment",
    "fields",
    "is_supervised",
    "load",
    "otel_variable",
    "sources",
    "unknown_variables",
    "variable",
]
