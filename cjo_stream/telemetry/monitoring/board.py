"""Every panel of every dashboard, as data."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from cjo_stream.telemetry.monitoring.alert import LATE_S, OBJECTIVE

RATE: Final = "[$__rate_interval]"


class Query(NamedTuple):
    """One query; `legend` names its series by their labels, as `{{stage}}`."""

    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """One panel. `limits`: colours from a value on. `has_minus`: whether values may be below 0."""

    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Literal["timeseries", "stat", "table"] = "timeseries"
    width: int = 12
    limits: tuple[tuple[str, float], ...] = ()
    has_minus: bool = False


class Board(NamedTuple):
    """One dashboard."""

    name: str
    title: str
    about: str
    panels: tuple[Panel, ...]


def _rate(metric: str, *by: str, where: str = "") -> Query:
    """Return the rate of a counter, summed by labels."""
    selected = f"{metric}{{{where}}}" if where else metric
    legend = " ".join(f"{{{{{label}}}}}" for label in by)
    grouped = f"sum by ({', '.join(by)}) " if by else "sum"
    return Query(f"{grouped}(rate({selected}{RATE}))", legend)


def _quantile(share: float, metric: str, by: str = "", where: str = "") -> Query:
    """Return a quantile of a histogram."""
    labels = f"le, {by}" if by else "le"
    selected = f"{metric}_bucket{{{where}}}" if where else f"{metric}_bucket"
    legend = f"{{{{{by}}}}} p{share * 100:g}" if by else f"p{share * 100:g}"
    return Query(
        f"histogram_quantile({share}, sum by ({labels}) (rate({selected}{RATE})))", legend
    )


def _stat(
    title: str,
    about: str,
    expr: str,
    unit: str = "short",
    limits: tuple[tuple[str, float], ...] = (),
) -> Panel:
    return Panel(title, about, (Query(expr),), unit, "stat", 4, limits)


HEALTH: Final = Board(
    "health",
    "health",
    "Whether the installation works: start here.",
    (
        _stat(
            "Processes that answer",
            "Of those that Prometheus knows.",
            'sum(up{job="cjo-stream"})',
        ),
        _stat(
            "Processes not ready",
            "Each answers, and takes no work; /readyz says why.",
            "count(cjo_ready == 0) or vector(0)",
            limits=(("red", 1),),
        ),
        _stat(
            "Alerts that fire",
            "Pages and tickets; see deploy/runbooks.",
            'count(ALERTS{alertstate="firing", severity!="none"}) or vector(0)',
            limits=(("orange", 1),),
        ),
        _stat(
            f"Commands within {LATE_S:g} s",
            f"Of the last hour; the objective is {OBJECTIVE:.0%}.",
            "1 - cjo:commands_late:ratio1h",
            "percentunit",
        ),
        _stat(
            "Dead letters, last hour",
            "Records that were refused.",
            "sum(increase(cjo_dead_letters_total[1h]))",
            limits=(("orange", 1),),
        ),
        _stat(
            "Oldest checkpoint",
            "Of the partitions of all workers; empty without checkpoints.",
            "max(cjo_checkpoint_age_seconds)",
            "s",
            limits=(("orange", 1_800),),
        ),
        Panel(
            "From event to command",
            "From the broker's receipt of an event to the delivery of a command that it caused.",
            tuple(_quantile(share, "cjo_event_to_action_seconds") for share in (0.5, 0.9, 0.99)),
            "s",
        ),
        Panel(
            "Share of late commands",
            f"Later than {LATE_S:g} s, over 5 minutes and over an hour.",
            (
                Query("cjo:commands_late:ratio5m", "5 minutes"),
                Query("cjo:commands_late:ratio1h", "1 hour"),
                Query(f"vector({1 - OBJECTIVE:.3g})", "budget"),
            ),
            "percentunit",
        ),
        Panel(
            "Events",
            "By result, a second.",
            (_rate("cjo_events_total", "result"),),
            "eps",
        ),
        Panel(
            "Lag",
            "Records that wait to be read, by stage.",
            (Query("cjo:lag_records:sum", "{{stage}}"),),
        ),
        Panel(
            "Lag of the worst partitions",
            "One that stands out may hold a customer with very many events.",
            (Query("topk(5, cjo_lag_records)", "{{stage}} {{partition}}"),),
        ),
        Panel(
            "Duration of a step",
            "p99, by stage.",
            (_quantile(0.99, "cjo_stage_seconds", "stage"),),
            "s",
        ),
        Panel(
            "Duration of a commit",
            "p99, by stage.",
            (_quantile(0.99, "cjo_commit_seconds", "stage"),),
            "s",
        ),
        Panel(
            "Dead letters",
            "By reason, a second.",
            (_rate("cjo_dead_letters_total", "reason"),),
            "ops",
        ),
        Panel(
            "Processor",
            "Cores that each process uses.",
            (Query(f"rate(cjo_process_cpu_seconds_total{RATE})", "{{process}}"),),
        ),
        Panel(
            "Memory",
            "Resident, by process.",
            (Query("cjo_process_resident_memory_bytes", "{{process}}"),),
            "bytes",
        ),
        Panel(
            "Open files and connections",
            "By process.",
            (Query("cjo_process_open_fds", "{{process}}"),),
        ),
        Panel(
            "Disk",
            "Free share of the disk that holds the state, by process.",
            (Query("cjo_disk_free_bytes / cjo_disk_bytes", "{{process}}"),),
            "percentunit",
        ),
        Panel(
            "State",
            "Approximate size on each worker.",
            (Query("cjo_state_bytes", "{{process}}"),),
            "bytes",
        ),
        Panel(
            "Processes",
            "By stage.",
            (Query("count by (stage) (cjo_stage_info)", "{{stage}}"),),
        ),
        Panel(
            "Starts, rebalances, restores",
            "In an hour. Each pauses partitions.",
            (
                Query("sum(changes(cjo_process_start_time_seconds[1h]))", "starts"),
                Query("sum(increase(cjo_begun_anew_total[1h]))", "begun anew"),
                Query("sum(increase(cjo_rebalances_total[1h]))", "rebalances"),
                Query("sum(increase(cjo_restore_seconds_count[1h]))", "restores"),
            ),
        ),
        Panel(
            "Clock",
            "How far each host is ahead of the broker.",
            (Query("cjo_clock_ahead_seconds", "{{process}}"),),
            "s",
            has_minus=True,
        ),
        Panel(
            "Archive and insight",
            "How long the oldest record has waited to be written.",
            (
                Query("max(cjo_archive_waiting_seconds)", "archive"),
                Query("max(cjo_insight_waiting_seconds)", "insight layer"),
            ),
            "s",
        ),
        Panel(
            "Versions",
            "Of each process, with the libraries that influence results.",
            (
                Query("count by (version, python, engine) (cjo_build_info)"),
                Query("count by (library, version) (cjo_library_info)"),
            ),
            kind="table",
        ),
    ),
)

JOURNEYS: Final = Board(
    "journeys",
    "journeys",
    "Who enters, where customers are, how journeys end.",
    (
        Panel(
            "Entries",
            "Instances that began, by journey and version, a second.",
            (_rate("cjo_journey_entries_total", "journey", "version"),),
            "ops",
        ),
        Panel(
            "Ends",
            "By journey and outcome, a second.",
            (_rate("cjo_journey_ends_total", "journey", "outcome"),),
            "ops",
        ),
        Panel(
            "Live instances",
            "By journey.",
            (Query("sum by (journey) (cjo_journey_instances)", "{{journey}}"),),
        ),
        Panel(
            "Live instances by state",
            "The 20 states with most instances.",
            (
                Query(
                    "topk(20, sum by (journey, state) (cjo_journey_instances))",
                    "{{journey}} {{state}}",
                ),
            ),
        ),
        Panel(
            "Entries refused",
            "By journey and reason, a second.",
            (_rate("cjo_journey_refusals_total", "journey", "reason"),),
            "ops",
        ),
        Panel(
            "Delay of timers",
            "After their due time, by the stream clock.",
            tuple(_quantile(share, "cjo_timer_delay_seconds") for share in (0.5, 0.99)),
            "s",
        ),
        Panel(
            "Measures",
            "Events measured, a second.",
            (_rate("cjo_measures_total", "measure"),),
            "ops",
        ),
        Panel(
            "Value of measures",
            "Sum of the values, a second.",
            (
                Query(
                    f'sum by (measure) (rate(cjo_measure_value_total{{sign="plus"}}{RATE})) - '
                    f'(sum by (measure) (rate(cjo_measure_value_total{{sign="minus"}}{RATE})) '
                    "or 0 * sum by (measure) "
                    f'(rate(cjo_measure_value_total{{sign="plus"}}{RATE})))',
                    "{{measure}}",
                ),
            ),
            has_minus=True,
        ),
        Panel(
            "What expressions could not use",
            "Errors of type, and values that could not be read, by definition, a second.",
            (
                _rate("cjo_expression_errors_total", "definition"),
                _rate("cjo_values_unread_total", "definition", "field", "reason"),
                _rate("cjo_measures_ignored_total", "measure"),
            ),
            "ops",
        ),
        Panel(
            "Bounds reached",
            "Of customers' state, a second; see the page Limits.",
            (_rate("cjo_state_bounds_total", "bound"),),
            "ops",
        ),
    ),
)

DECISIONS: Final = Board(
    "decisions",
    "decisions and commands",
    "What is sent, what is held back and by what, and whether anybody takes it.",
    (
        Panel(
            "Commands",
            "By channel, a second.",
            (_rate("cjo_actions_total", "channel"),),
            "ops",
        ),
        Panel(
            "Commands by action",
            "The 20 most frequent, a second.",
            (
                Query(
                    f"topk(20, sum by (action, channel) (rate(cjo_actions_total{RATE})))",
                    "{{action}} {{channel}}",
                ),
            ),
            "ops",
        ),
        Panel(
            "Stopped by gates",
            "Candidates by gate, a second.",
            (_rate("cjo_suppressed_total", "gate"),),
            "ops",
        ),
        Panel(
            "Expired before they were sent",
            "In an hour.",
            (Query('sum(increase(cjo_suppressed_total{gate="expired"}[1h]))', "expired"),),
        ),
        Panel(
            "Held commands",
            "How many wait because an operator holds them.",
            (Query("sum by (channel) (cjo_held_commands)", "{{channel}}"),),
        ),
        Panel(
            "Channels that nobody reads",
            "How long commands have gone out while no consumer group's offset moved.",
            (Query("max by (channel) (cjo_channel_unread_seconds)", "{{channel}}"),),
            "s",
        ),
        Panel(
            "Webhooks: what came of commands",
            "Answered, refused by the endpoint, expired and so on, by channel, a second.",
            (_rate("cjo_webhook_commands_total", "channel", "result"),),
            "ops",
        ),
        Panel(
            "Webhooks: requests made again",
            "By channel and reason, a second.",
            (_rate("cjo_webhook_retries_total", "channel", "reason"),),
            "ops",
        ),
        Panel(
            "Webhooks: commands that wait",
            "For an answer of their endpoint; and endpoints that said 410: gone.",
            (
                Query("sum by (channel) (cjo_webhook_waiting)", "{{channel}}"),
                Query("max by (channel) (cjo_webhook_gone)", "{{channel}} gone"),
            ),
        ),
        Panel(
            "Webhooks: time of an answer",
            "From the request, by channel.",
            (_quantile(0.99, "cjo_webhook_seconds", "channel"),),
            "s",
        ),
        Panel(
            "Accepted",
            "Share of commands accepted within their reward window, by channel.",
            (
                Query(
                    f'sum by (channel) (rate(cjo_rewards_total{{reward="1"}}{RATE})) / '
                    f"sum by (channel) (rate(cjo_rewards_total{RATE}))",
                    "{{channel}}",
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Guarded canaries",
            "Of the set in force, with their verdicts.",
            (Query("cjo_canary"),),
            kind="table",
        ),
    ),
)

IDENTITY: Final = Board(
    "identity",
    "identity and input",
    "What comes in, and who it is about.",
    (
        Panel(
            "Events by channel",
            "All results, a second.",
            (_rate("cjo_events_total", "channel"),),
            "eps",
        ),
        Panel(
            "Late, repeated, refused, erased",
            "A second, by channel and result.",
            (_rate("cjo_events_total", "channel", "result", where='result!="applied"'),),
            "eps",
        ),
        Panel(
            "Changes of identity",
            "By kind, a second.",
            (_rate("cjo_identity_changes_total", "kind"),),
            "ops",
        ),
        Panel(
            "Identifiers not used",
            "By type and reason, a second.",
            (_rate("cjo_identifiers_ignored_total", "type", "reason"),),
            "ops",
        ),
        Panel(
            "Facts and consents not set",
            "By fact and reason, a second.",
            (
                _rate("cjo_facts_ignored_total", "fact", "reason"),
                Query(_rate("cjo_consent_ignored_total").expr, "consent"),
            ),
            "ops",
        ),
        Panel(
            "What events had that was not declared",
            "By channel, event, attribute and reason, a second.",
            (_rate("cjo_events_undeclared_total", "channel", "event", "attribute", "reason"),),
            "ops",
        ),
        Panel(
            "Records that are no events",
            "By channel and reason, a second.",
            (_rate("cjo_records_skipped_total", "channel", "reason"),),
            "ops",
        ),
        Panel(
            "Schema registry",
            "Its answers, a second, and the partitions that wait for a schema.",
            (
                _rate("cjo_registry_requests_total", "result"),
                Query("max(cjo_registry_waiting)", "partitions that wait"),
            ),
        ),
        Panel(
            "Archive",
            "Files, events and failures, a second.",
            (
                Query(_rate("cjo_archive_files_total").expr, "files"),
                Query(_rate("cjo_archive_events_total").expr, "events"),
                Query(_rate("cjo_archive_failures_total").expr, "failures"),
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

LEARNING: Final = Board(
    "learning",
    "learning and insight",
    "What is learnt, whether it is in force, how good it is, and what is kept for insight.",
    (
        Panel(
            "Rewards",
            "Commands accepted (1) or not (0), a second.",
            (_rate("cjo_rewards_total", "reward"),),
            "ops",
        ),
        Panel(
            "Records learnt from",
            "A second.",
            (Query(f'sum(rate(cjo_items_total{{stage="learn"}}{RATE}))', "learnt"),),
            "ops",
        ),
        Panel(
            "Model",
            "Its number, and the rewards that it has learnt from.",
            (
                Query("max(cjo_model_number)", "number"),
                Query("max(cjo_model_rewards)", "rewards"),
            ),
        ),
        Panel(
            "Waiting to be in force",
            "How long the oldest reward that was read has waited.",
            (Query("max(cjo_model_waiting_seconds)", "waiting"),),
            "s",
        ),
        Panel(
            "Predictions whose time is over",
            "That came true (1) or did not (0), a second.",
            (_rate("cjo_predictions_total", "prediction", "outcome"),),
            "ops",
        ),
        Panel(
            "Calibration error",
            "Of the latest outcomes of each prediction.",
            (Query("max by (prediction) (cjo_prediction_calibration_error)", "{{prediction}}"),),
        ),
        Panel(
            "Outcomes behind it",
            "How many outcomes the calibration error was measured by.",
            (
                Query(
                    "max by (prediction) (cjo_prediction_calibration_outcomes)", "{{prediction}}"
                ),
            ),
        ),
        Panel(
            "Age of what predictions know",
            "Since the latest outcome that the model in force has learnt from.",
            (Query("max by (prediction) (cjo_prediction_model_age_seconds)", "{{prediction}}"),),
            "s",
        ),
        Panel(
            "Rows into the insight layer",
            "By table, a second.",
            (_rate("cjo_insight_rows_total", "table"),),
            "ops",
        ),
        Panel(
            "Age of the insight layer",
            "Since its latest manifest, and how long the oldest record has waited for one.",
            (
                Query("max(cjo_insight_manifest_age_seconds)", "manifest"),
                Query("max(cjo_insight_waiting_seconds)", "waiting"),
            ),
            "s",
        ),
        Panel(
            "Lost to the insight layer",
            "Offsets that topics no longer held, in a day.",
            (Query("sum(increase(cjo_insight_lost_total[1d]))", "lost"),),
        ),
    ),
)

BOARDS: Final = (HEALTH, JOURNEYS, DECISIONS, IDENTITY, LEARNING)
