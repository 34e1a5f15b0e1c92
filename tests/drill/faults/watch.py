"""What watches goes away: the targets, Prometheus itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.drill.fault import Fault, Hand, Run

if TYPE_CHECKING:
    from tests.drill.drilling import Drill


DISCOVERED_S: Final = 5.0
"""How long Prometheus gathers changes of its targets."""


def _no_targets(drill: Drill) -> None:
    drill.watching.forget(*drill.watching.targets())


def _written(drill: Drill) -> dict[str, str]:
    return {"watch": str(drill.watching.folder), "9464": str(drill.installation.port)}


def _options(drill: Drill) -> tuple[str, ...]:
    return tuple(drill.watching.options[2:])


def _read(drill: Drill) -> None:
    drill.watching.mend_address()
    drill.watching.reload()


def _prometheus_down(drill: Drill) -> None:
    drill.watching.kill_prometheus()


def _prometheus_back(drill: Drill) -> None:
    drill.watching.start_prometheus()


FAULTS: Final = (
    Fault(
        "targets-lost",
        "CjoNoTargets",
        _no_targets,
        (
            Run("cjo-stream monitoring watch --port 9464", names=_written, more=_options),
            Hand("mend the job `cjo-stream` in Prometheus's configuration", _read),
        ),
        own_s=DISCOVERED_S,
    ),
    Fault(
        "prometheus-dead",
        "CjoWatchdog",
        _prometheus_down,
        (Hand("Start what is not ready", _prometheus_back),),
    ),
)
