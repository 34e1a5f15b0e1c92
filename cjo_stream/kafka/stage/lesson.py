"""A lesson: one log that the learner reads, and how far it has read it.

There are two, rewards and predictions, each a topic of one partition. Dispatch writes them in
transactions, so behind their last record there is a marker.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

import msgspec
from confluent_kafka import Message

from cjo_stream.engine.codec import UNKNOWN
from cjo_stream.errors import RefusalError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import is_end, reading
from cjo_stream.kafka.client.contents import warn_foreign
from cjo_stream.kafka.client.error import check_consumed
from cjo_stream.kafka.client.permission import NO_RIGHTS
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.position import loss
from cjo_stream.kafka.stage.memory import Reached
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings

_LOG = logging.getLogger(__package__)


class Lesson:
    """One log that teaches; `resume` it before anything else.

    `what` are its records, in words; `teach` learns from the value of one, and raises
    msgspec.MsgspecError for a record that is none of ours.
    """

    def __init__(
        self, topic: str, topic_id: str, what: str, teach: Callable[[bytes], None]
    ) -> None:
        self.place: Place = (topic, 0)
        self.topic_id = topic_id
        self.next = self.end = 0
        self._what = what
        self._teach = teach
        self._reading = NO_RIGHTS
        self._remembered = (0, 0)
        self._last: Message | None = None
        """The record before `next`, if its digest is not made yet."""
        self._digest = UNKNOWN

    def resume(
        self, reached: Reached | None, settings: Settings, admin: Admin, names: Names
    ) -> None:
        """Go on from a remembered place; None: from the log's beginning.

        Raises RefusalError if records are missing there.
        """
        self._reading = reading(settings)
        first = admin.firsts([self.place])[self.place]
        if reached is None:
            self.next = self.end = first
        else:
            end = admin.ends([self.place])[self.place]
            check_reached(reached, self.place[0], self._what, self.topic_id, (first, end), names)
            loss.check(
                [loss.Taken(self.place, reached.offset - 1, reached.last)],
                functools.partial(loss.look, settings, admin),
                _anew(names),
            )
            self.next, self.end = reached.offset, max(reached.offset, reached.end)
            self._digest = reached.last
            if self.next < first:
                # Only markers of transactions are gone.
                self.next, self._digest = first, UNKNOWN
        self.remembered()

    def take(self, message: Message) -> int:
        """Learn from one message of the log; return 1, or 0 if it is no record."""
        if is_end(message):
            self.end = max(self.end, message.offset() or 0)
            return 0
        if (error := message.error()) is not None:
            check_consumed(error, self.place[0], self._reading)
            return 0
        try:
            self._teach(message.value() or b"")
        except msgspec.MsgspecError as why:
            # Every learner passes over the same record, so the same log gives the same model.
            warn_foreign(_LOG, message, why)
        self.next, self._last = (message.offset() or 0) + 1, message
        self.end = max(self.end, self.next)
        return 1

    def has_moved(self) -> bool:
        """Return whether there is more than was remembered."""
        return (self.next, self.end) != self._remembered

    def reached(self) -> Reached:
        """Return how far the log was read, to be remembered."""
        if self._last is not None:
            self._digest, self._last = loss.digest_of(self._last), None
        return Reached(self.topic_id, self.next, self._digest, self.end)

    def remembered(self) -> None:
        """Note that what was reached is in the memory."""
        self._remembered = (self.next, self.end)


def check_reached(
    reached: Reached, name: str, what: str, topic_id: str, kept: tuple[int, int], names: Names
) -> None:
    """Raise RefusalError if records of topic `name` after the remembered ones are missing.

    `topic_id` is the topic's present id, `kept` its first offset and its end.
    """
    first, end = kept
    if reached.topic_id != topic_id:
        raise RefusalError(
            f"the topic {name} was created anew: what was learnt is of another one. Delete "
            f"{names.model} too, run `cjo-stream topics create`, and begin to learn anew"
        )
    if max(reached.offset, reached.end) < first:
        raise RefusalError(
            f"{name} begins at {first}, and the {what} from {reached.offset} on are not learnt: "
            f"the learner was away for longer than they are kept. Bring them back, {_anew(names)}"
        )
    if reached.offset > end:
        raise RefusalError(
            f"{name} ends at {end}, and {what} up to {reached.offset} are learnt: the log lost "
            f"its end. Bring it back, {_anew(names)}"
        )


def _anew(names: Names) -> str:
    return f"or delete {names.model}, run `cjo-stream topics create`, and begin to learn anew"
