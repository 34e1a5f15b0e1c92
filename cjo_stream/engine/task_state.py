"""What a task keeps: its actors, timers, definition sets, models and cursors.

All of it is changed in memory, and written in one batch by the task's commit.
"""

from __future__ import annotations

from cjo_stream.core.bounds import Bounds
from cjo_stream.engine.cache import ActorMemory, Cache
from cjo_stream.engine.codec import Meta
from cjo_stream.engine.lane import Cursors, Numbering
from cjo_stream.engine.models import Models
from cjo_stream.engine.port import Batch, Compile, Participant, Store
from cjo_stream.engine.sets import Sets
from cjo_stream.engine.timelines import HeldTimelines, Timelines
from cjo_stream.engine.timers import Timers


class TaskState:
    """The participants of a task's commit."""

    def __init__(
        self,
        store: Store,
        meta: Meta,
        compile_: Compile,
        *,
        memory: ActorMemory | None,
        wakes_max: int,
        bounds: Bounds,
        is_kept: bool,
    ) -> None:
        self.cache = Cache(store, memory)
        self.timelines: Timelines | HeldTimelines = (
            Timelines(store, bounds.timeline) if is_kept else HeldTimelines(bounds.timeline)
        )
        self.wakes = Timers(store, wakes_max)
        self.sets = Sets(store, compile_, meta.active, meta.verdicts)
        self.models = Models(store, meta.model)
        self.cursors = Cursors.of(store)
        self.numbers = Numbering.of(store)
        self._participants: tuple[Participant, ...] = (
            self.wakes,
            self.cache,
            self.timelines,
            self.sets,
            self.models,
            self.cursors,
            self.numbers,
        )
        """In the order of their writes: an actor may wake again at a time that was dropped."""

    def batch(self) -> Batch:
        """Return the writes since the last `settle`."""
        return [write for one in self._participants for write in one.batch()]

    def settle(self) -> None:
        """Mark everything as written."""
        for one in self._participants:
            one.settle()

    def reset(self) -> None:
        """Go back to what was last written."""
        for one in self._participants:
            one.reset()
