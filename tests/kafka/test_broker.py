"""A broker of one's own: what keeps it from starting, and whom it lets in."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from cjo_stream.definition import load
from cjo_stream.errors import RefusalError, RetryError, StopError, UsageError
from cjo_stream.kafka.client import admin as admin_module
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.definition.apply import apply, current
from cjo_stream.kafka.local import broker as broker_module
from cjo_stream.kafka.local.broker import Broker
from cjo_stream.kafka.process.stage import Process
from cjo_stream.kafka.topic.check import create
from cjo_stream.kafka.topic.name import Names
from cjo_stream.kafka.topic.right import Right, rights
from cjo_stream.settings import Settings
from tests.kafka.conftest import make_settings
from tests.kafka.guarded import OPERATIONS, PASSWORD, as_user, guarded_broker
from tests.kafka.stages import (
    Tasks,
    in_background,
    make_dispatch,
    make_intake,
    make_topology,
    produce,
    read_all,
    until,
)
from tests.kafka.test_intake import event
from tests.kafka.test_loss import make_learn

pytestmark = pytest.mark.kafka

TOPOLOGY = """
topology: small
channels: {web: {in: {}}}
identity: {identifiers: [{type: user_id}]}
"""
RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional id": ResourceType.TRANSACTIONAL_ID,
}

REFUSALS_MAX = 60
T = TypeVar("T")


def java(folder: Path, version: int, then: str) -> str:
    """Return a JAVA_HOME whose Java formats anything, and then does this in a broker's place."""
    program = folder / str(version) / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        f"""#!/bin/sh
case "$*" in
  -version) echo 'openjdk version "{version}.0.1"' >&2 ;;
  *StorageTool*) ;;
  *) {then} ;;
esac
"""
    )
    program.chmod(0o755)
    return str(program.parents[1])


def test_a_local_broker_starts_once_what_it_says_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(tmp_path / "broker")
    monkeypatch.setenv("JAVA_HOME", java(tmp_path, 11, "exit 1"))
    with pytest.raises(UsageError, match=r"Mend what it says.* set JAVA_HOME to a newer one"):
        broker.start()
    monkeypatch.setenv("JAVA_HOME", java(tmp_path, 17, "exec sleep 60"))
    with pytest.raises(RetryError, match=r"does not answer\. Start it again"):
        broker.start(within_s=1)
    with monkeypatch.context() as patch:
        patch.setattr(broker_module, "SCRIPT", tmp_path / "none")
        with pytest.raises(
            UsageError, match=r"clone of the repository .* (CJO_KAFKA__\w+)="
        ) as told:
            broker.start()
    monkeypatch.delenv("JAVA_HOME")
    named = Admin(Settings(kafka={"bootstrap.servers": broker.bootstrap}))
    with monkeypatch.context() as patch:
        patch.setattr(admin_module, "ASK_S", 0.5)
        with pytest.raises(RetryError, match="is it up, and does CJO_KAFKA__BOOTSTRAP_SERVERS"):
            named.ping()
    with broker:
        named.ping()
        (variable,) = re.findall(r"(CJO_KAFKA__\w+)=host:port", str(told.value))
        monkeypatch.setenv(variable, broker.bootstrap)
        Admin(Settings()).ping()


class Guarded:
    """An installation on a broker that lets in whom it knows, to do what it was allowed."""

    def __init__(self, address: str, owner: Settings) -> None:
        self.address = address
        self.owner = owner
        """Who may do everything."""
        self.allowed: set[tuple[str, str, str]] = set()
        """What refusals have named: the operation, the kind of the resource, and its name."""

    def settings(self, password: str = PASSWORD) -> Settings:
        return as_user(self.owner, self.address, "app", password)

    def allow(self, refusal: str) -> None:
        """Do what a refusal says."""
        found = re.search(r"allow (.+) \(kafka-acls\.sh --add;", refusal)
        assert found is not None, refusal
        bindings = []
        for right in found[1].split(" and "):
            said = re.fullmatch(r"(\w+) of the (topic|group|transactional id) (\S+)", right)
            assert said is not None, refusal
            operation, resource, name = said.groups()
            self.allowed.add((operation, resource.replace(" ", "-"), name))
            bindings.append(
                AclBinding(
                    RESOURCES[resource],
                    name,
                    ResourcePatternType.LITERAL,
                    "User:app",
                    "*",
                    OPERATIONS[operation],
                    AclPermissionType.ALLOW,
                )
            )
        admin = Admin(self.owner)
        for future in admin.client.create_acls(bindings).values():
            admin.result(future)

    def once_allowed(self, call: Callable[[], T]) -> T:
        """Return what a call gives once its refusals have been followed, each for one right."""
        for _ in range(REFUSALS_MAX):
            try:
                return call()
            except RefusalError as error:
                self.allow(str(error))
                time.sleep(0.1)  # until the broker goes by it
        return call()


class Restarted:
    """A stage that is started again when it stops: once allowed, where the broker forbids it.

    It also stops where the others, which take turns with it, take long to start.
    """

    def __init__(self, guarded: Guarded, make: Callable[[], Process]) -> None:
        self._guarded = guarded
        self._make = make
        self._stage = guarded.once_allowed(make)

    def turn(self) -> None:
        try:
            self._stage.turn()
        except StopError as error:
            self._stage.abandon()
            if isinstance(error, RefusalError):
                self._guarded.allow(str(error))
            self._stage = self._guarded.once_allowed(self._make)

    def close(self) -> None:
        self._stage.close()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    with guarded_broker(tmp_path, ["app"]) as (owners, address):
        yield Guarded(address, make_settings(owners, tmp_path))


def test_who_is_not_known_or_allowed_is_once_credentials_and_access_are_as_the_refusals_say(
    guarded: Guarded, tmp_path: Path
) -> None:
    owner = guarded.owner
    with pytest.raises(RefusalError, match=r"set security\.protocol and the properties sasl"):
        Admin(guarded.settings("another")).ping()
    Admin(guarded.settings()).ping()

    definitions = load(make_topology(tmp_path / "topology", TOPOLOGY))
    create(owner, definitions.program)
    app = guarded.settings()
    with pytest.raises(RefusalError, match="the broker forbids this process's user to see"):
        make_dispatch(app)
    dispatch, tasks = Restarted(guarded, lambda: make_dispatch(app)), Tasks(owner)
    applied: list[Any] = in_background(
        lambda: guarded.once_allowed(lambda: apply(app, definitions))
    )
    until(lambda: applied, tasks, dispatch)
    assert guarded.once_allowed(lambda: current(app)) is not None, applied
    intake = Restarted(guarded, lambda: make_intake(app))
    learn = Restarted(guarded, lambda: make_learn(app))
    produce(owner, f"{owner.topic_prefix}event.web.v1", event("ann"))
    identity = Names(owner.topic_prefix).of("identity")
    until(lambda: read_all(owner, identity), intake, tasks, dispatch, learn)
    for stage in (intake, dispatch, learn):
        stage.close()
    assert {kind for _, kind, _ in guarded.allowed} == {"topic", "group", "transactional-id"}
    printed = list(rights(owner, definitions.program))
    for operation, kind, name in guarded.allowed:
        given = {one for right in printed if is_of(right, kind, name) for one in right.operations}
        included = {"Describe"} if given & {"Read", "Write"} else set()
        assert operation in given | included, f"`topics acl` lacks {operation} of {kind} {name}"


def is_of(right: Right, kind: str, name: str) -> bool:
    """Tell whether a right is one on this resource."""
    is_named = name.startswith(right.name) if right.is_prefix else name == right.name
    return right.resource == kind and is_named
