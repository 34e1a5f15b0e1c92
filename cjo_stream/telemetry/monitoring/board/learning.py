"""The dashboard learning, as data."""

from __future__ import annotations

from typing import Final

from cjo_stream.telemetry.monitoring.board.panel import RATE, Board, Panel, Query, rate

LEARNING: Final = Board(
    "learning",
    "learning and insight",
    "What is learnt, whether it is in force, how good it is, and what is kept for insight.",
    (
        Panel(
            "Rewards",
            "Commands accepted (1) or not (0), a second.",
            (rate("cjo_rewards_total", "reward"),),
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
            (rate("cjo_predictions_total", "prediction", "outcome"),),
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
            (rate("cjo_insight_rows_total", "table"),),
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
