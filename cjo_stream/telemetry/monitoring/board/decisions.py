"""The dashboard decisions, as data."""

from __future__ import annotations

from typing import Final

from cjo_stream.telemetry.monitoring.board.panel import RATE, Board, Panel, Query, quantile, rate

DECISIONS: Final = Board(
    "decisions",
    "decisions and commands",
    "What is sent, what is held back and by what, and whether anybody takes it.",
    (
        Panel(
            "Commands",
            "Decided by channel, and sent in all, a second.",
            (
                rate("cjo_actions_total", "channel"),
                Query(f"sum(rate(cjo_commands_sent_total{RATE}))", "sent"),
            ),
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
            (rate("cjo_suppressed_total", "gate"),),
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
            (rate("cjo_webhook_commands_total", "channel", "result"),),
            "ops",
        ),
        Panel(
            "Webhooks: requests made again",
            "By channel and reason, a second.",
            (rate("cjo_webhook_retries_total", "channel", "reason"),),
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
            (quantile(0.99, "cjo_webhook_seconds", "channel"),),
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
