"""The dashboard health, as data."""

from __future__ import annotations

from typing import Final

from cjo_stream.telemetry.bound import OTHER
from cjo_stream.telemetry.monitoring.board.panel import (
    RATE,
    Board,
    Panel,
    Query,
    quantile,
    rate,
    stat,
)
from cjo_stream.telemetry.monitoring.condition import LATE_S, OBJECTIVE

HEALTH: Final = Board(
    "health",
    "health",
    "Whether the installation works: start here.",
    (
        stat(
            "Processes that answer",
            "Of those that Prometheus knows.",
            'sum(up{job="cjo-stream"})',
        ),
        stat(
            "Processes not ready",
            "Each answers, and takes no work; /readyz says why.",
            "count(cjo_ready == 0) or vector(0)",
            limits=(("red", 1),),
        ),
        stat(
            "Alerts that fire",
            "Pages and tickets; see deploy/runbooks.",
            'count(ALERTS{alertstate="firing", severity!="none"}) or vector(0)',
            limits=(("orange", 1),),
        ),
        stat(
            f"Commands within {LATE_S:g} s",
            f"Of the last hour; the objective is {OBJECTIVE:.0%}.",
            "1 - cjo:commands_late:ratio1h",
            "percentunit",
        ),
        stat(
            "Dead letters, last hour",
            "Records that were refused.",
            "sum(increase(cjo_dead_letters_total[1h]))",
            limits=(("orange", 1),),
        ),
        stat(
            "Oldest checkpoint",
            "Of the partitions of all workers; empty without checkpoints.",
            "max(cjo_checkpoint_age_seconds)",
            "s",
            limits=(("orange", 1_800),),
        ),
        Panel(
            "From event to command",
            "From the broker's receipt of an event to the delivery of a command that it caused.",
            tuple(quantile(share, "cjo_event_to_action_seconds") for share in (0.5, 0.9, 0.99)),
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
            (rate("cjo_events_total", "result"),),
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
            (
                Query(
                    f'topk(5, cjo_lag_records{{partition!="{OTHER}"}})', "{{stage}} {{partition}}"
                ),
            ),
        ),
        Panel(
            "Duration of a step",
            "p99, by stage.",
            (quantile(0.99, "cjo_stage_seconds", "stage"),),
            "s",
        ),
        Panel(
            "Duration of a commit",
            "p99, by stage.",
            (quantile(0.99, "cjo_commit_seconds", "stage"),),
            "s",
        ),
        Panel(
            "Dead letters",
            "By reason, a second.",
            (rate("cjo_dead_letters_total", "reason"),),
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
            "Approximate size on each worker's disk, and of what it has in memory.",
            (
                Query("cjo_state_bytes", "{{process}}"),
                Query("cjo_cached_bytes", "{{process}}, in memory"),
            ),
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
            "Tracing",
            "Trace contexts of records, and spans, a second; see docs/tracing.md.",
            (
                Query(rate("cjo_trace_contexts_total", "result").expr, "contexts {{result}}"),
                Query(rate("cjo_trace_spans_total", "result").expr, "spans {{result}}"),
            ),
            "ops",
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
            "Label sets without a series of their own",
            f"Metrics that have more of them than they may show: they are in {OTHER}.",
            (Query("max by (metric) (cjo_series_folded) or on () vector(0)", "{{metric}}"),),
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
