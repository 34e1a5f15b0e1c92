"""The files of `deploy` are true: what they name exists, and they name what there is."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cjo_stream.definition import load
from cjo_stream.kafka.process import ending
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Health, Metrics, access_of, serve
from tests.deploy import commands, image, lock
from tests.deploy.commands import COMPOSE, DOCKERFILE, UNIT
from tests.docs.command import parse
from tests.world.certificate import Authority

TOPOLOGY = """\
topology: cafe
channels: {web: {in: {}}}
identity: {identifiers: [{type: card}]}
"""


def test_every_call_of_the_program_is_one() -> None:
    calls = list(commands.commands())
    assert {path.name for path, _ in calls} >= {COMPOSE.name, UNIT.name, "stages.yaml"}
    for path, arguments in calls:
        try:
            parse(arguments)
        except Exception as error:
            pytest.fail(f"{path}: cjo-stream {' '.join(arguments)}: {error}")
    with pytest.raises(Exception, match="worked"):
        parse(["worker", "worked"])


def test_every_variable_is_a_setting() -> None:
    named = set(commands.variables())
    assert len(named) > 20
    assert [one for one in named if not commands.is_setting(one[1])] == []
    assert not commands.is_setting("CJO_PARTITION")


def test_the_image_installs_what_the_project_is_tested_with() -> None:
    assert lock.IMAGE_LOCK.read_text() == lock.drawn(), "run `python -m tests.deploy`"
    assert "mypy==" not in lock.drawn()


def test_the_image_is_built_of_files_that_there_are() -> None:
    kept = {
        line[1:]
        for line in (lock.ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text())
    assert {one for line in copied for one in line.split()} == kept
    for one in kept:
        assert (lock.ROOT / one).exists()


@pytest.mark.parametrize("has_tls", [False, True])
def test_the_image_asks_its_process_as_it_answers(tmp_path: Path, has_tls: bool) -> None:
    (check,) = re.findall(r"(?m)^HEALTHCHECK .* CMD (\[.*\])$", DOCKERFILE.read_text())
    _, *words = json.loads(check)
    given: dict[str, str] = {}
    if has_tls:
        certificate, key = Authority().written(tmp_path, "somewhere")
        given = {"CJO_METRICS_TLS_CERT": str(certificate), "CJO_METRICS_TLS_KEY": str(key)}
    problems: list[str] = []
    health = Health(live=lambda: problems[0] if problems else None)
    files = {name.removeprefix("CJO_").lower(): value for name, value in given.items()}
    access = access_of(Settings(**files))  # type: ignore[arg-type]  # paths as texts
    endpoint = serve(Metrics(), health, "127.0.0.1", 0, tmp_path, access)
    call = [sys.executable, *(word.replace("9464", str(endpoint.port)) for word in words)]
    try:
        for code in (0, 1):
            done = subprocess.run(call, env=given, capture_output=True, text=True, timeout=30)
            assert done.returncode == code, done.stderr
            problems.append("it hangs")
        assert "503" in done.stderr
    finally:
        endpoint.close()


@pytest.mark.parametrize(("command", "code"), [("true", 1), ("false", 0), ("touch /none/x", 0)])
def test_what_an_image_must_refuse_ends_its_proof_where_it_works(command: str, code: int) -> None:
    script = f"set -e; {image.refused(command)}; true"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (code, f"works: {command}\n" * code)


def test_no_step_of_an_image_s_proof_is_passed_over(tmp_path: Path) -> None:
    stage = image.Stage(tmp_path)
    for word in ("ENTRYPOINT", "HEALTHCHECK"):
        (stage.said[word],) = re.findall(rf"(?m)^{word} (.+)$", DOCKERFILE.read_text())
    proof = image.proof(stage)
    assert "! " not in proof, "`set -e` does not end a script there"
    assert image.refused(f"touch {image.OF_ROOT}/x") in proof
    (owned,) = re.findall(r"(?m)^RUN install -d -o 10001 .+$", DOCKERFILE.read_text())
    assert image.OF_ROOT in owned.split(), "another user could not write there anyway"
    assert image.OF_ROOT not in re.findall(r"(?m)^VOLUME (.+)$", DOCKERFILE.read_text())


def test_compose_names_volumes_and_services_that_there_are() -> None:
    whole = commands.compose()
    volumes, services = whole["volumes"], whole["services"]
    for name, service in services.items():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if not source.startswith((".", "$")):
                assert source in volumes, name
        assert set(service.get("depends_on", ())) <= set(services), name
    named = {m.split(":")[0] for s in services.values() for m in s.get("volumes", ())}
    assert set(volumes) <= named
    slots = [
        (one["command"][0], one["environment"].get("CJO_SLOT"))
        for one in services.values()
        if one["image"] == "cjo-stream"
        and one["command"][0] not in ("topics", "apply")
        and "entrypoint" not in one
    ]
    assert len(slots) == len(set(slots)), "two processes of a kind share a slot"


def test_the_topology_that_compose_s_head_names_is_there() -> None:
    """Compose takes a relative path from its file's folder, so the head must not name one."""
    (named,) = re.findall(r"(?m)^#   TOPOLOGY=(\S+) docker compose", COMPOSE.read_text())
    assert load(Path(named.replace("$PWD", str(lock.ROOT)))).program.topology == "shop"
    assert named.startswith("$PWD/")


def test_systemd_starts_as_many_workers_as_prometheus_looks_at() -> None:
    (workers,) = re.findall(r"(?m)^WORKERS=(\d+)$", (UNIT.parent / "cjo-stream.env").read_text())
    looked_at = (UNIT.parents[1] / "prometheus/prometheus.yml").read_text()
    assert len(re.findall(r"process: worker-\d+", looked_at)) == int(workers)


def test_systemd_starts_nothing_again_that_no_start_helps() -> None:
    (codes,) = re.findall(r"(?m)^RestartPreventExitStatus=(.+)$", UNIT.read_text())
    assert {int(code) for code in codes.split()} == {ending.USAGE, ending.REFUSED}


def test_a_topology_that_kubernetes_mounts_is_read(tmp_path: Path) -> None:
    """A ConfigMap is a folder of links, into a hidden folder of its version."""
    version = tmp_path / "..2026_11_30"
    version.mkdir()
    (version / "topology.yaml").write_text(TOPOLOGY)
    (tmp_path / "..data").symlink_to(version.name)
    (tmp_path / "topology.yaml").symlink_to("..data/topology.yaml")
    assert load(tmp_path).program.topology == "cafe"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = UNIT.read_text().replace("/opt/cjo-stream/bin/cjo-stream", "/bin/true")
    unit = tmp_path / UNIT.name
    unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )
    said = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, said) == (0, []), done.stderr
