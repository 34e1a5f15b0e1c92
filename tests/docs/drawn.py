"""The tables that pages may hold, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cjo_stream.core.word import (
    ActionClass,
    AttributeType,
    FactType,
    Format,
    Ignored,
    Outcome,
    Skipped,
)
from cjo_stream.definition.schema import DOCUMENTS
from cjo_stream.engine.schema import RECORDS, record_schema
from cjo_stream.ingest.schema import event_schema
from cjo_stream.webhook.endpoint import ENDPOINT
from tests.docs import command, form, installation, language, output, size, word
from tests.docs.table import words

TABLES: Final[dict[str, Callable[[], str]]] = {
    "syntax": language.syntax,
    "functions": language.functions,
    "places": language.places,
    "diagnostics": language.diagnostics,
    **{
        f"document {kind}": lambda first=first: language.document(first)
        for kind, first in {**DOCUMENTS, "webhook": ENDPOINT}.items()
    },
    "traits": language.traits,
    "attributes": lambda: words(
        ("type", "values"), AttributeType, word.ATTRIBUTE_TYPES, "ATTRIBUTE_TYPES"
    ),
    "facts": lambda: words(("type", "values"), FactType, word.FACT_TYPES, "FACT_TYPES"),
    "placeholders": output.placeholders,
    "ignored": lambda: words(("reason", "meaning"), Ignored, word.IGNORED, "IGNORED"),
    "formats": lambda: words(("format", "records"), Format, word.FORMATS, "FORMATS"),
    "format bounds": form.bounds,
    "files": form.kinds,
    "encodings": form.encodings,
    "skipped": lambda: words(("reason", "what it is"), Skipped, word.SKIPPED, "SKIPPED"),
    "classes": lambda: words(("class", "meaning"), ActionClass, word.CLASSES, "CLASSES"),
    "gates": language.gates,
    "event": lambda: output.record(event_schema()),
    **{f"record {name}": lambda name=name: output.record(record_schema(name)) for name in RECORDS},
    "record kinds": output.record_kinds,
    "outcomes": lambda: words(("outcome", "meaning"), Outcome, word.OUTCOMES, "OUTCOMES"),
    "consent statuses": output.consent_statuses,
    "identity kinds": lambda: words(
        ("kind", "what happened"),
        record_schema("cjo.identity.v1")["properties"]["kind"]["enum"],
        word.IDENTITY_KINDS,
        "IDENTITY_KINDS",
    ),
    "transition reasons": output.transition_reasons,
    "dead letter reasons": output.dead_letter_reasons,
    "settings": installation.settings,
    "kafka defaults": installation.kafka_defaults,
    "metrics": installation.metrics,
    "series": installation.series,
    "metrics of webhooks": lambda: installation.metrics("cjo_webhook_"),
    "metrics of tracing": lambda: installation.metrics("cjo_trace_"),
    "bounds": installation.bounds,
    "alerts": installation.alerts,
    "topics": installation.topics,
    "limits of customers": size.limits_of_customers,
    "limits of records": size.limits_of_records,
    "commands": command.command_list,
    "command reference": command.command_reference,
}
