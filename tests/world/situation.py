"""Rare situations by name: how often each was met says whether a run of seeds proves anything.

Most are one thing that happens *while* another is under way: a message reaches an actor, or a
fault a task. What is under way is read from states and stores as they are written; the product
has no mark for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cjo_stream.core import actor
from cjo_stream.core.message import ActorMessage
from cjo_stream.core.program.program import VERDICTS_MAX
from cjo_stream.core.record import Decision, IdentityChange, Reward, Transition
from cjo_stream.core.state import Customer, Identifier
from cjo_stream.core.turn import Turn
from cjo_stream.engine import codec
from cjo_stream.engine.port import Store
from tests.world.poison import PoisonError


def under_way(state: actor.Actor | None) -> Iterator[str]:
    """Yield what an actor is in the middle of."""
    if isinstance(state, Identifier):
        yield from _of_identifier(state)
    elif state is not None:
        yield from _of_customer(state)


def _of_identifier(state: Identifier) -> Iterator[str]:
    if state.held:
        yield "events are held"
    if any(one.again_at is not None for one in state.asked.values()):
        yield "a link is asked again later"
    if any(one.is_granted for one in state.asked.values()):
        yield "a link is granted, not linked"
    if len(state.asked) > 1:
        yield "links wait to be asked"
    if state.former_path is not None:
        yield "an identifier's former way is not empty"
    if state.is_locating:
        yield "an identifier looks for its customer"
    if state.is_shared:
        yield "an identifier is shared"
    if state.erased_at is not None:
        yield "an identifier was erased"
    if state.full:
        yield "a customer is known to be full"


def _of_customer(customer: Customer) -> Iterator[str]:
    if customer.redirect:
        yield "a customer is absorbed"
    if customer.erased_at is not None:
        yield "a customer is erased"
    if customer.waiting:
        yield "a request waits"
    if customer.windows:
        yield "a reward is awaited"
    if any(one.state is None for one in customer.instances):
        yield "an ended journey's goal is watched"
    if customer.overrun is not None:
        yield "what is due rests"
    if customer.moved:
        yield "what was parted may still come by"
    if customer.membership is not None:
        membership = customer.membership
        if membership.pending is not None:
            yield "a customer is frozen"
        if len(membership.reserved) > 1:
            yield "room is reserved for two"
        elif membership.reserved:
            yield "room is reserved"
        if membership.pieces or any(one.pieces for one in membership.reserved.values()):
            yield "half of a customer has come"
        if not membership.is_seeded:
            yield "a customer is not seeded"
        if membership.seeding:
            yield "an unmerge waits for its answer"
        if membership.queue:
            yield "something waits in a customer's queue"


def standing(store: Store, clock: int) -> set[str]:
    """Return what a partition is in the middle of."""
    found: set[str] = set()
    for key, value in store.scan(*codec.ACTORS):
        found.update(under_way(codec.decode_actor(key[1:].decode(), value)))
        if codec.read_put_off(value) is not None:
            found.add("a timer is put off")
    for key, _ in store.scan(*codec.TIMERS):
        due, _ = codec.read_timer_key(key)
        if due <= clock:
            found.add("a timer is due")
        break
    meta = meta_of(store)
    if any(codec.read_set_key(key) > meta.active for key, _ in store.scan(*codec.SETS)):
        found.add("a set is stored, not in force")
    if any(codec.read_model_key(key)[0] > meta.model for key, _ in store.scan(*codec.MODELS)):
        found.add("a model is half published")
    if meta.purges:
        found.add("something is to be purged")
    if sum(bool(one.verdict) for one in meta.decider.canaries) > len(meta.verdicts):
        found.add("a verdict is on its way")
    return found | walks(meta)


def walks(meta: codec.Meta) -> set[str]:
    """Return what has not reached all sleeping customers of a partition yet."""
    if meta.rollout.after is None:
        return set()
    steps = itertools.pairwise(one // VERDICTS_MAX for one in meta.rollout.revisions)
    return {"a verdict walks" if one == other else "a set walks" for one, other in steps}


def governed(before: codec.Meta, after: codec.Meta) -> Iterator[str]:
    """Yield the situations in which a record changed what is in force."""
    for one in after.verdicts[len(before.verdicts) :]:
        yield f"a verdict: {one.verdict}"
        yield from (f"a verdict comes while {what}" for what in walks(before))
    if after.active > before.active > 0:
        yield from (f"a set comes while {what}" for what in walks(before))


def meta_of(store: Store) -> codec.Meta:
    """Return where a task stands by its store."""
    value = store.get(codec.META_KEY)
    return codec.decode_meta(value) if value is not None else codec.Meta()


def fault(name: str, store: Store, clock: int) -> set[str]:
    """Return the situations in which a fault meets a partition."""
    return {name} | {f"{name} while {what}" for what in standing(store, clock)}


class Witness:
    """Notes the situations that messages, timers and records tell of."""

    def __init__(self) -> None:
        self.met: set[str] = set()
        self.around: set[str] = set()
        """What is under way in the partition whose record is handled."""

    def received(self, before: list[str], message: ActorMessage, turn: Turn) -> None:
        """Note what a message met, and what came of it."""
        name = type(message).__name__
        self.met.update(f"{name} while {what}" for what in {*before, *self.around})
        reason = getattr(message, "reason", None)
        if reason is not None:
            self.met.add(f"{name}: {reason}")
        self._left(turn)

    def fired(self, before: list[str], turn: Turn) -> None:
        """Note in the middle of what time came."""
        self.met.update(f"time comes while {what}" for what in {*before, *self.around})
        self._left(turn)

    def failed(self, what: str, before: list[str]) -> None:
        """Note what fails: all since the last commit is rolled back, and done again without it."""
        self.met.add(f"{what} fails")
        self.met.update(f"{what} fails while {one}" for one in before)

    def _left(self, turn: Turn) -> None:
        for count in turn.counts:
            if count[0] == "cjo_state_bounds_total":
                self.met.add(f"the bound of {count[1]} is met")
        for record in turn.records:
            self.met.update(_told(record))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch all that actors handle meanwhile."""
        receive, fire = actor.receive, actor.fire

        def receive_and_tell(
            key: str, state: actor.Actor | None, message: ActorMessage, turn: Turn
        ) -> actor.Actor | None:
            before = list(under_way(state))
            try:
                after = receive(key, state, message, turn)
            except PoisonError:
                self.failed(type(message).__name__, before)
                raise
            self.received(before, message, turn)
            return after

        def fire_and_tell(state: actor.Actor, turn: Turn) -> None:
            before = list(under_way(state))
            try:
                fire(state, turn)
            except PoisonError:
                self.failed("a timer", before)
                raise
            self.fired(before, turn)

        actor.receive, actor.fire = receive_and_tell, fire_and_tell
        try:
            yield
        finally:
            actor.receive, actor.fire = receive, fire


def _told(record: Any) -> Iterator[str]:
    """Yield the situations that a record tells of."""
    if isinstance(record, Transition):
        yield f"a transition: {record.reason}"
        if record.reason == "goal" and record.from_ is None:
            yield "a goal after the end"
        if record.holdout:
            yield "a transition of who is held out"
    elif isinstance(record, Decision):
        if record.chosen is None and record.deferred_until is None:
            yield "nothing is chosen"
        if record.deferred_until is not None:
            yield "a decision is put off"
        if record.suppressed is not None:
            yield f"a decision is suppressed: {record.suppressed}"
        if record.model_version is not None:
            yield "a decision goes by a model"
        for one in record.candidates:
            if one.gate is not None:
                yield f"a candidate is stopped by {one.gate}"
    elif isinstance(record, Reward):
        yield f"a reward of {record.reward}"
    elif isinstance(record, IdentityChange):
        yield f"identity: {record.kind}"


RARE = tuple((Path(__file__).parent / "situations.txt").read_text().splitlines())
