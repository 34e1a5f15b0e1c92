"""The names of an installation's topics."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cjo_stream.core import catalogue
from cjo_stream.core.catalogue import RecordKind
from cjo_stream.core.program.topology import Channel, Input


class Names(msgspec.Struct, frozen=True):
    """The names of an installation's topics."""

    prefix: str

    @property
    def internal(self) -> str:
        """Frames between intake and tasks, and among tasks."""
        return self.of("internal")

    @property
    def effect(self) -> str:
        """Frames from tasks to dispatch."""
        return self.of("effect")

    @property
    def definition(self) -> str:
        """Definition sets applied."""
        return self.of("definition")

    @property
    def cursor(self) -> str:
        """Copies of intake's and dispatch's positions, which do not expire."""
        return self.of("cursor")

    @property
    def hold(self) -> str:
        """What operators hold."""
        return self.of("hold")

    @property
    def held(self) -> str:
        """Commands that wait until their hold is released."""
        return self.of("held")

    @property
    def model(self) -> str:
        """The learner's memory."""
        return self.of("model")

    @property
    def outcome(self) -> str:
        """Outcomes, sent by channel systems."""
        return self.of("outcome")

    @property
    def reward(self) -> str:
        """The rewards of commands."""
        return self.out(catalogue.REWARD)

    @property
    def prediction(self) -> str:
        """The predictions whose outcome is known."""
        return self.out(catalogue.PREDICTION)

    @property
    def reply(self) -> str:
        """Answers to operators."""
        return self.out(catalogue.REPLY)

    @property
    def dead_letter(self) -> str:
        """Refused records."""
        return self.out(catalogue.DEAD_LETTER)

    def of(self, name: str) -> str:
        """Return the topic of a private name, or of a kind of record other than actions."""
        return f"{self.prefix}{name}.v1"

    def out(self, kind: RecordKind) -> str:
        """Return the topic of a kind of record; an action's is its channel's `target`."""
        return self.of(kind.name)

    def records(self) -> Iterable[str]:
        """Return the topics of all kinds of record but actions, which have their channels'."""
        return [self.out(kind) for kind in catalogue.RECORDS if kind is not catalogue.ACTION]

    def source(self, taken: Input) -> str:
        """Return the topic of a channel's events."""
        return self.prefix + taken.topic if taken.prefixed else taken.topic

    def target(self, channel: Channel) -> str | None:
        """Return the topic of a channel's commands; None if it sends none."""
        if channel.output is None:
            return None
        return self.prefix + channel.output if channel.output_prefixed else channel.output
