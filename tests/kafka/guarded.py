"""A broker that lets in whom it knows, to do what it was allowed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation

from cjo_stream.kafka.local.broker import Broker, free_port
from cjo_stream.settings import Settings

PASSWORD = "a-password-of-the-tests"
PROPERTIES = """
listeners=PLAINTEXT://127.0.0.1:PORT,SASL://127.0.0.1:GUARDED,CONTROLLER://127.0.0.1:CONTROLLER
advertised.listeners=PLAINTEXT://127.0.0.1:PORT,SASL://127.0.0.1:GUARDED
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required USERS;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
"""Who comes by GUARDED is asked who it is, and may do what it was allowed."""
OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
    "Create": AclOperation.CREATE,
    "Delete": AclOperation.DELETE,
}
"""By the names that the broker's tools give them."""


@contextmanager
def guarded_broker(folder: Path, users: Collection[str]) -> Iterator[tuple[str, str]]:
    """Run a broker; give the address of who may do everything, and that of the users."""
    broker, port = Broker(folder / "broker"), free_port()
    file = folder / "guarded.properties"
    names = {"PORT": broker.port, "GUARDED": port, "CONTROLLER": broker._controller_port}
    text = re.sub(r"(?<=127\.0\.0\.1:)\w+", lambda m: str(names[m[0]]), PROPERTIES)
    file.write_text(text.replace("USERS", " ".join(f'user_{u}="{PASSWORD}"' for u in users)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CJO_BROKER_PROPERTIES", str(file))
        broker.start()
    try:
        yield broker.bootstrap, f"127.0.0.1:{port}"
    finally:
        broker.stop()


def properties(address: str, user: str, password: str = PASSWORD) -> dict[str, str]:
    """Return the properties with which a user comes to the broker."""
    return {
        "bootstrap.servers": address,
        "security.protocol": "sasl_plaintext",
        "sasl.mechanism": "PLAIN",
        "sasl.username": user,
        "sasl.password": password,
    }


def as_user(settings: Settings, address: str, user: str, password: str = PASSWORD) -> Settings:
    """Return settings by which a user comes to the broker."""
    return settings.model_copy(update={"kafka": properties(address, user, password)})
