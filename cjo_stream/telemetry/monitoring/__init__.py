"""What Prometheus, Alertmanager and Grafana need to watch an installation, as files.

alert        every alert, as data: when it fires, how bad that is, and what it makes needless
silence      what an alert holds back while it fires, and within what
condition    what several alerts ask, in Prometheus's language
rule         the recording rules, and all rules as a file for Prometheus
board        every panel of every dashboard, as data
dashboard    dashboards as files for Grafana
config       the configurations of Prometheus, Alertmanager and Grafana's provisioning

`files` is all of them, by their paths. Nothing here runs in a process of the engine.
"""

from cjo_stream.telemetry.monitoring.config import Plan, files

__all__ = ["Plan", "files"]
