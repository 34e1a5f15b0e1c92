"""An installation where each user has the rights that `topics acl` prints, and no others."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from cjo_stream.cli.app import call
from cjo_stream.definition import load
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.topic.right import Right, rights
from cjo_stream.settings import Settings
from tests.kafka.conftest import TENANT_KEY
from tests.kafka.guarded import OPERATIONS, as_user, properties
from tests.kafka.stages import make_topology
from tests.world.chain import Chain
from tests.world.scene import ACTIONS, ASK, HEAD, PROFILE

PREDICT = """
predict:
  answers: {on: ask, event: cjo.outcome, within: 2s, prior: 0.4, features: [profile.asks]}
"""
WITHIN_S = 90.0
COMMAND_S = 60
"""The longest that a command may take: else its process is killed."""
RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
}


class Allowed(Chain):
    """An installation each of whose processes has a user of its own, with the rights printed."""

    def __init__(self, owners: str, address: str, folder: Path) -> None:
        super().__init__(owners, folder, partitions=2)
        self.address = address
        self.names.append("learn")
        self.user = "operator"
        """Of commands."""
        text = ASK.replace("EXPLORE", "explore: {thompson: true}").replace("HOLDOUT", "")
        profile = f"{PROFILE}  traits: {{asks: {{count: ask}}}}\n{PREDICT}"
        text = text.replace("reward_window: 2d", "reward_window: 2s")
        self.topology = make_topology(folder / "topology", f"{HEAD}{profile}{ACTIONS}---\n{text}")
        self.owner = Settings(
            kafka={"bootstrap.servers": owners},
            topic_prefix=self.prefix,
            tenant_key=TENANT_KEY,
            data_dir=folder / "own",
            learn_interval_s=0.5,
            partitions=2,
        )
        self.rights = self.rights_of(self.prefix)
        self._admin = Admin(self.owner)
        self.allow(self.rights)
        # One that has imported everything already: a command takes a third of its time.
        self._commands = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))

    def close(self) -> None:
        """End what runs the commands."""
        self._commands.shutdown()

    def rights_of(self, prefix: str) -> list[Right]:
        """Return what `topics acl` prints for an installation of that prefix."""
        settings = self.owner.model_copy(update={"topic_prefix": prefix})
        return list(rights(settings, load(self.topology).program))

    def env(self, name: str = "", slot: str = "0") -> dict[str, str]:
        given = properties(self.address, name.partition("-")[0] or self.user)
        return {
            **super().env(name, slot),
            **{f"CJO_KAFKA__{k.replace('.', '_').upper()}": v for k, v in given.items()},
            "CJO_LEARN_INTERVAL_S": "0.5",
        }

    def as_(self, user: str, *words: str, prefix: str = "") -> str:
        """Run a command as a user, whatever it says; return all that it prints."""
        env = {**self.env(user), "CJO_TOPIC_PREFIX": prefix or self.prefix}
        return self._commands.submit(_run, env, words).result()

    def settings(self, user: str) -> Settings:
        return as_user(self.owner, self.address, user)

    def allow(self, found: Iterable[Right]) -> None:
        bindings = [AclBinding(*_binding(one, what)) for one in found for what in one.operations]
        for future in self._admin.client.create_acls(bindings).values():
            self._admin.result(future)

    @contextmanager
    def without(self, right: Right, operation: str) -> Iterator[None]:
        """Take one operation away for a time."""
        one = msgspec.structs.replace(right, operations=(operation,))
        self.take_away(one)
        try:
            yield
        finally:
            self.allow([one])

    def take_away(self, right: Right) -> None:
        """Take a right of one operation away."""
        (operation,) = right.operations
        binding = AclBindingFilter(*_binding(right, operation))
        for future in self._admin.client.delete_acls([binding]).values():
            assert len(self._admin.result(future)) == 1, right


def _run(env: Mapping[str, str], words: Iterable[str]) -> str:
    """Run a command in this process; return all that it prints."""
    os.environ.update(env)
    signal.alarm(COMMAND_S)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        call(list(words))
    signal.alarm(0)
    return said.getvalue()


def _binding(right: Right, operation: str) -> tuple[Any, ...]:
    pattern = ResourcePatternType.PREFIXED if right.is_prefix else ResourcePatternType.LITERAL
    return (
        RESOURCES[right.resource],
        right.name,
        pattern,
        f"User:{right.process}",
        "*",
        OPERATIONS[operation],
        AclPermissionType.ALLOW,
    )


def until(condition: Callable[[], Any]) -> Any:
    end_s = time.monotonic() + WITHIN_S
    while not (found := condition()):
        assert time.monotonic() < end_s, "it did not come to pass"
        time.sleep(0.2)
    return found


def event(type_: str, user: str, **attributes: Any) -> dict[str, Any]:
    return {
        "type": type_,
        "time": int(time.time() * 1000),
        "identifiers": {"user": user, "email": f"{user}@example.com"},
        "attributes": attributes,
    }
