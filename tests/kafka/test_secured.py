"""An installation over SASL_SSL with SCRAM, and what is said where that way is shut."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from cjo_stream.errors import CjoError, RefusalError, RetryError, UsageError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.process.ending import REFUSED
from cjo_stream.settings import Settings
from tests.kafka.conftest import TENANT_KEY
from tests.kafka.secured import PASSWORD, Secured, secured_broker
from tests.kafka.stages import make_topology, produce
from tests.kafka.supervised import Supervised
from tests.world.certificate import Authority
from tests.world.chain import Chain
from tests.world.files import readable
from tests.world.scene import ACTIONS, HEAD

pytestmark = pytest.mark.kafka

TOPOLOGY = f"""{HEAD}{ACTIONS}
---
journey: greeting
version: 1
entry: {{on: ask, key: event.k}}
initial: asked
states:
  asked: {{enter: [{{act: hello}}], after: {{1s: over}}}}
  over: {{end: over}}
"""
WITHIN_S = 120.0
TOLD_WITHIN_S = 40.0
"""That includes the start of a process, on a busy machine."""


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_broker(tmp_path_factory.mktemp("secured")) as broker:
        yield broker


class SecureChain(Chain):
    """An installation whose secrets stand in files."""

    def __init__(self, broker: Secured, folder: Path, **given: str) -> None:
        super().__init__(broker.owners, folder, partitions=2)
        self.given = broker.properties(**given)
        self.secrets = {"CJO_TENANT_KEY": TENANT_KEY, "CJO_KAFKA__SASL_PASSWORD": PASSWORD}

    def env(self, name: str = "", slot: str = "0") -> dict[str, str]:
        kafka = {f"CJO_KAFKA__{k.upper().replace('.', '_')}": v for k, v in self.given.items()}
        archive = {"CJO_ARCHIVE": str(self.folder / "archive"), "CJO_ARCHIVE_INTERVAL_S": "1"}
        env = {**super().env(name, slot), **kafka, **archive}
        for variable, secret in self.secrets.items():
            if env[variable] == secret:
                del env[variable]
                file = self.folder / variable
                file.write_text(f"{secret}\n")
                env[f"{variable}_FILE"] = str(file)
        return env


def until(condition: Any, within_s: float = WITHIN_S) -> Any:
    end_s = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < end_s, "it did not come to pass"
        time.sleep(0.2)
    return found


def test_an_installation_works_over_tls_and_scram(secured: Secured, tmp_path: Path) -> None:
    chain = SecureChain(secured, tmp_path)
    topology = make_topology(tmp_path / "topology", TOPOLOGY)
    chain.command("topics", "create", str(topology))
    owner = Settings(kafka={"bootstrap_servers": secured.owners})
    with Supervised(chain) as up:
        chain.command("apply", str(topology), "--yes", timeout=120)
        until(lambda: up.all_are("readyz", 200))
        for number in range(5):
            event = {
                "type": "ask",
                "time": int(time.time() * 1000),
                "identifiers": {"user": f"u{number}", "email": f"u{number}@example.com"},
                "attributes": {"k": number},
            }
            produce(owner, f"{chain.prefix}event.web.v1", event)
        until(lambda: sum(map(len, chain.read("action.mail.v1").values())) == 5)
        assert "definition set 1" in chain.command("status")
        assert "hello" in chain.command("customer", "history", "user:u1")
        processes = [
            up.process.pid,
            *(one.pid for one in psutil.Process(up.process.pid).children()),
        ]
        assert len(processes) >= 5
        for pid in processes:
            for file in ("environ", "cmdline"):
                shown = Path(f"/proc/{pid}/{file}").read_bytes()
                for secret in chain.secrets.values():
                    assert secret.encode() not in shown
        for name in ("data", "checkpoints", "archive"):
            until((tmp_path / name).exists)

        # Another key is put into the file: the processes keep the one that they began with, and
        # none of them begins with the other.
        (tmp_path / "CJO_TENANT_KEY").write_text("another-key-of-16-characters-or-more")
        _, intake, *_ = processes
        psutil.Process(intake).kill()
        assert up.process.wait(WITHIN_S) == REFUSED
    ends = [line["message"] for line in up.lines() if "CJO_TENANT_KEY_FILE names" in str(line)]
    assert "is not the key of this installation" in ends[-1]
    # The test's own umask lets everybody read.
    assert [readable(tmp_path / one) for one in ("data", "checkpoints", "archive")] == [[], [], []]
    said = up.log.read_text()
    for secret in chain.secrets.values():
        assert secret not in said


SHUT = {
    "another password": ({"sasl_password": "another"}, RefusalError, "set security.protocol and"),
    "another user": ({"sasl_username": "nobody"}, RefusalError, "CJO_KAFKA__SASL_USERNAME"),
    "another mechanism": (
        {"sasl_mechanism": "SCRAM-SHA-256"},
        RefusalError,
        "supported mechanisms: SCRAM-SHA-512",
    ),
    "no such mechanism": ({"sasl_mechanism": "SCRAM"}, UsageError, "mechanism: SCRAM; set"),
    "another authority": (
        {"ssl_ca_location": "another.pem"},
        RetryError,
        "(unable to get local issuer certificate): set CJO_KAFKA__SSL_CA_LOCATION",
    ),
    "no authority": (
        {"ssl_ca_location": "probe"},
        RetryError,
        "(unable to get local issuer certificate): set CJO_KAFKA__SSL_CA_LOCATION",
    ),
    "a missing file": ({"ssl_ca_location": "absent.pem"}, UsageError, "ssl.ca.location failed"),
    "an expired certificate": (
        {"listener": "EXPIRED"},
        RetryError,
        "(certificate has expired): renew it at the broker",
    ),
    "another host's certificate": (
        {"listener": "ELSEWHERE"},
        RetryError,
        "name the broker in CJO_KAFKA__BOOTSTRAP_SERVERS as its certificate does",
    ),
    "in clear to TLS": (
        {"security_protocol": "plaintext"},
        RetryError,
        "speaks TLS: set CJO_KAFKA__SECURITY_PROTOCOL to sasl_ssl",
    ),
    "a password in clear to TLS": (
        {"security_protocol": "sasl_plaintext"},
        RetryError,
        "speaks TLS: set CJO_KAFKA__SECURITY_PROTOCOL to sasl_ssl",
    ),
    "TLS to one in clear": (
        {"listener": "PLAINTEXT"},
        RetryError,
        "does not speak TLS: set CJO_KAFKA__SECURITY_PROTOCOL to sasl_plaintext",
    ),
    "without a user": (
        {"security_protocol": "ssl"},
        RetryError,
        "asks who this is: set CJO_KAFKA__SECURITY_PROTOCOL to sasl_ssl",
    ),
    "with a user where nobody is asked": (
        {"listener": "PLAINTEXT", "security_protocol": "sasl_plaintext"},
        RefusalError,
        "set security.protocol",
    ),
}


def test_a_way_that_is_shut_is_told_with_what_to_set(secured: Secured, tmp_path: Path) -> None:
    (tmp_path / "another.pem").write_bytes(Authority("another").pem)

    def told(name: str) -> tuple[float, CjoError]:
        given, _, _ = SHUT[name]
        if (ca := given.get("ssl_ca_location", "").replace("absent", "none")).endswith(".pem"):
            given = {**given, "ssl_ca_location": str(tmp_path / ca)}
        properties = secured.properties(**given)
        began_s = time.monotonic()
        with pytest.raises(CjoError) as caught:
            Admin(Settings(kafka=properties)).describe(["any"])
        return time.monotonic() - began_s, caught.value

    with ThreadPoolExecutor(len(SHUT)) as pool:
        found = dict(zip(SHUT, pool.map(told, SHUT), strict=True))
    for name, (took_s, error) in found.items():
        _, kind, words = SHUT[name]
        assert (type(error), words in str(error)) == (kind, True), f"{name}: {error}"
        assert PASSWORD not in str(error)
        assert took_s < TOLD_WITHIN_S, name
    assert Admin(Settings(kafka=secured.properties())).describe(["any"]) == {}


@pytest.mark.parametrize("stage", ["intake", "worker", "dispatch", "learn"])
def test_each_process_ends_or_waits_and_says_why(
    secured: Secured, tmp_path: Path, stage: str
) -> None:
    chain = SecureChain(secured, tmp_path, sasl_password="another")
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "cjo_stream", stage],
        env=chain.env(),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )
    assert (done.returncode, "does not accept this process's credentials" in done.stderr) == (
        1,
        True,
    ), done.stderr
    assert time.monotonic() - began_s < TOLD_WITHIN_S
    waiting = SecureChain(secured, tmp_path, listener="EXPIRED")
    waiting._start(stage)
    log = tmp_path / f"{stage}.log"
    until(lambda: "certificate has expired" in log.read_text(), TOLD_WITHIN_S)
    waiting.processes[stage].terminate()
    assert waiting.processes[stage].wait(WITHIN_S) in (0, -15)
