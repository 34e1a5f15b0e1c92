"""All metrics, in one table (docs/metrics.md is drawn from it)."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple


class Metric(NamedTuple):
    """One metric; a histogram has the upper bounds of its buckets, in its own unit.

    `from_zero`: values of its label that a process shows from its start, at 0. Prometheus sees no
    increase in a series that begins at 1, so a rare count that an alert is about begins at 0.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()
    from_zero: tuple[str, ...] = ()


_STEP_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LATENCY_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_DELAY_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)
_ANSWER_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_RESTORE_S: Final = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0)

METRICS: Final = (
    Metric("cjo_events_total", "counter", ("channel", "result"), "Events by result"),
    Metric(
        "cjo_event_to_action_seconds",
        "histogram",
        (),
        "Time from the receipt of an event to the delivery of a command that it caused",
        _LATENCY_S,
    ),
    Metric(
        "cjo_stage_seconds", "histogram", ("stage",), "Duration of one step of a stage", _STEP_S
    ),
    Metric("cjo_lag_records", "gauge", ("stage", "partition"), "Records waiting to be read"),
    Metric("cjo_commit_seconds", "histogram", ("stage",), "Duration of one commit", _STEP_S),
    Metric(
        "cjo_items_total", "counter", ("stage", "result"), "Items of frames, applied or repeated"
    ),
    Metric(
        "cjo_timer_delay_seconds",
        "histogram",
        (),
        "Delay of timers after their due time, by the stream clock",
        _DELAY_S,
    ),
    Metric("cjo_journey_entries_total", "counter", ("journey", "version"), "Instances that began"),
    Metric("cjo_journey_ends_total", "counter", ("journey", "outcome"), "Instances that ended"),
    Metric("cjo_journey_refusals_total", "counter", ("journey", "reason"), "Entries refused"),
    Metric("cjo_journey_instances", "gauge", ("journey", "state"), "Live instances"),
    Metric(
        "cjo_measures_total",
        "counter",
        ("measure", "journey", "state"),
        "Events measured; journey and state are empty for a measure per customer",
    ),
    Metric(
        "cjo_measure_value_total",
        "counter",
        ("measure", "journey", "state", "sign"),
        "Sum of the values measured, those below 0 apart and without their sign: plus or minus",
    ),
    Metric(
        "cjo_measures_ignored_total",
        "counter",
        ("measure",),
        "Events not measured because the measure's value was missing, no number, or beyond 1e15",
    ),
    Metric("cjo_actions_total", "counter", ("channel", "action"), "Action commands issued"),
    Metric(
        "cjo_commands_sent_total",
        "counter",
        (),
        "Commands that dispatch has sent, those that had been held among them",
    ),
    Metric(
        "cjo_suppressed_total",
        "counter",
        ("gate",),
        "Candidates that a gate stopped",
        from_zero=("expired",),
    ),
    Metric(
        "cjo_held_commands",
        "gauge",
        ("channel",),
        "Commands that wait because of a hold, in dispatch and in webhook",
    ),
    Metric(
        "cjo_rewards_total",
        "counter",
        ("channel", "action", "reward"),
        "Commands accepted (1) or not accepted (0) within their reward window",
    ),
    Metric(
        "cjo_predictions_total",
        "counter",
        ("prediction", "outcome"),
        "Predictions whose time is over, that came true (1) or did not (0)",
    ),
    Metric(
        "cjo_prediction_model_age_seconds",
        "gauge",
        ("prediction",),
        "Time since the latest outcome that the model in force has learnt from was recorded",
    ),
    Metric(
        "cjo_prediction_calibration_error",
        "gauge",
        ("prediction",),
        "Calibration error of the latest outcomes, 5,000 at most, when models were last learnt",
    ),
    Metric(
        "cjo_prediction_calibration_outcomes",
        "gauge",
        ("prediction",),
        "Outcomes that the calibration error was measured by",
    ),
    Metric(
        "cjo_canary",
        "gauge",
        ("journey", "version", "verdict"),
        "1 for each guarded canary of the set in force; verdict is running before there is one. "
        "Only the worker of the first partition knows it",
    ),
    Metric("cjo_model_number", "gauge", (), "Number of the latest learnt model"),
    Metric("cjo_model_rewards", "gauge", (), "Rewards that the latest model has learnt from"),
    Metric(
        "cjo_model_waiting_seconds",
        "gauge",
        (),
        "How long the oldest reward that the learner has read has waited to be in force",
    ),
    Metric("cjo_identity_changes_total", "counter", ("kind",), "Changes of identity"),
    Metric(
        "cjo_identifiers_ignored_total",
        "counter",
        ("type", "reason"),
        "Identifiers not used, by type (empty for one that is not declared)",
    ),
    Metric(
        "cjo_facts_ignored_total",
        "counter",
        ("fact", "reason"),
        "Facts not set, by name (empty for one that is not declared)",
    ),
    Metric(
        "cjo_consent_ignored_total",
        "counter",
        ("reason",),
        "Statements of consent without effect, or with a word without effect",
    ),
    Metric(
        "cjo_cases_ignored_total",
        "counter",
        ("rule",),
        "Events that open or close a service case, and lack its `key`",
    ),
    Metric(
        "cjo_state_bounds_total",
        "counter",
        ("bound",),
        "Times that a bound of a customer's state was reached",
    ),
    Metric(
        "cjo_fields_ignored_total",
        "counter",
        ("channel", "reason"),
        "Native events with fields beside those of the form; `misspelt`: one that lacks is meant",
    ),
    Metric(
        "cjo_records_skipped_total",
        "counter",
        ("channel", "reason"),
        "Records that are no events, although nothing is wrong with them, such as tombstones",
    ),
    Metric(
        "cjo_dead_letters_total",
        "counter",
        ("reason",),
        "Dead letters",
        from_zero=(
            "failed",
            "future",
            "invalid",
            "loop",
            "malformed",
            "too_large",
            "unidentified",
            "unmapped",
        ),
    ),
    Metric(
        "cjo_expression_errors_total",
        "counter",
        ("definition",),
        "Type errors in expressions, read as missing",
    ),
    Metric(
        "cjo_events_undeclared_total",
        "counter",
        ("channel", "event", "attribute", "reason"),
        "What events had that `events` does not declare; event and attribute are declared ones, "
        "or empty",
    ),
    Metric(
        "cjo_values_unread_total",
        "counter",
        ("definition", "field", "reason"),
        "Events with a value that an expression could not use: of the wrong type (reason type), "
        "or a text that is no number, time or duration (reason value)",
    ),
    Metric(
        "cjo_trace_contexts_total",
        "counter",
        ("result",),
        "Records with a trace context: accepted, without_state (its tracestate was not valid), or "
        "malformed, which counts as none",
        from_zero=("accepted", "malformed", "without_state"),
    ),
    Metric(
        "cjo_trace_spans_total",
        "counter",
        ("result",),
        "Spans: exported, failed (nothing took or made them), or dropped because too many waited",
        from_zero=("dropped", "exported", "failed"),
    ),
    Metric(
        "cjo_registry_requests_total",
        "counter",
        ("result",),
        "Questions to the schema registry: found, refused (an unknown or unusable schema) or "
        "failed (no answer)",
    ),
    Metric("cjo_registry_waiting", "gauge", (), "Partitions that wait for a schema"),
    Metric("cjo_archive_files_total", "counter", (), "Files that intake has put into the archive"),
    Metric("cjo_archive_events_total", "counter", (), "Events in those files"),
    Metric(
        "cjo_archive_failures_total",
        "counter",
        (),
        "Times that the archive took no file; each is tried again",
    ),
    Metric("cjo_archive_age_seconds", "gauge", (), "Age of the latest file in the archive"),
    Metric(
        "cjo_archive_waiting_seconds",
        "gauge",
        (),
        "How long the oldest accepted event has waited for its file",
    ),
    Metric(
        "cjo_insight_rows_total", "counter", ("table",), "Rows that came into the insight layer"
    ),
    Metric(
        "cjo_insight_lost_total",
        "counter",
        (),
        "Offsets that topics no longer held when the insight sink was to read them",
    ),
    Metric(
        "cjo_insight_manifest_age_seconds",
        "gauge",
        (),
        "Time since the insight sink's latest manifest, or since its start",
    ),
    Metric(
        "cjo_insight_waiting_seconds",
        "gauge",
        (),
        "How long the oldest record that the insight sink has read has waited for a manifest",
    ),
    Metric(
        "cjo_webhook_commands_total",
        "counter",
        ("channel", "result"),
        "Commands by what came of them: answered, refused, expired (their time was over), "
        "unreadable, lost (the topic no longer held them)",
    ),
    Metric(
        "cjo_webhook_retries_total",
        "counter",
        ("channel", "reason"),
        "Requests that are made again: no_answer, busy (429, 503), error (5xx), endpoint (an "
        "answer that is about the endpoint)",
    ),
    Metric(
        "cjo_webhook_waiting",
        "gauge",
        ("channel",),
        "Commands that wait for their answer; those that a hold keeps are not among them",
    ),
    Metric(
        "cjo_webhook_gone", "gauge", ("channel",), "1 if the endpoint has answered 410, else 0"
    ),
    Metric(
        "cjo_webhook_seconds",
        "histogram",
        ("channel",),
        "Time from a request to its answer, or to its failure",
        _ANSWER_S,
    ),
    Metric("cjo_state_bytes", "gauge", ("stage",), "Approximate bytes of state on this host"),
    Metric(
        "cjo_cached_bytes",
        "gauge",
        (),
        "About how many bytes of memory the customers and identifiers that a worker has at hand "
        "take",
    ),
    Metric(
        "cjo_checkpoint_age_seconds", "gauge", (), "Age of the latest checkpoint, worst partition"
    ),
    Metric(
        "cjo_restore_seconds", "histogram", (), "Duration of restoring a partition", _RESTORE_S
    ),
    Metric(
        "cjo_channel_unread_seconds",
        "gauge",
        ("channel",),
        "How long commands of a channel have gone out while no consumer group's offset moved; "
        "NaN where the broker does not say, or may hide groups from dispatch",
    ),
    Metric(
        "cjo_clock_ahead_seconds",
        "gauge",
        (),
        "How far this host's clock is ahead of the broker's, below 0 if behind; 0 within 2 s",
    ),
    Metric("cjo_rebalances_total", "counter", (), "Times that a worker was given its partitions"),
    Metric(
        "cjo_begun_anew_total",
        "counter",
        (),
        "Times that a process dropped all that it held and began anew, without ending",
    ),
    Metric("cjo_ready", "gauge", (), "1 while /readyz is 200, else 0"),
    Metric("cjo_disk_bytes", "gauge", (), "Size of the disk that holds the state"),
    Metric("cjo_disk_free_bytes", "gauge", (), "What is free on it"),
    Metric(
        "cjo_series_folded",
        "gauge",
        ("metric",),
        "Label sets of a metric that have no series of their own, because there are too many",
    ),
    Metric("cjo_stage_info", "gauge", ("stage",), "Always 1: which kind of process this is"),
    Metric(
        "cjo_library_info",
        "gauge",
        ("library", "version"),
        "Always 1: which versions of tzdata and phonenumbers decide here",
    ),
    Metric(
        "cjo_build_info",
        "gauge",
        ("version", "python", "engine"),
        "Always 1; `engine` is `compiled` with the compiled wheel, else `python`",
    ),
)

PROCESS_METRICS: Final = (
    Metric("cjo_process_start_time_seconds", "gauge", (), "When the process began, Unix time"),
    Metric("cjo_process_cpu_seconds_total", "counter", (), "Time of all its threads on a core"),
    Metric("cjo_process_resident_memory_bytes", "gauge", (), "Memory that it occupies"),
    Metric("cjo_process_virtual_memory_bytes", "gauge", (), "Memory that it has reserved"),
    Metric("cjo_process_open_fds", "gauge", (), "Files and connections that it has open"),
    Metric("cjo_process_max_fds", "gauge", (), "How many it may have open"),
)
"""What prometheus-client reads of the process itself, on Linux."""
