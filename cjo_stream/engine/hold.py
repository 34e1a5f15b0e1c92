"""Holds: an operator stops commands until a release; they wait in the order in which they came.

Dispatch puts a command that a hold is of on a *shelf*, a log of its own beside each effect
partition, and goes on with the others. When holds are released, a *pass* over the shelf sends
what no hold is of any more:

    shelf    | a | b | a | a | b |            a is held still, b is released
           low ▲           ▲ through          what lies between, and is no a, has been sent

A pass that is broken off by another hold stays noted: what it sent is not sent again. While
commands of a channel wait to leave the shelf, new ones of that channel go onto it behind them. So
no command of a channel overtakes another, and other channels go on.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cjo_stream.core.catalogue import ACTION
from cjo_stream.engine.frame import Effect


class Which(msgspec.Struct, frozen=True, array_like=True, order=True):
    """The commands that a hold is of: of a channel, of an action, of both; empty: all."""

    channel: str = ""
    action: str = ""

    def __str__(self) -> str:
        named = {"channel": self.channel, "action": self.action}
        return " ".join(f"{what} {name}" for what, name in named.items() if name) or "all commands"

    def is_of(self, channel: str, action: str) -> bool:
        """Return whether a command is one of these."""
        return self.channel in ("", channel) and self.action in ("", action)


class Hold(msgspec.Struct, frozen=True):
    """An operator's order that commands wait."""

    which: Which
    who: str
    why: str
    at: int
    """When, ms."""

    @property
    def key(self) -> bytes:
        """What this hold replaces an earlier one by: each operator has holds of their own."""
        return msgspec.json.encode([*msgspec.structs.astuple(self.which), self.who])


Holds = frozenset[Which]


class Pass(msgspec.Struct, frozen=True, array_like=True):
    """What was sent off a shelf: everything before `through` that was not of `held`."""

    through: int
    held: list[Which]

    def sent(self, offset: int, channel: str, action: str) -> bool:
        """Return whether it sent this command."""
        return offset < self.through and not is_held(self.held, channel, action)


class Shelf(msgspec.Struct, array_like=True):
    """What waits on the shelf of one partition."""

    low: int = 0
    """No command before this offset waits."""
    passes: list[Pass] = []
    waiting: dict[str, dict[str, int]] = {}
    """How many commands wait, by channel and action."""
    sent: int = 0
    """How many left the shelf for their channels, since it was made."""
    expired: int = 0
    """How many left it because it was too late for them."""
    seen: int = 0
    """Before which offset of the topic of holds every record is in force here."""
    oldest_set: int = 0
    """No older definition set decided a command that waits; 0: none waits, or none is noted."""

    def leaving(self, holds: Holds) -> set[str]:
        """Return the channels with commands that wait though no hold is of them."""
        return {
            channel
            for channel, actions in self.waiting.items()
            if any(not is_held(holds, channel, action) for action in actions)
        }

    def take(self, effects: list[Effect], holds: Holds) -> tuple[list[Effect], list[Effect]]:
        """Return the effects that go out, and the commands that go onto the shelf."""
        if not holds and not self.waiting:
            return effects, []
        out: list[Effect] = []
        held: list[Effect] = []
        leaving = self.leaving(holds)
        for effect in effects:
            if effect.kind != ACTION.name:
                out.append(effect)
                continue
            channel, action = _named(effect)
            if channel not in leaving and not is_held(holds, channel, action):
                out.append(effect)
                continue
            held.append(effect)
            self.put(effect)
        return out, held

    def put(self, command: Effect) -> None:
        """Count a command that goes onto the shelf."""
        channel, action = _named(command)
        actions = self.waiting.setdefault(channel, {})
        actions[action] = actions.get(action, 0) + 1
        if command.set_number:
            self.oldest_set = min(self.oldest_set or command.set_number, command.set_number)

    def has(self, offset: int, command: Effect) -> bool:
        """Return whether a command on the shelf's log still waits."""
        return offset >= self.low and not any(
            one.sent(offset, *_named(command)) for one in self.passes
        )

    def start(self, holds: Holds) -> int:
        """Return the offset from which a pass goes on."""
        reached = [one.through for one in self.passes if holds.issuperset(one.held)]
        return max([self.low, *reached])

    def release(
        self, found: Sequence[tuple[int, Effect]], through: int, holds: Holds, now_ms: int
    ) -> list[Effect]:
        """Return those of these commands that go out now.

        `found` are the commands from `start` on and before `through`, with their offsets.
        """
        out: list[Effect] = []
        for offset, command in found:
            channel, action = _named(command)
            if is_held(holds, channel, action) or any(
                one.sent(offset, channel, action) for one in self.passes
            ):
                continue
            self._leave(channel, action)
            if 0 < command.expires_at <= now_ms:
                self.expired += 1
            else:
                self.sent += 1
                out.append(command)
        self.passes = [
            *(one for one in self.passes if one.through > through or holds.difference(one.held)),
            Pass(through, sorted(holds)),
        ]
        if not self.waiting:
            self.low, self.passes = max(one.through for one in self.passes), []
            self.oldest_set = 0
        return out

    def lose(self) -> int:
        """Forget what waits, because it is gone for good; return how much that was."""
        number = self.number()
        self.waiting, self.passes, self.oldest_set = {}, [], 0
        return number

    def number(self, which: Which | None = None, without: Holds = frozenset()) -> int:
        """Return how many commands wait: of `which`, and of no hold of `without`."""
        return sum(
            number
            for channel, actions in self.waiting.items()
            for action, number in actions.items()
            if (which is None or which.is_of(channel, action))
            and not is_held(without, channel, action)
        )

    def _leave(self, channel: str, action: str) -> None:
        actions = self.waiting[channel]
        actions[action] -= 1
        if not actions[action]:
            del actions[action]
        if not actions:
            del self.waiting[channel]


class _Named(msgspec.Struct):
    """Of a command the name of its action."""

    action: str = ""


_NAMES = msgspec.json.Decoder(_Named)
_COMMANDS = msgspec.msgpack.Decoder(Effect)
_SHELVES = msgspec.msgpack.Decoder(Shelf)
_HOLDS = msgspec.json.Decoder(Hold)
encode = msgspec.msgpack.Encoder().encode
"""Returns the bytes of a command on a shelf, or of the shelf."""
encode_hold = msgspec.json.Encoder().encode
"""Returns the bytes of a hold."""


def decode_command(value: bytes) -> Effect:
    """Return a command on a shelf; raises MsgspecError."""
    return _COMMANDS.decode(value)


def decode_shelf(value: bytes) -> Shelf:
    """Return what waits; raises MsgspecError."""
    return _SHELVES.decode(value)


def decode_hold(value: bytes) -> Hold:
    """Return a hold; raises MsgspecError."""
    return _HOLDS.decode(value)


def is_held(holds: Sequence[Which] | Holds, channel: str, action: str) -> bool:
    """Return whether a command is one of those that wait."""
    return any(which.is_of(channel, action) for which in holds)


def _named(command: Effect) -> tuple[str, str]:
    return command.channel or "", _NAMES.decode(command.value).action
