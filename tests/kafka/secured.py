"""A broker with listeners that speak TLS: one with a good certificate, others with bad ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from cjo_stream.kafka.local.broker import Broker, free_port
from tests.world.certificate import DAY, Authority

USER = "cjo"
PASSWORD = "a password of the tests: 'with' signs, and päss"
HERE = "127.0.0.1"
MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"
LISTENERS = {
    "SECURE": {},
    "EXPIRED": {"ends_in": -DAY},
    "ELSEWHERE": {"host": "broker.elsewhere.example"},
}
"""What is odd about the certificate of each."""


class Secured(NamedTuple):
    """What a client needs to know."""

    owners: str
    """The address of who may do everything, in clear."""
    addresses: dict[str, str]
    """By the name of a listener."""
    ca: Path

    def properties(self, listener: str = "SECURE", **given: str) -> dict[str, str]:
        """Return the properties of a client, some of them given, with `_` for `.`."""
        return {
            "bootstrap.servers": self.addresses[listener],
            "security.protocol": "sasl_ssl",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": USER,
            "sasl.password": PASSWORD,
            "ssl.ca.location": str(self.ca),
            **{name.replace("_", "."): value for name, value in given.items()},
        }


@contextmanager
def secured_broker(folder: Path) -> Iterator[Secured]:
    """Run a broker whose certificates an authority of its own has signed."""
    authority, broker = Authority(), Broker(folder / "broker")
    ca = folder / "ca.pem"
    ca.write_bytes(authority.pem)
    ports = {name: free_port() for name in LISTENERS}
    names = {
        f"PLAINTEXT://{HERE}:{broker.port}": "PLAINTEXT:PLAINTEXT",
        **{f"{name}://{HERE}:{port}": f"{name}:SASL_SSL" for name, port in ports.items()},
        f"CONTROLLER://{HERE}:{broker._controller_port}": "CONTROLLER:PLAINTEXT",
    }
    lines = [
        f"listeners={','.join(names)}",
        f"advertised.listeners={','.join(list(names)[:-1])}",
        f"listener.security.protocol.map={','.join(names.values())}",
        "sasl.enabled.mechanisms=SCRAM-SHA-512",
    ]
    for name, odd in LISTENERS.items():
        ends_in = odd.get("ends_in", DAY)
        assert isinstance(ends_in, dt.timedelta)
        certificate, key = authority.pair(str(odd.get("host", HERE)), ends_in=ends_in)
        store = folder / f"{name}.pem"
        store.write_bytes(key + certificate)
        mine = f"listener.name.{name.lower()}"
        lines += [
            f"{mine}.ssl.keystore.type=PEM",
            f"{mine}.ssl.keystore.location={store}",
            f"{mine}.scram-sha-512.sasl.jaas.config={MODULE} required;",
        ]
    file = folder / "secured.properties"
    file.write_text("\n".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CJO_BROKER_PROPERTIES", str(file))
        broker.start()
    try:
        _make_user(broker.bootstrap)
        addresses = {name: f"{HERE}:{port}" for name, port in ports.items()}
        yield Secured(broker.bootstrap, {"PLAINTEXT": broker.bootstrap, **addresses}, ca)
    finally:
        broker.stop()


def _make_user(bootstrap: str) -> None:
    how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    wanted = UserScramCredentialUpsertion(USER, how, PASSWORD.encode())
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.alter_user_scram_credentials([wanted])[USER].result(30)
