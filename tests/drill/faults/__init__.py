"""Every fault of the drill, in the order in which they come.

process       processes that end, hang, refuse, come and go
broker        what they stand on: the broker, the registry, the consumers of commands
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
    "CjoLagGrowing": "more than intake takes, for long, is more than a drill can send",
    "CjoActionsLateSlowly": "it looks back for days, whatever the factor",
    "CjoArchiveBehind": "it waits for an hour and a half",
    "CjoInsightStale": "a sink whose layer is away ends: CjoLearnOrInsightDown tells it",
    "CjoDiskFilling": "a disk fills for hours before it can be foretold",
    "CjoWebhookStuck": "no endpoint is here; tests/kafka/test_webhook.py has such faults",
    "CjoWebhookUnanswered": "no endpoint is here; tests/kafka/test_webhook.py has such faults",
}
"""Alerts without a fault, and why; promtool tests their rules."""
SHORT: Final = ("worker-killed", "poison", "broker-down")
"""Those of a short drill."""
