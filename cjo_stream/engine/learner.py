"""The learner: it reads rewards and outcomes of predictions, and returns models to publish.

A model depends on the order of the rewards, and on that of the predictions, but not on how the two
are mixed, because no posterior learns from both.

It knows no log and no clock. A runtime passes the records to it, asks it now and then for a new
model, and writes the model's messages to every partition's log. So a model in use is in the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from cjo_stream.core.learning.posterior import (
    Model,
    learn,
    learn_outcome,
    treatment_name,
)
from cjo_stream.core.learning.weight import publish
from cjo_stream.core.message import ActivateModel, Message, StoreModel
from cjo_stream.core.record import Prediction, Reward


class Publication(msgspec.Struct, array_like=True):
    """A model on its way into force."""

    number: int
    parts: list[bytes]

    def messages(self) -> Iterator[Message]:
        """Yield the messages for every partition: all parts, then the activation."""
        for part, content in enumerate(self.parts):
            yield StoreModel(self.number, part, len(self.parts), content)
        yield ActivateModel(self.number)


class Learner:
    """A model, and the number and digest under which it was last published (0: never)."""

    def __init__(self, model: Model | None = None, number: int = 0, digest: bytes = b"") -> None:
        self.model = model if model is not None else Model()
        self.number = number
        self.digest = digest
        self._taught: set[str] = set()

    def learn(self, reward: Reward) -> None:
        """Learn from one reward; skip one without features, whose treatment does not learn."""
        if reward.features is not None:
            name = treatment_name(reward.action, reward.channel)
            learn(self.model, name, reward.features, positive=reward.reward == 1)
            self._taught.add(name)

    def learn_outcome(self, prediction: Prediction) -> None:
        """Learn from a prediction whose outcome is known."""
        self._taught.add(learn_outcome(self.model, prediction))

    def taught(self) -> list[str]:
        """Return the names that have learnt since the last call, in order."""
        names, self._taught = sorted(self._taught), set()
        return names

    def publish(self) -> Publication | None:
        """Return the model under its next number; None if it is as last published."""
        parts = publish(self.model)
        digest = hashlib.blake2b(b"".join(parts), digest_size=16).digest() if parts else b""
        if digest == self.digest:
            return None
        self.number, self.digest = self.number + 1, digest
        return Publication(self.number, parts)
