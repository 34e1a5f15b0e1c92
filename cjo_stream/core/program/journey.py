"""Journeys: entry, states, transitions, timers, and the steps that they run."""

from __future__ import annotations

import msgspec

from cjo_stream.core.expression import Expression
from cjo_stream.core.program.action import Candidate
from cjo_stream.core.word import CanaryEnd, Metric, Migrate, Past, Reentry, Status


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Request one action. `channels` None: in the order of its treatments."""

    action: str
    channels: tuple[str, ...] | None = None
    data: dict[str, Expression] = {}
    candidates: tuple[Candidate, ...] = ()
    """The requested ones, in the order in which they are tried."""

    @property
    def expressions(self) -> dict[str, Expression]:
        """The step's expressions, by the name of the result."""
        return self.data


class Decide(msgspec.Struct, frozen=True, kw_only=True):
    """Request the best action among those that all given lists allow; None allows all."""

    issues: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    actions: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    data: dict[str, Expression] = {}
    candidates: tuple[Candidate, ...] = ()
    """The requested ones, by action (in the order of `actions`, else by name), then treatment."""

    @property
    def expressions(self) -> dict[str, Expression]:
        """The step's expressions, by the name of the result."""
        return self.data


class Raise(msgspec.Struct, frozen=True, kw_only=True):
    """Raise an event for the same customer."""

    type: str
    attributes: dict[str, Expression] = {}

    @property
    def expressions(self) -> dict[str, Expression]:
        """The step's expressions, by the name of the result."""
        return self.attributes


class SetFact(msgspec.Struct, frozen=True, kw_only=True):
    """Set facts of the profile, in order."""

    facts: dict[str, Expression]

    @property
    def expressions(self) -> dict[str, Expression]:
        """The step's expressions, by the name of the result."""
        return self.facts


class Assign(msgspec.Struct, frozen=True, kw_only=True):
    """Set variables of the instance's data, in order."""

    variables: dict[str, Expression]

    @property
    def expressions(self) -> dict[str, Expression]:
        """The step's expressions, by the name of the result."""
        return self.variables


Step = Act | Decide | Raise | SetFact | Assign


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """One arm of a split."""

    name: str
    weight: int | float
    to: str


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """Targets drawn by a stable hash of customer, journey and state."""

    branches: tuple[Branch, ...]


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """`to` None: only `do` runs."""

    when: Expression | None = None
    to: str | Split | None = None
    do: tuple[Step, ...] = ()


class TimerRule(msgspec.Struct, frozen=True, kw_only=True):
    """A timer of a state: `after_ms` from entering, or `at` a time. One of the two is set."""

    after_ms: int | None = None
    at: Expression | None = None
    past: Past = Past.FIRE
    transition: Transition


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One state; `end` names the outcome of a final one, `timers` stand as written."""

    name: str
    enter: tuple[Step, ...] = ()
    leave: tuple[Step, ...] = ()
    on: dict[str, tuple[Transition, ...]] = {}
    always: tuple[Transition, ...] = ()
    timers: tuple[TimerRule, ...] = ()
    end: str | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """How an instance opens. `reentry_ms` is the pause of AFTER_END or AFTER_ENTRY (0: none)."""

    on: frozenset[str]
    when: Expression | None = None
    key: Expression | None = None
    reentry: Reentry = Reentry.AFTER_END
    reentry_ms: int = 0


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """The journey's goal. `within_ms` None: while the instance is live."""

    on: frozenset[str]
    when: Expression | None = None
    within_ms: int | None = None
    exit: bool = False
    do: tuple[Step, ...] = ()


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """Ends an instance, in any state, with outcome `as_`."""

    on: frozenset[str]
    when: Expression | None = None
    as_: str
    do: tuple[Step, ...] = ()


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """What must not be worse inside a canary than outside, by more than `worse_than`, relative.

    `metric` is a `Metric`, or the name of a trait.
    """

    metric: str
    worse_than: int | float

    @property
    def is_lower_worse(self) -> bool:
        """Whether a lower value is the worse one."""
        return self.metric not in (
            Metric.EXIT_RATE,
            Metric.UNSUBSCRIBE_RATE,
            Metric.DEAD_LETTERS,
        )


class Guards(msgspec.Struct, frozen=True, kw_only=True):
    """The guards of a canary; where none has tripped after `for_ms`, `then` decides."""

    each: tuple[Guard, ...]
    then: CanaryEnd
    for_ms: int


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a journey.

    `entry_reads`: attributes of the opening event that expressions read as `entry.NAME`; only
    these are kept with the instance.
    """

    name: str
    version: int
    owner: str | None = None
    about: str | None = None
    status: Status = Status.LIVE
    """The status by which this version runs (definition/life.py)."""
    is_shadow: bool = False
    """Whether nothing of it is sent, set or raised."""
    canary: int | float = 1.0
    """Share of customers who enter this version, 0..1; the rest enter the one before."""
    guards: Guards | None = None
    """The guards of the canary that are still undecided."""
    is_guarded: bool = False
    """Whether the canary has guards, also once it is decided."""
    entrants: tuple[int | float, int | float] = (0.0, 1.0)
    """The draws, `[low, high)`, of the customers who enter this version now."""
    migrate: Migrate = Migrate.DRAIN
    """What becomes of instances of other versions."""
    map: dict[str, str] = {}
    """States of other versions -> the states of this one that follow them."""
    entry: Entry
    holdout: int | float = 0.0
    """Share of customers held out, 0..1."""
    data: dict[str, Expression] = {}
    goal: Goal | None = None
    exit: tuple[Exit, ...] = ()
    on: dict[str, tuple[Transition, ...]] = {}
    initial: str
    states: dict[str, State]
    entry_reads: frozenset[str] = frozenset()
    listens: frozenset[str] = frozenset()
    """Every event type that a goal, an exit or a transition waits for, without the entry's."""
    hears_every: bool = False
    """Whether some state has `always`, which is tried after any event."""
