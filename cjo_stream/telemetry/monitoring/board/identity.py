"""The dashboard identity, as data."""

from __future__ import annotations

from typing import Final

from cjo_stream.telemetry.monitoring.board.panel import Board, Panel, Query, rate

IDENTITY: Final = Board(
    "identity",
    "identity and input",
    "What comes in, and who it is about.",
    (
        Panel(
            "Events by channel",
            "All results, a second.",
            (rate("cjo_events_total", "channel"),),
            "eps",
        ),
        Panel(
            "Late, repeated, refused, erased",
            "A second, by channel and result.",
            (rate("cjo_events_total", "channel", "result", where='result!="applied"'),),
            "eps",
        ),
        Panel(
            "Changes of identity",
            "By kind, a second.",
            (rate("cjo_identity_changes_total", "kind"),),
            "ops",
        ),
        Panel(
            "Identifiers not used",
            "By type and reason, a second.",
            (rate("cjo_identifiers_ignored_total", "type", "reason"),),
            "ops",
        ),
        Panel(
            "Facts and consents not set",
            "By fact and reason, a second.",
            (
                rate("cjo_facts_ignored_total", "fact", "reason"),
                rate("cjo_consent_ignored_total", "reason"),
            ),
            "ops",
        ),
        Panel(
            "What events had that was not declared",
            "By channel, event, attribute and reason, a second.",
            (rate("cjo_events_undeclared_total", "channel", "event", "attribute", "reason"),),
            "ops",
        ),
        Panel(
            "Records that are no events, and events with fields that are not read",
            "By channel and reason, a second.",
            (
                rate("cjo_records_skipped_total", "channel", "reason"),
                rate("cjo_fields_ignored_total", "channel", "reason"),
            ),
            "ops",
        ),
        Panel(
            "Schema registry",
            "Its answers, a second, and the partitions that wait for a schema.",
            (
                rate("cjo_registry_requests_total", "result"),
                Query("max(cjo_registry_waiting)", "partitions that wait"),
            ),
        ),
        Panel(
            "Archive",
            "Files, events and failures, a second.",
            (
                Query(rate("cjo_archive_files_total").expr, "files"),
                Query(rate("cjo_archive_events_total").expr, "events"),
                Query(rate("cjo_archive_failures_total").expr, "failures"),
            ),
            "ops",
        ),
        Panel(
            "Age of the archive",
            "Of its latest file.",
            (Query("max(cjo_archive_age_seconds)", "latest file"),),
            "s",
        ),
    ),
)
