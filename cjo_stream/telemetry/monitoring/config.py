"""The files: configurations of Prometheus and Alertmanager, rules, dashboards, provisioning."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from cjo_stream.definition.text.written import as_yaml
from cjo_stream.telemetry.monitoring.alert import ALERTS
from cjo_stream.telemetry.monitoring.condition import INSTALLATION
from cjo_stream.telemetry.monitoring.dashboard import dashboards
from cjo_stream.telemetry.monitoring.rule import divided, rules, seconds

HEAD: Final = (
    "# Written by `cjo-stream monitoring`: change cjo_stream/telemetry/monitoring instead.\n"
)
JOB: Final = "cjo-stream"
FASTEST: Final = 15.0
"""By what the 15 s between two questions to a process are divided at most."""
RECEIVERS: Final = ("page", "ticket", "watchdog")


class Plan(NamedTuple):
    """What is watched, and how fast.

    `targets`: the address of each process by its name. `faster`: what all durations are divided
    by. `notify`: where notifications are posted, under /page, /ticket and /watchdog; None: the
    receivers are there, and tell nobody. `tls`: whether targets speak TLS, with certificates of
    the authority in the file `ca`, or of one of the system's. `login`: a name, and the file of its
    password. Files are read by Prometheus. `installation`: the name that tells this installation
    from others which the same Prometheus watches.
    """

    targets: dict[str, str]
    faster: float = 1
    notify: str | None = None
    tls: bool = False
    ca: str | None = None
    login: tuple[str, str] | None = None
    installation: str = JOB


def files(plan: Plan) -> dict[str, str]:
    """Return the text of every file, by its path."""
    boards = {f"grafana/dashboards/{name}.json": text for name, text in dashboards().items()}
    return {
        "prometheus/prometheus.yml": HEAD + as_yaml(prometheus(plan)),
        "prometheus/rules.yml": HEAD + as_yaml(rules(plan.faster)),
        "alertmanager/alertmanager.yml": HEAD + as_yaml(alertmanager(plan)),
        "grafana/provisioning/dashboards/cjo-stream.yml": HEAD + as_yaml(_BOARDS),
        "grafana/provisioning/datasources/cjo-stream.yml": HEAD + as_yaml(_SOURCES),
        **boards,
    }


def prometheus(plan: Plan) -> dict[str, Any]:
    """Return the configuration of Prometheus.

    It asks once a second at most, however fast the rules are: a busy host needs some time to
    answer, and the shortest window still has five answers (at 60 times the speed).
    """
    every = divided("15s", min(plan.faster, FASTEST))
    return {
        "global": {
            "scrape_interval": every,
            "scrape_timeout": min("10s", every, key=seconds),
            "evaluation_interval": every,
        },
        "rule_files": ["rules.yml"],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:9093"]}]}],
        },
        "scrape_configs": [
            {
                "job_name": JOB,
                **_access(plan),
                "static_configs": [
                    {
                        "targets": [address],
                        "labels": {INSTALLATION: plan.installation, "process": name},
                    }
                    for name, address in plan.targets.items()
                ],
            }
        ],
    }


def _access(plan: Plan) -> dict[str, Any]:
    """Return how Prometheus is let in by the targets."""
    found: dict[str, Any] = {"scheme": "https"} if plan.tls else {}
    if plan.tls and plan.ca:
        found["tls_config"] = {"ca_file": plan.ca}
    if plan.login:
        name, file = plan.login
        found["basic_auth"] = {"username": name, "password_file": file}
    return found


def alertmanager(plan: Plan) -> dict[str, Any]:
    """Return the configuration of Alertmanager."""
    waits = {
        "group_by": ["alertname", INSTALLATION],
        "group_wait": divided("30s", plan.faster),
        # Prometheus repeats for 15 minutes that an alert has ended, so its group is there for as
        # long; with a longer interval the next alert of that name would be told much later.
        "group_interval": divided("30s", plan.faster),
        "repeat_interval": divided("4h", plan.faster),
    }
    watchdog = {
        "matchers": ['alertname="CjoWatchdog"'],
        "receiver": "watchdog",
        "group_wait": divided("15s", plan.faster),
        "group_interval": divided("1m", plan.faster),
        "repeat_interval": divided("1m", plan.faster),
    }
    page = {"matchers": ['severity="page"'], "receiver": "page"}
    return {
        "route": {"receiver": "ticket", **waits, "routes": [watchdog, page]},
        "receivers": [_receiver(name, plan.notify) for name in RECEIVERS],
        "inhibit_rules": [
            {
                "source_matchers": [f'alertname="{alert.name}"', *silence.where],
                "target_matchers": [f'alertname=~"{"|".join(silence.alerts)}"'],
                "equal": [INSTALLATION, *silence.same],
            }
            for alert in ALERTS
            for silence in alert.silences
        ],
    }


def _receiver(name: str, notify: str | None) -> dict[str, Any]:
    if notify is None:
        return {"name": name}
    url = f"{notify.rstrip('/')}/{name}"
    return {"name": name, "webhook_configs": [{"url": url, "send_resolved": True}]}


_BOARDS: Final = {
    "apiVersion": 1,
    "providers": [
        {
            "name": JOB,
            "folder": JOB,
            "type": "file",
            "options": {"path": "/etc/grafana/dashboards"},
        }
    ],
}
_SOURCES: Final = {
    "apiVersion": 1,
    "datasources": [
        {
            "name": "Prometheus",
            "uid": "prometheus",
            "type": "prometheus",
            "access": "proxy",
            "url": "http://127.0.0.1:9090",
            "isDefault": True,
        }
    ],
}
