"""The dashboard journeys, as data."""

from __future__ import annotations

from typing import Final

from cjo_stream.telemetry.monitoring.board.panel import RATE, Board, Panel, Query, quantile, rate

JOURNEYS: Final = Board(
    "journeys",
    "journeys",
    "Who enters, where customers are, how journeys end.",
    (
        Panel(
            "Entries",
            "Instances that began, by journey and version, a second.",
            (rate("cjo_journey_entries_total", "journey", "version"),),
            "ops",
        ),
        Panel(
            "Ends",
            "By journey and outcome, a second.",
            (rate("cjo_journey_ends_total", "journey", "outcome"),),
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
            (rate("cjo_journey_refusals_total", "journey", "reason"),),
            "ops",
        ),
        Panel(
            "Delay of timers",
            "After their due time, by the stream clock.",
            tuple(quantile(share, "cjo_timer_delay_seconds") for share in (0.5, 0.99)),
            "s",
        ),
        Panel(
            "Measures",
            "Events measured, a second.",
            (rate("cjo_measures_total", "measure"),),
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
                rate("cjo_expression_errors_total", "definition"),
                rate("cjo_values_unread_total", "definition", "field", "reason"),
                rate("cjo_measures_ignored_total", "measure"),
                rate("cjo_cases_ignored_total", "rule"),
            ),
            "ops",
        ),
        Panel(
            "Bounds reached",
            "Of customers' state, a second; see the page Limits.",
            (rate("cjo_state_bounds_total", "bound"),),
            "ops",
        ),
    ),
)
