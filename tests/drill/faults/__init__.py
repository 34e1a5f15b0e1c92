"""Every fault of the drill, in the order in which they come.

process       processes that end, hang, refuse, come and go
broker        what they stand on: the broker, the registry, consumers and endpoints of commands
content       what comes in: poison, too much, definitions
folder        disks, checkpoints, the archive, the layer
watch         what watches: targets, the watchdog
"""

from typing import Final

from tests.drill.fault import Fault
from tests.drill.faults import broker, content, folder, process, watch

FAULTS: Final[tuple[Fault, ...]] = (
    *content.TOO_MUCH,
    *process.BUSY,
    *process.ENDED,
    *broker.FAULTS,
    *content.FAULTS,
    *process.WRONG,
    *folder.FAULTS,
    *watch.FAULTS,
    *process.DEFECT,
)
UNDRILLED: Final = {
    "CjoNothingApplied": "no cause is known of a stage that is ready and takes nothing",
    "CjoActionsLateSlowly": "it looks back for a day: for more than an hour in a drill",
    "CjoArchiveBehind": "it waits for an hour and a half: for five minutes in a drill",
    "CjoInsightStale": "a sink whose layer is away ends: CjoLearnOrInsightDown tells it",
    "CjoDiskFilling": "a disk fills for an hour before it can be foretold: for five minutes",
}
"""Alerts without a fault, and why; promtool tests their rules."""
SHORT: Final = ("worker-killed", "poison", "broker-down")
"""Those of a short drill."""
