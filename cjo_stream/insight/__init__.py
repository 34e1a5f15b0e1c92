"""Insight: figures from published records, and evaluations of policies and journeys.

estimate    estimates what another policy would have earned, from logged choices and rewards
policy      the other policy: the probability that it makes a recorded choice
case        decision and reward records, or rows of any log, -> the cases of `estimate`
markov      removal effects in a chain of touches
lift        two groups compared: rates, values, intervals, detectable differences
cohort      decision, transition and identity records -> the groups of `lift`
shadow      what journeys in shadow would have sent, beside what was sent
value       the models of customers' value: how often they buy, and for how much
layer/      records and events in Parquet files, and readers of them
filling/    what fills a layer, each record exactly once
view/       the views over a layer, as SQL
figure/     figures over the views, each with the list that it counts
report/     what figures say, as data that the terminal, JSON and a page show
drawing/    funnels, flows and graphs as inline SVG
page/       what all pages share

Nothing here runs while the engine decides.
"""

from __future__ import annotations

from typing import Any


def connect(layer: str) -> Any:
    """Return a DuckDB connection with the views of docs/insight.md over a layer as it is now.

    `layer` is a folder or a URL. Raises UsageError where there is no layer.
    """
    from cjo_stream.insight.layer.reading import connect

    return connect(layer)[0]
