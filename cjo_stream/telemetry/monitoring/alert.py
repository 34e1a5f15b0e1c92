"""Every alert, as data. deploy/runbooks/ has a page about each.

A duration in an expression is written `[5m]`, or as a number of seconds `{5m}`; so all of them can
be divided by one factor (`rule.faster`). Numbers without a unit stay as they are.

Every expression keeps the label `installation` (`condition.INSTALLATION`), so one that works says
nothing about another.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from cjo_stream.telemetry.monitoring.condition import (
    BESIDE,
    FIRES,
    LATE_S,
    NEEDED,
    OBJECTIVE,
    OF_TOPICS,
    PIPELINE,
    burning,
    burns,
    unless_after,
    unless_away,
    unless_full,
)
from cjo_stream.telemetry.monitoring.silence import (
    CHANNEL,
    LATE,
    PROCESS,
    STAGE,
    STUCK,
    Silence,
)


class Alert(NamedTuple):
    """One alert.

    `severity`: a page wakes a person, a ticket waits until the next working day. `within`: the
    time from the beginning of a fault to the notification at the latest. `summary` may name labels
    and the value as Prometheus's templates do. `silences`: what says nothing new while this one
    fires. `keep`: how long it goes on once its condition is over, so that what comes and goes is
    told once.
    """

    name: str
    severity: Literal["page", "ticket", "none"]
    expr: str
    for_: str
    within: str
    summary: str
    silences: tuple[Silence, ...] = ()
    keep: str = "0s"

    @property
    def silenced(self) -> tuple[str, ...]:
        """Return the names of the alerts that it holds back."""
        return tuple(name for one in self.silences for name in one.alerts)


ALERTS: Final = (
    Alert(
        "CjoWatchdog",
        "none",
        "vector(1)",
        "0s",
        "1m",
        "This alert always fires: whoever misses it knows that alerts do not arrive",
    ),
    Alert(
        "CjoNoTargets",
        "page",
        'count by (installation) (count_over_time(up{job="cjo-stream",installation!=""}[1h])) '
        'unless on (installation) up{job="cjo-stream"} '
        # While there is none of any installation the alert goes on, and so keeps the names.
        "or count by (installation) "
        f'(ALERTS{{alertname="CjoNoTargets",{FIRES},installation!=""}}) '
        'and on () absent(up{job="cjo-stream"}) '
        'or on () absent(up{job="cjo-stream"})',
        "5m",
        "7m",
        "Prometheus knows no process of this installation",
    ),
    Alert(
        "CjoTargetDown",
        "page",
        f'up{{job="cjo-stream",process!~"{BESIDE}"}} == 0',
        "2m",
        "4m",
        "{{ $labels.process }} at {{ $labels.instance }} does not answer",
        (Silence(("CjoRestarting", "CjoNotReady"), PROCESS), STUCK),
        # A process that a supervisor starts ever anew, with minutes between, answers now and then.
        "5m",
    ),
    Alert(
        "CjoStageGone",
        "page",
        f"(count by (installation, stage) (count_over_time(cjo_stage_info{{{NEEDED}}}[1h])) "
        # What was told goes on until the stage is back.
        "or count by (installation, stage) "
        '(ALERTS_FOR_STATE{alertname="CjoStageGone"} > time() - {7d})) '
        # A target that does not answer is told of by itself.
        "unless on (installation, stage) (count_over_time(cjo_stage_info[1h]) "
        'and on (installation, process) up{job="cjo-stream"}) '
        'and on (installation) up{job="cjo-stream"} '
        # Once Prometheus knows the targets again, it asks them one after the other.
        "unless on (installation) "
        f'count_over_time(ALERTS{{alertname="CjoNoTargets",{FIRES}}}[2m]) > 0',
        "5m",
        "12m",
        "No process of the stage {{ $labels.stage }} is left",
        (STUCK,),
    ),
    Alert(
        "CjoRestarting",
        "page",
        f'changes(cjo_process_start_time_seconds{{process!~"{BESIDE}"}}[15m]) '
        "+ increase(cjo_begun_anew_total[15m]) > 3 " + unless_full("15m"),
        # A worker without room ends again and again, sooner than a full disk is told. Where a
        # supervisor waits ever longer between two starts, CjoTargetDown comes first.
        "6m",
        "21m",
        "{{ $labels.process }} at {{ $labels.instance }} began {{ $value | humanize }} times anew "
        "in 15 minutes",
        (Silence(("CjoNotReady",), PROCESS), STUCK),
    ),
    Alert(
        "CjoNothingReady",
        "page",
        "max by (installation) (cjo_ready) == 0",
        "2m",
        "4m",
        "No process can work: usually the broker is away",
        (
            Silence(
                (
                    "CjoNotReady",
                    "CjoLearnOrInsightDown",
                    "CjoLearnerSilent",
                    "CjoInsightStale",
                    "CjoCheckpointOld",
                    "CjoRebalancing",
                    "CjoRegistryAway",
                    "CjoRestarting",
                )
            ),
            STUCK,
        ),
    ),
    Alert(
        "CjoNotReady",
        "page",
        f'cjo_ready{{process!~"{BESIDE}"}} == 0 '
        "unless on (installation) max by (installation) (cjo_ready) == 0 " + unless_full("5m"),
        # Once its disk has room again, a worker needs a moment to open its store.
        "5m",
        "7m",
        "{{ $labels.process }} at {{ $labels.instance }} answers, but takes no work",
        (STUCK,),
        "5m",
    ),
    Alert(
        "CjoLearnOrInsightDown",
        "ticket",
        f'up{{job="cjo-stream",process=~"{BESIDE}"}} == 0 '
        f'or cjo_ready{{process=~"{BESIDE}"}} == 0 '
        f'or changes(cjo_process_start_time_seconds{{process=~"{BESIDE}"}}[30m]) > 3 '
        f'or count_over_time(up{{job="cjo-stream",process=~"{BESIDE}"}}[1d]) '
        'unless on (installation, process) up{job="cjo-stream"} '
        'and on (installation) up{job="cjo-stream"}',
        "10m",
        "12m",
        "{{ $labels.process }} at {{ $labels.instance }} does not work",
        (
            Silence(("CjoLearnerSilent",), where=('process=~"learn.*"',)),
            Silence(("CjoInsightStale",), PROCESS),
        ),
    ),
    Alert(
        "CjoNothingApplied",
        "page",
        f"min_over_time(cjo:lag_records:sum{{{PIPELINE}}}[5m]) > 0 "
        "unless on (installation, stage) cjo:steps:rate5m > 0 " + unless_away("5m"),
        "2m",
        "9m",
        "{{ $labels.stage }} has {{ $value | humanize }} records to read, and takes none",
        (Silence(("CjoLagGrowing",), STAGE), LATE),
    ),
    Alert(
        "CjoLagGrowing",
        "page",
        f"cjo:lag_records:sum{{{PIPELINE}}} > 1000 "
        f"and deriv(cjo:lag_records:sum{{{PIPELINE}}}[10m]) > 0",
        "15m",
        "20m",
        "{{ $labels.stage }} falls behind: {{ $value | humanize }} records wait, ever more",
    ),
    Alert(
        "CjoPartitionHot",
        "ticket",
        f"max by (installation, stage, topic) ({OF_TOPICS}) > 1000 and "
        f"max by (installation, stage, topic) ({OF_TOPICS}) > 10 * "
        f"min by (installation, stage, topic) ({OF_TOPICS})",
        "15m",
        "18m",
        "{{ $labels.stage }}: one partition of {{ $labels.topic }} has {{ $value | humanize }} "
        "records to read, another hardly any",
    ),
    Alert(
        "CjoActionsLate",
        "page",
        f"({burns('1h', '5m', 14.4)} or {burns('6h', '30m', 6)} and {burning('5m', 6)}) "
        "and on (installation) "
        "sum by (installation) (increase(cjo_event_to_action_seconds_count[1h])) > 50 "
        + unless_after("10m"),
        "0s",
        "15m",
        f"More commands are later than {LATE_S:g} s than the objective of {OBJECTIVE:.0%} bears",
        (Silence(("CjoLagGrowing", "CjoActionsLateSlowly")),),
    ),
    Alert(
        "CjoActionsLateSlowly",
        "ticket",
        f"({burns('1d', '2h', 3)} or {burns('3d', '6h', 1)}) "
        "and on (installation) "
        "sum by (installation) (increase(cjo_event_to_action_seconds_count[6h])) > 50",
        "15m",
        "3h",
        f"At this rate more commands are later than {LATE_S:g} s in 30 days than the objective "
        f"of {OBJECTIVE:.0%} bears",
    ),
    Alert(
        "CjoCommandsExpired",
        "page",
        'sum by (installation) (increase(cjo_suppressed_total{gate="expired"}[15m])) > 20 and '
        # One of 20: for each that is dropped, 19 are sent.
        'sum by (installation) (increase(cjo_suppressed_total{gate="expired"}[15m])) > '
        "sum by (installation) (increase(cjo_commands_sent_total[15m])) / 19 "
        + unless_after("20m"),
        "0s",
        "5m",
        "{{ $value | humanize }} commands were dropped in 15 minutes: their time was over before "
        "they could be sent",
    ),
    Alert(
        "CjoChannelUnread",
        "page",
        "max by (installation, channel) (cjo_channel_unread_seconds) > {10m}",
        "0s",
        "13m",
        "Commands go to the channel {{ $labels.channel }}, and nobody has taken any for "
        "{{ $value | humanizeDuration }}",
    ),
    Alert(
        "CjoWebhookStuck",
        "page",
        "sum by (installation, channel) (min_over_time(cjo_webhook_waiting[10m])) > 0 "
        "unless on (installation, channel) "
        "sum by (installation, channel) "
        '(increase(cjo_webhook_commands_total{result=~"answered|refused"}[10m])) '
        "> 0 " + unless_away("5m"),
        "1m",
        "14m",
        "The endpoint of the channel {{ $labels.channel }} has answered nothing for ten minutes; "
        "{{ $value | humanize }} commands wait",
        (Silence(("CjoChannelUnread", "CjoWebhookUnanswered"), CHANNEL),),
    ),
    Alert(
        "CjoWebhookUnanswered",
        "page",
        "sum by (installation, channel) "
        '(increase(cjo_webhook_commands_total{result=~"refused|expired|unreadable|lost"}[15m])) '
        "> 20 and sum by (installation, channel) "
        '(increase(cjo_webhook_commands_total{result=~"refused|expired|unreadable|lost"}[15m])) '
        "> 0.05 * "
        "sum by (installation, channel) (increase(cjo_webhook_commands_total[15m]))",
        "0s",
        "8m",
        "{{ $value | humanize }} commands of the channel {{ $labels.channel }} came to nothing in "
        "15 minutes: refused by its endpoint, or expired",
    ),
    Alert(
        "CjoDeadLetters",
        "page",
        "sum by (installation) (increase(cjo_dead_letters_total[10m])) > 50 unless "
        "sum by (installation) (increase(cjo_dead_letters_total[10m])) "
        "<= 0.05 * sum by (installation) (increase(cjo_events_total[10m]))",
        "5m",
        "9m",
        "{{ $value | humanize }} records were refused in 10 minutes, more than one of 20",
    ),
    Alert(
        "CjoHandlerFailed",
        "ticket",
        'sum by (installation) (increase(cjo_dead_letters_total{reason="failed"}[1h])) > 0',
        "0s",
        "2m",
        "An error inside the engine: {{ $value | humanize }} events had no effect",
    ),
    Alert(
        "CjoRegistryAway",
        "page",
        "cjo_registry_waiting > 0",
        "5m",
        "7m",
        "{{ $value }} partitions wait for a schema that the registry does not give",
        (Silence(("CjoNotReady",), PROCESS), STUCK),
    ),
    Alert(
        "CjoCheckpointOld",
        "ticket",
        "cjo_checkpoint_age_seconds > {30m}",
        "5m",
        "37m",
        "The latest checkpoint of a partition at {{ $labels.instance }} is "
        "{{ $value | humanizeDuration }} old",
    ),
    Alert(
        "CjoDiskFull",
        "page",
        "cjo_disk_free_bytes / cjo_disk_bytes < 0.05",
        "1m",
        "3m",
        "{{ $value | humanizePercentage }} of the disk of {{ $labels.process }} at "
        "{{ $labels.instance }} is free",
        (Silence(("CjoDiskFilling", "CjoCheckpointOld", "CjoNotReady"), PROCESS), STUCK),
    ),
    Alert(
        "CjoDiskFilling",
        "ticket",
        "cjo_disk_free_bytes / cjo_disk_bytes < 0.3 and "
        "predict_linear(cjo_disk_free_bytes[1h], {12h}) < 0",
        "30m",
        "95m",
        "The disk of {{ $labels.process }} at {{ $labels.instance }} is full within 12 hours",
    ),
    Alert(
        "CjoRebalancing",
        "ticket",
        "increase(cjo_rebalances_total[15m]) > 5",
        "0s",
        "16m",
        "{{ $labels.process }} was given its partitions {{ $value | humanize }} times in 15 "
        "minutes",
    ),
    Alert(
        "CjoLearnerSilent",
        "ticket",
        "(sum by (installation) (increase(cjo_rewards_total[30m])) > 0 unless on (installation) "
        'sum by (installation) (increase(cjo_items_total{stage="learn"}[30m])) > 0 '
        'and on (installation) count_over_time(cjo_stage_info{stage="learn"}[1d])) '
        "or on (installation) max by (installation) (cjo_model_waiting_seconds) > {30m}",
        "5m",
        "37m",
        "Rewards come, and no model learns from them",
    ),
    Alert(
        "CjoCanaryBack",
        "ticket",
        'cjo_canary{verdict="back"} == 1',
        "0s",
        "1m",
        "A guard took version {{ $labels.version }} of {{ $labels.journey }} back",
    ),
    Alert(
        "CjoClockSkew",
        "ticket",
        "abs(cjo_clock_ahead_seconds) > 5",
        "2m",
        "4m",
        "The clock of {{ $labels.instance }} is {{ $value | humanizeDuration }} from the broker's",
    ),
    Alert(
        "CjoLibrariesDiffer",
        "ticket",
        "count by (installation, library) "
        "(count by (installation, library, version) (cjo_library_info)) > 1",
        "15m",
        "17m",
        "Processes have {{ $value }} versions of {{ $labels.library }}",
    ),
    Alert(
        "CjoArchiveBehind",
        "ticket",
        "cjo_archive_waiting_seconds > {90m}",
        "5m",
        "97m",
        "Accepted events have waited for their archived file for {{ $value | humanizeDuration }}",
    ),
    Alert(
        "CjoInsightStale",
        "ticket",
        "cjo_insight_waiting_seconds > {30m}",
        "5m",
        "37m",
        "Records have waited for the insight layer for {{ $value | humanizeDuration }}",
    ),
)
