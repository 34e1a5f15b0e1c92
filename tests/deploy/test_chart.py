"""The Helm chart, rendered by Helm and checked against several versions of Kubernetes.

`make deploy-check` brings Helm and kubernetes-validate; without them these tests do not run, and
say so.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cjo_stream.telemetry.monitoring.condition import NOT_ON_THE_WAY
from tests.deploy.commands import CHART, DEPLOY
from tests.deploy.lock import ROOT

TOOLS: Final = ROOT / ".tools"
VERSIONS: Final = ("1.29.0", "1.31.0", "1.33.0", "1.35.0", "1.37.0")
EVERYTHING: Final = (
    "topology.configMap=topology",
    "autoscaling.enabled=true",
    "insight.enabled=true",
    "webhook.enabled=true",
    "webhook.secretName=endpoints",
    "serviceMonitor.enabled=true",
    "serviceMonitor.labels.team=data",
    "prometheusRule.enabled=true",
    "networkPolicy.scrapers.name=monitoring",
    "environmentSecretName=s3",
    "metrics.login.secretName=login",
    "metrics.tls.secretName=certificate",
    "imagePullSecrets[0].name=registry",
    "worker.storage.className=fast",
    "worker.nodeSelector.disk=fast",
    "podAnnotations.team=data",
)
VALUES: Final = {
    "as it is": (),
    "everything": EVERYTHING,
    "nothing": ("learn.enabled=false", "networkPolicy.enabled=false"),
}

HELM: Final = shutil.which("helm", path=f"{TOOLS}/bin{os.pathsep}{os.environ['PATH']}")
VALIDATE: Final = TOOLS / "validate/bin/kubernetes-validate"
pytestmark = pytest.mark.skipif(
    HELM is None or not VALIDATE.exists(), reason="Helm is not here: `make deploy-check` brings it"
)


def helm(*values: str) -> subprocess.CompletedProcess[str]:
    assert HELM is not None
    named = [word for one in values for word in ("--set", one)]
    call = [HELM, "template", "cjo", str(CHART), "--kube-version", "1.31.0", *named]
    return subprocess.run(call, capture_output=True, text=True, timeout=60)


@pytest.fixture(params=VALUES)
def rendered(request: pytest.FixtureRequest) -> str:
    done = helm(*VALUES[request.param])
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(text: str, kind: str) -> list[Any]:
    return [one for one in yaml.safe_load_all(text) if one and one["kind"] == kind]


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_object(rendered: str, version: str, tmp_path: Path) -> None:
    own = [
        one
        for one in yaml.safe_load_all(rendered)
        if one and not one["apiVersion"].startswith("monitoring.coreos.com/")
    ]
    assert len(own) > 10
    file = tmp_path / "chart.yaml"

    def check(documents: list[Any]) -> subprocess.CompletedProcess[str]:
        file.write_text(yaml.safe_dump_all(documents))
        call = [str(VALIDATE), "--strict", "-k", version, str(file)]
        return subprocess.run(call, capture_output=True, text=True, timeout=120)

    done = check(own)
    assert (done.returncode, done.stdout.count("WARN")) == (0, 0), done.stdout
    stateful = objects(rendered, "StatefulSet")[0]
    stateful["spec"]["replica"] = 1
    assert check([stateful]).returncode != 0, "the check finds nothing"


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("ServiceMonitor", {"endpoint": []}),
        ("ServiceMonitor", {"endpoints": [{"interval": "15 s"}]}),
        ("PrometheusRule", {"rules": []}),
        ("PrometheusRule", {"groups": [{"name": "cjo", "rules": [{"alert": "Down"}]}]}),
    ],
)
def test_custom_objects_are_off_unless_asked_for_and_as_their_operator_says(
    kind: str, wrong: dict[str, Any]
) -> None:
    schema = (Path(__file__).parent / f"{kind.lower()}.json").read_text()
    schema = schema.replace("^(?i)", "(?i)^")  # Go takes a flag anywhere, Python at the beginning
    assert objects(helm().stdout, kind) == []
    (found,) = objects(helm(*EVERYTHING).stdout, kind)
    mistaken = {**found, "spec": {**found["spec"], **wrong}}
    code = "import json, jsonschema, sys; jsonschema.validate(*map(json.loads, sys.argv[1:]))"
    for document, is_right in ((found, True), (mistaken, False)):
        call = [str(VALIDATE.parent / "python"), "-c", code, json.dumps(document), schema]
        done = subprocess.run(call, capture_output=True, text=True, timeout=60)
        assert (done.returncode == 0) is is_right, done.stderr


def test_metrics_are_served_as_probes_and_prometheus_ask_for_them() -> None:
    for text, scheme in ((helm().stdout, None), (helm(*EVERYTHING).stdout, "HTTPS")):
        for stage in objects(text, "StatefulSet"):
            (container,) = stage["spec"]["template"]["spec"]["containers"]
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert container[probe]["httpGet"].get("scheme") == scheme
            named = [one for one in container["env"] if one["name"].startswith("CJO_METRICS_")]
            assert len(named) == (4 if scheme else 0)
            mounted = [one["mountPath"] for one in container["volumeMounts"]]
            for one in named:
                if file := one.get("value"):
                    assert str(Path(file).parent) in mounted
        for job in objects(text, "Job"):
            (container,) = job["spec"]["template"]["spec"]["containers"]
            assert "CJO_METRICS" not in str(container)
    (monitor,) = objects(helm(*EVERYTHING).stdout, "ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["scheme"] == "https"
    assert endpoint["tlsConfig"]["serverName"] == "cjo-stream"
    assert endpoint["basicAuth"]["password"] == {"name": "login", "key": "password"}


@pytest.mark.parametrize(
    ("values", "name"), [((), "default.cjo"), (("installation=shop",), "shop")]
)
def test_the_autoscaler_asks_for_what_the_monitor_calls_this_release(
    values: tuple[str, ...], name: str
) -> None:
    text = helm(*EVERYTHING, *values).stdout
    (monitor,) = objects(text, "ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    given = {one["targetLabel"]: one.get("replacement") for one in endpoint["relabelings"]}
    assert given["installation"] == name
    (scaler,) = objects(text, "HorizontalPodAutoscaler")
    (metric,) = scaler["spec"]["metrics"]
    selected = metric["external"]["metric"]["selector"]["matchLabels"]
    assert selected == {"stage": "task", "installation": name}


def test_each_pod_is_a_process_of_its_own_that_rules_know_by_its_stage() -> None:
    text = helm(*EVERYTHING).stdout
    (monitor,) = objects(text, "ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    (given,) = [one for one in endpoint["relabelings"] if one["targetLabel"] == "process"]
    named = set()
    for stage in objects(text, "StatefulSet"):
        pod = {
            "__meta_kubernetes_pod_name": f"{stage['metadata']['name']}-12",
            **{
                f"__meta_kubernetes_pod_label_{re.sub(r'[^a-z]', '_', key)}": value
                for key, value in stage["spec"]["template"]["metadata"]["labels"].items()
            },
        }
        joined = ";".join(pod[one] for one in given["sourceLabels"])
        found = re.fullmatch(given["regex"], joined)
        assert found is not None, joined
        named.add(found.expand(given["replacement"].replace("${", r"\g<").replace("}", ">")))
    assert named == {
        "intake-12", "worker-12", "dispatch-12", "learn-12", "insight-12", "webhook-12",
    }  # fmt: skip
    matched = {one for one in named if re.fullmatch(NOT_ON_THE_WAY, one)}
    assert matched == {"learn-12", "insight-12", "webhook-12"}


def test_the_rules_are_those_of_the_repository() -> None:
    assert objects(helm().stdout, "PrometheusRule") == []
    (rules,) = objects(helm(*EVERYTHING).stdout, "PrometheusRule")
    assert rules["spec"] == yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())


def _processes(text: str) -> Iterator[tuple[str, Any]]:
    for kind in ("StatefulSet", "Job"):
        for one in objects(text, kind):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def test_no_process_may_do_more_than_it_needs(rendered: str) -> None:
    processes = dict(_processes(rendered))
    names = {re.sub("-1-[0-9a-f]{8}$", "", name) for name in processes}
    assert {"cjo-intake", "cjo-worker", "cjo-dispatch", "cjo-topics"} <= names
    for name, pod in processes.items():
        assert pod["securityContext"]["runAsNonRoot"], name
        assert not pod["automountServiceAccountToken"], name
        for container in pod["containers"]:
            allowed = container["securityContext"]
            assert allowed["readOnlyRootFilesystem"], name
            assert allowed["capabilities"] == {"drop": ["ALL"]}, name
            mounted = {one["mountPath"] for one in container["volumeMounts"]}
            assert {"/var/lib/cjo-stream", "/tmp"} <= mounted, name


def test_each_object_is_found_by_what_selects_it(rendered: str) -> None:
    pods = [one["spec"]["template"]["metadata"] for one in objects(rendered, "StatefulSet")]

    def found(labels: dict[str, str]) -> int:
        return sum(labels.items() <= pod["labels"].items() for pod in pods)

    for service in objects(rendered, "Service"):
        assert found(service["spec"]["selector"]) == 1, service["metadata"]["name"]
    for budget in objects(rendered, "PodDisruptionBudget"):
        assert found(budget["spec"]["selector"]["matchLabels"]) == 1
    for policy in objects(rendered, "NetworkPolicy"):
        assert found(policy["spec"]["podSelector"]["matchLabels"]) == len(pods)
    names = {one["metadata"]["name"] for one in objects(rendered, "StatefulSet")}
    for scaler in objects(rendered, "HorizontalPodAutoscaler"):
        assert scaler["spec"]["scaleTargetRef"]["name"] in names
        (scaled,) = [
            one
            for one in objects(rendered, "StatefulSet")
            if one["metadata"]["name"] == scaler["spec"]["scaleTargetRef"]["name"]
        ]
        assert "replicas" not in scaled["spec"], "a release would undo the scaling"


def test_a_process_may_have_a_user_of_its_own() -> None:
    own, secret = "access.settings.CJO_KAFKA__SASL_USERNAME", "access.secretName"
    named = ("worker", "learn", "jobs.topics")
    wanted = [f"{at}.{what}={at}" for at in named for what in (own, secret)]
    for name, pod in _processes(helm(*EVERYTHING, *wanted).stdout):
        (user,) = [at for at in named if at.removeprefix("jobs.") in name] or [None]
        (container,) = pod["containers"]
        env = {one["name"]: one.get("value") for one in container["env"]}
        assert env.get("CJO_KAFKA__SASL_USERNAME") == user, name
        (secrets,) = [one["secret"] for one in pod["volumes"] if one["name"] == "secrets"]
        assert secrets["secretName"] == (user or "cjo-stream"), name


def test_a_job_that_would_change_is_another_job() -> None:
    def jobs(*values: str) -> set[str]:
        text = helm("topology.configMap=topology", *values).stdout
        return {one["metadata"]["name"] for one in objects(text, "Job")}

    assert len(jobs()) == 2
    assert jobs() == jobs()
    for value in ("image.tag=2", "settings.CJO_PARTITIONS=4", "topology.configMap=other"):
        assert not jobs() & jobs(value), value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("worker.replica=2", "replica"),
        ("worker.replicas=none", "replicas"),
        ("settings.PARTITIONS=4", "PARTITIONS"),
        ("settings.CJO_METRICS_PORT=9000", "CJO_METRICS_PORT"),
        ("worker.access.settings.CJO_SLOT=9", "CJO_SLOT"),
        ("worker.access.secret=own", "secret"),
        ("secretName=", "secretName"),
        ("installation=a/b", "installation"),
        ("webhook.enabled=true", "webhook.secretName"),
    ],
)
def test_a_wrong_value_is_refused(value: str, said: str) -> None:
    done = helm(value)
    assert done.returncode != 0
    assert said in done.stderr
