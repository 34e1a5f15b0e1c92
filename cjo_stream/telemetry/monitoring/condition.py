"""Conditions that alerts share, in PromQL: budgets that burn, lag, what an outage explains.

A duration is written as in `alert`.
"""

from __future__ import annotations

from typing import Final

from cjo_stream.telemetry.bound import OTHER

INSTALLATION: Final = "installation"
"""The label that tells installations apart which one Prometheus watches. Where no scrape sets it,
it is empty, and all processes are one installation."""
PIPELINE: Final = 'stage=~"intake|task|dispatch"'
"""The stages that stand between an event and its commands."""
NEEDED: Final = 'stage=~"intake|task|dispatch|webhook"'
"""The stages without which no command arrives, where they were there before."""
BESIDE: Final = "learn.*|insight.*"
"""The processes that no command waits for: nobody is woken for them."""
NOT_ON_THE_WAY: Final = f"{BESIDE}|webhook.*"
"""The processes that stand beside or behind the way of an event to its commands."""
ON_THE_WAY: Final = (f'process!~"{NOT_ON_THE_WAY}"', 'stage!="webhook"')
"""Selects alerts that explain why commands are late."""
OBJECTIVE: Final = 0.99
"""The share of commands that are to be delivered in time."""
LATE_S: Final = 1.0
"""The time from the receipt of an event to the delivery of its command: a bound of a bucket."""
FIRES: Final = 'alertstate="firing"'
"""Selects alerts that fire, not those that wait to."""
OUTAGES: Final = (
    "CjoTargetDown",
    "CjoStageGone",
    "CjoRestarting",
    "CjoNothingReady",
    "CjoNotReady",
    "CjoNothingApplied",
    "CjoRegistryAway",
    "CjoDiskFull",
)
"""The alerts while which events or commands wait."""


def burns(long: str, short: str, factor: float) -> str:
    """Return the condition that the budget of late commands burns `factor` times too fast.

    Both windows: the long one says that it matters, the short one that it still goes on (Google,
    The Site Reliability Workbook, chapter 5). `{:g}` keeps 0.144 what it is.
    """
    return f"{burning(long, factor)} and {burning(short, factor)}"


def burning(window: str, factor: float) -> str:
    """Return the condition of one window."""
    return f"cjo:commands_late:ratio{window} > {factor * (1 - OBJECTIVE):.3g}"


def lag(where: str = "") -> str:
    """Return the lag of each partition, as it was last known.

    A process that has too much to do does not always answer in time, and an alert about its lag
    must not begin to wait anew whenever that happens.
    """
    selected = f"cjo_lag_records{{{where}}}" if where else "cjo_lag_records"
    return f"last_over_time({selected}[2m])"


def unless_after(window: str) -> str:
    """Return the condition that no outage of this installation was told of within a time.

    What waited during an outage is late once it is over, and whoever was woken knows that.
    """
    told = ",".join((f'alertname=~"{"|".join(OUTAGES)}"', *ON_THE_WAY, FIRES))
    return f"unless on (installation) count_over_time(ALERTS{{{told}}}[{window}]) > 0"


def unless_away(window: str) -> str:
    """Return the condition that the broker was not told to be away within a time.

    While it is, no stage takes anything and nothing is posted, and for a moment afterwards.
    """
    away = f'ALERTS{{alertname="CjoNothingReady",{FIRES}}}'
    return f"unless on (installation) count_over_time({away}[{window}]) > 0"


def unless_full(window: str) -> str:
    """Return the condition that the disk of this host was not told to be full within a time."""
    full = f'ALERTS{{alertname="CjoDiskFull",{FIRES}}}'
    return f"unless on (installation, instance) count_over_time({full}[{window}]) > 0"


_EACH: Final = f'{PIPELINE},partition!="{OTHER}"'
OF_TOPICS: Final = f'label_replace({lag(_EACH)}, "topic", "$1", "partition", "(.+)/[0-9]+")'
"""The lag of each partition that has a series of its own, with its topic."""
