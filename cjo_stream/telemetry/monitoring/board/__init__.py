"""Every dashboard, as data: a module each."""

from __future__ import annotations

from typing import Final

from cjo_stream.telemetry.monitoring.board.decisions import DECISIONS
from cjo_stream.telemetry.monitoring.board.health import HEALTH
from cjo_stream.telemetry.monitoring.board.identity import IDENTITY
from cjo_stream.telemetry.monitoring.board.journeys import JOURNEYS
from cjo_stream.telemetry.monitoring.board.learning import LEARNING

BOARDS: Final = (HEALTH, JOURNEYS, DECISIONS, IDENTITY, LEARNING)
