"""What an alert holds back while it fires: consequences that say nothing new, and which ones.

Nothing reaches another installation. Within one, an alert holds back:

- what the same process shows, or the same channel, or the same stage, where both alerts have that
  label: a full disk explains why its own worker is not ready, and not why another is not;
- lags and late commands anywhere (`STUCK`). Intake, workers and dispatch are one line: whichever
  of their processes is down, commands are late, and records wait before it or, once it is back,
  behind it. Those alerts are about a stage or the whole, so they name no process to compare. A
  process from which no command comes (`condition.NOT_ON_THE_WAY`) explains none of it;
- of a broker that is away (CjoNothingReady) everything that needs it, at every process.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cjo_stream.telemetry.monitoring.condition import ON_THE_WAY


class Silence(NamedTuple):
    """Alerts that are held back.

    `same`: labels that they share with the alert that fires, beside the installation. `where`:
    what else that one's labels must be; one that it does not have is empty.
    """

    alerts: tuple[str, ...]
    same: tuple[str, ...] = ()
    where: tuple[str, ...] = ()


PROCESS: Final = ("instance",)
CHANNEL: Final = ("channel",)
STAGE: Final = ("stage",)
LATE: Final = Silence(("CjoActionsLate", "CjoActionsLateSlowly"))
STUCK: Final = Silence(
    ("CjoNothingApplied", "CjoLagGrowing", *LATE.alerts, "CjoPartitionHot"), where=ON_THE_WAY
)
