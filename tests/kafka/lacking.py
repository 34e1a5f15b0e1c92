"""Which command needs a right, for each that `topics acl` prints for the users of commands.

A row is of an operation on a resource (without the prefix), or of an operation on any other. In a
command, words in capitals stand for others.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

import msgspec

from cjo_stream.core.catalogue import ACTION, RECORDS
from cjo_stream.kafka.topic.right import Right
from tests.kafka.allowed import Allowed

UNASKED = ""
"""In place of a command that needs a right."""
REDRIVE = """dead-letters redrive --edit "type = 'cjo.outcome'" --yes"""
CREATE = {
    "Create": "topics create TOPOLOGY",
    "Describe": "topics verify TOPOLOGY",
    "DescribeConfigs": "topics verify TOPOLOGY",
    "Read definition.v1": "topics create",
    "Write definition.v1": "topics create",
    "Describe reader": "topics create",
    "Write cjo.apply": "topics create",
}
MOVE = {
    "Read": "base export REFUSED",
    "Write": "base import EXPORT",
    "Describe": "base import EXPORT",
    "DescribeConfigs": "base export REFUSED",
    # Only where a record is gone: to tell a loss from compaction.
    "DescribeConfigs event.web.v1": UNASKED,
    "DescribeConfigs outcome.v1": UNASKED,
    "Read internal.v1": "base import EXPORT",
    "Describe effect.v1": "base export REFUSED",
    "Describe reader": "base export REFUSED",
    "Describe cjo.dispatch": "base export REFUSED",
    "Read cjo.intake": "base import EXPORT",
}
OPERATOR = {
    "DescribeConfigs": "doctor TOPOLOGY",
    "Describe": "status",
    "Write": REDRIVE,
    **{f"Read action.{channel}.v1": "records action" for channel in ("web", "mail", "push")},
    **{f"Read {kind.name}.v1": f"records {kind.name}" for kind in RECORDS if kind is not ACTION},
    "Read dead_letter.v1": "dead-letters list",
    "Read reply.v1": "status",
    "Read internal.v1": "debug frames --most 1",
    "Write internal.v1": "status",
    "Read effect.v1": "debug frames --effects --most 1",
    "Read definition.v1": "status",
    "Write definition.v1": "apply OTHER --yes",
    "Write cjo.apply": "apply OTHER --yes",
    "Read cursor.v1": "debug replay --partition 0",
    "Read hold.v1": "status",
    "Write hold.v1": "hold --channel mail",
    "Read held.v1": "status",
    "Describe model.v1": "doctor TOPOLOGY",
}
INCLUDING = {"Read", "Write", "Delete"}
"""The operations that include Describe."""
TIMES = 6
"""That a command is given: the broker goes by a change a moment after it has taken it."""
PAUSE_S = 0.5


class Lacking(NamedTuple):
    """One operation that a user lacks; a refusal must name one of `names`."""

    right: Right
    operation: str
    names: tuple[str, ...]

    def is_named(self, said: str) -> bool:
        """Return whether a refusal names the operation and the resource."""
        of = f"of the {self.right.resource.replace('-', ' ')} {self.right.name}"
        refused = said.partition("the broker forbids this process's user")[2]
        return any(f"{name} {of}" in refused for name in self.names)


def unnamed(
    allowed: Allowed,
    found: Collection[Right],
    commands: Mapping[str, str],
    words: Mapping[str, str],
    before: Callable[[Lacking], None] = lambda _: None,
    *,
    only: str = "",
    prefix: str = "",
) -> list[tuple[Lacking, str, list[str]]]:
    """Take each operation away by turns; return those that its command has not named.

    `words` stand for those in capitals; `before` is called before each command; `only` is how the
    commands begin that are given.
    """
    wrong, used = [], set()
    for right, operation in [(one, what) for one in found for what in one.operations]:
        short = right.name.removeprefix(prefix or allowed.prefix)
        row = f"{operation} {short}" if f"{operation} {short}" in commands else operation
        used.add(row)
        if commands[row] == UNASKED or not commands[row].startswith(only):
            continue
        for lacking in _taken_away(allowed, right, operation):
            said: list[str] = []
            while len(said) < TIMES and not (said and lacking.is_named(said[-1])):
                time.sleep(PAUSE_S if said else 0)
                before(lacking)
                written = written_out(commands[row], words)
                said.append(allowed.as_(right.process, *written, prefix=prefix))
            if not lacking.is_named(said[-1]):
                wrong.append((lacking, commands[row], said))
    assert used == set(commands), "there are rows of rights that are not printed"
    return wrong


def written_out(command: str, words: Mapping[str, str]) -> list[str]:
    """Return the words of a command, others for those in capitals."""
    return [words.get(word, word) for word in shlex.split(command)]


def _taken_away(allowed: Allowed, right: Right, operation: str) -> Iterator[Lacking]:
    """Yield an operation, which is not allowed meanwhile.

    One that includes Describe is yielded twice if no other gives that: without it, then with it.
    """
    others = {"Describe", *INCLUDING} & {*right.operations} - {operation}
    with allowed.without(right, operation):
        if operation not in INCLUDING or others:
            yield Lacking(right, operation, (operation,))
            return
        yield Lacking(right, operation, (operation, "Describe"))
        describe = msgspec.structs.replace(right, operations=("Describe",))
        allowed.allow([describe])
        try:
            yield Lacking(right, operation, (operation,))
        finally:
            allowed.take_away(describe)
