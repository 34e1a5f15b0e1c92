"""The tables of an installation: settings, metrics, topics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from cjo_stream.definition import load
from cjo_stream.kafka.topic.wanted import wanted_topics
from cjo_stream.settings import KAFKA_DEFAULTS, Settings, fields
from cjo_stream.telemetry.bound import SETS_MAX
from cjo_stream.telemetry.metric import METRICS, PROCESS_METRICS
from cjo_stream.telemetry.monitoring.alert import ALERTS
from tests.docs import word
from tests.docs.page import ROOT
from tests.docs.table import code, meanings, table, words

SOURCES: Final = sorted((ROOT / "cjo_stream").rglob("*.py"))

_TEMPLATE: Final = re.compile(r"\{\{ \$(?:labels\.)?(\w+).*?\}\}")
"""A place of an alert's summary that Prometheus fills in."""


def settings() -> str:
    rows = []
    for name, field in fields().items():
        default = field.default
        rows.append(
            (
                code(f"CJO_{name.upper().replace('.', '__')}"),
                "" if default is None else code(default),
                field.description or "",
            )
        )
    return table(("variable", "default", "meaning"), rows)


def kafka_defaults() -> str:
    return table(("property", "value"), ((code(n), code(v)) for n, v in KAFKA_DEFAULTS.items()))


def metrics(begin: str = "") -> str:
    rows = (
        (code(one.name), one.kind, ", ".join(map(code, one.labels)), one.help)
        for one in (*METRICS, *PROCESS_METRICS)
        if one.name.startswith(begin)
    )
    return table(("metric", "kind", "labels", "meaning"), rows)


def series() -> str:
    rows = ((code(name), f"{sets:,}") for name, sets in SETS_MAX.items() if sets > 2)
    return table(("metric", "label sets with a series each"), rows)


def alerts() -> str:
    rows = (
        (
            f"[{one.name}](../deploy/runbooks/{one.name}.md)",
            one.severity,
            one.within,
            re.sub(
                r"\{\{ (?:\$labels\.)?\$?(\w+).*?\}\}", lambda found: code(found[1]), one.summary
            ),
        )
        for one in ALERTS
    )
    return table(("alert", "severity", "within", "says"), rows)


def bounds() -> str:
    sources = "".join(path.read_text() for path in SOURCES)
    known = set(re.findall(r'count\(\s*"cjo_state_bounds_total", "(\w+)"', sources))
    known |= set(re.findall(r'turn\.(?:newest|drop_oldest)\(.+, "(\w+)"\)', sources))
    return words(("bound", "what was full"), sorted(known), word.BOUNDS, "BOUNDS")


def topics() -> str:
    program = load(ROOT / "tests" / "docs" / "hello").program
    wanted = {
        topic.name.removeprefix("cjo."): topic for topic in wanted_topics(Settings(), program)
    }
    rows = []
    texts = dict(meanings(wanted, word.TOPICS, "TOPICS"))
    for name in word.TOPICS:
        topic, (key, value) = wanted[name], texts[name]
        several = "as `CJO_PARTITIONS`" if topic.partitions > 1 else "1"
        rows.append((code(f"cjo.{name}"), several, _kept(topic.config), key, value))
    return table(("topic", "partitions", "kept", "key", "value"), rows)


def _kept(config: Mapping[str, str]) -> str:
    if config.get("cleanup.policy") == "compact":
        return "compacted"
    if "retention.ms" not in config:
        return "as the broker does"
    if int(config["retention.ms"]) < 0:
        return "until it is deleted"
    days = int(config["retention.ms"]) // 86_400_000
    return f"{days} day{'s' if days > 1 else ''}"
