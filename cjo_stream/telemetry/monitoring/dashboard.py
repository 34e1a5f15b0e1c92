"""Dashboards as files for Grafana."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from cjo_stream.telemetry.monitoring.board import BOARDS
from cjo_stream.telemetry.monitoring.board.panel import Board, Panel
from cjo_stream.telemetry.monitoring.condition import INSTALLATION

SCHEMA: Final = 39
COLUMNS: Final = 24
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_SERIES: Final = re.compile(r"\b(cjo[_:][\w:]+|up|ALERTS)\b(?:\{([^}]*)\})?")
_HEIGHTS: Final = {"stat": 4, "timeseries": 8, "table": 8}


def dashboards() -> dict[str, str]:
    """Return each dashboard as JSON, by its name."""
    return {
        board.name: json.dumps(_dashboard(board), indent=1, ensure_ascii=False) + "\n"
        for board in BOARDS
    }


def chosen(expr: str) -> str:
    """Return an expression of a panel that shows the installations chosen on the dashboard.

    >>> chosen('sum(up{job="a"})')
    'sum(up{installation=~"$installation",job="a"})'
    >>> chosen("max(cjo_ready)")
    'max(cjo_ready{installation=~"$installation"})'
    """

    def selected(found: re.Match[str]) -> str:
        matchers = f'{INSTALLATION}=~"${INSTALLATION}"'
        return f"{found[1]}{{{','.join(filter(None, (matchers, found[2])))}}}"

    return _SERIES.sub(selected, expr)


def _dashboard(board: Board) -> dict[str, Any]:
    return {
        "uid": f"cjo-{board.name}",
        "title": f"cjo-stream: {board.title}",
        "description": board.about,
        "tags": ["cjo-stream"],
        "schemaVersion": SCHEMA,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Prometheus",
                    "type": "datasource",
                    "query": "prometheus",
                    "current": {"text": "Prometheus", "value": "prometheus"},
                },
                {
                    "name": INSTALLATION,
                    "label": "Installation",
                    "type": "query",
                    "datasource": _SOURCE,
                    "query": f'label_values(up{{job="cjo-stream"}}, {INSTALLATION})',
                    "refresh": 2,
                    "includeAll": True,
                    "allValue": ".*",
                    "current": {"text": "All", "value": "$__all"},
                },
            ]
        },
        "links": [
            {
                "title": "cjo-stream",
                "type": "dashboards",
                "tags": ["cjo-stream"],
                "asDropdown": True,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "panels": _placed(board.panels),
    }


def _placed(panels: tuple[Panel, ...]) -> list[dict[str, Any]]:
    """Return the panels from left to right, row by row; a row is as high as its first panel."""
    placed = []
    x = y = height = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > COLUMNS:
            x, y = 0, y + height
        height = _HEIGHTS[panel.kind] if x == 0 else height
        at = {"x": x, "y": y, "w": panel.width, "h": height}
        placed.append(_panel(panel, number, at))
        x += panel.width
    return placed


def _panel(panel: Panel, number: int, at: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": None if panel.has_minus else 0}
    if panel.limits:
        steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
        steps += [{"color": color, "value": limit} for color, limit in panel.limits]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    options: dict[str, Any] = {}
    if panel.kind == "stat":
        options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background"}
    elif panel.kind == "timeseries":
        options = {"legend": {"displayMode": "list", "placement": "bottom"}}
        defaults["custom"] = {"fillOpacity": 10, "showPoints": "never"}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "gridPos": at,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": chosen(query.expr),
                "legendFormat": query.legend or "__auto",
                "instant": panel.kind == "table",
                "range": panel.kind != "table",
                "format": "table" if panel.kind == "table" else "time_series",
            }
            for index, query in enumerate(panel.queries)
        ],
    }
