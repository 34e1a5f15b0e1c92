"""A compiled definition set: what the core runs.

Built by the `definition` room, never changed after.

Rules stand in the order in which they are tried. Durations and times are ms. A missing condition
(`when is None`) is true. Event types under `on` are frozensets; `*_on` indexes map an event type
to what listens for it, so that an event touches only what it can move.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cjo_stream.core.expression import Expression
from cjo_stream.core.word import (
    ActionClass,
    Consent,
    FactType,
    Format,
    NormalForm,
    Past,
    Period,
    Reentry,
    Status,
    Then,
    TraitKind,
)


class Struct(msgspec.Struct, frozen=True):
    """Base of compiled definitions. `kw_only` is not inherited: each class says it for itself."""


# --- topology ---------------------------------------------------------------------------------

_ERA_MARK = "~"
"""No name has it."""


def slot(name: str, era: int) -> str:
    """Return under which name customers keep a trait or fact of its `era`.

    An era ends where a trait or fact is defined otherwise, or taken away (definition/era.py). What
    was kept before stands under another slot then, so that nothing takes it for its own.

    >>> slot("spend", 0), slot("spend", 2)
    ('spend', 'spend~2')
    """
    return f"{name}{_ERA_MARK}{era}" if era else name


def name_of_slot(slot_: str) -> str:
    """Return the name of the trait or fact that is kept under a slot."""
    return slot_.partition(_ERA_MARK)[0]


class Input(Struct, frozen=True, kw_only=True):
    """Where and how a channel's raw events come in. `mapping` is for format `mapped` only."""

    topic: str
    prefixed: bool = False
    """Whether the installation's topic prefix comes before `topic`: a name by default takes it."""
    format: Format = Format.NATIVE
    mapping: dict[str, Any] = {}
    """`id type time` -> Expression; `identifiers attributes` -> {name: Expression}."""


class Channel(Struct, frozen=True, kw_only=True):
    """A channel: `input` for events in, `output` for commands to an `address` of that type."""

    name: str
    input: Input | None = None
    output: str | None = None
    """Topic of action commands."""
    output_prefixed: bool = True
    """Whether the installation's topic prefix comes before `output`."""
    address: str | None = None


class IdentifierType(Struct, frozen=True, kw_only=True):
    """One type of identifier; a lower `rank` is stronger."""

    type: str
    rank: int
    limit: int = 5
    per_ms: int | None = None
    normalise: NormalForm | None = None
    shared_after: int | None = None
    """Seen with more than so many distinct values of type `counts`, a value is shared."""
    counts: str | None = None
    """The strongest type, or the one named by `of`; None without `shared_after`."""


class Fact(Struct, frozen=True, kw_only=True):
    """A declared fact."""

    name: str
    type: FactType
    default: Any = None
    slot: str
    """Under which customers keep it."""


class Trait(Struct, frozen=True, kw_only=True):
    """A value kept per customer over events."""

    name: str
    kind: TraitKind
    on: frozenset[str]
    when: Expression | None = None
    value: Expression | None = None
    """None for COUNT."""
    per_ms: int | None = None
    keep: int = 50
    slot: str
    """Under which customers keep it."""


class CaseRule(Struct, frozen=True, kw_only=True):
    """Opens, or closes, a service case."""

    on: frozenset[str]
    when: Expression | None = None
    key: Expression | None = None
    """None: the customer's one nameless case."""


# --- journey ----------------------------------------------------------------------------------


class Act(Struct, frozen=True, kw_only=True):
    """Ask for one action. `channels` None: in the order of its treatments."""

    action: str
    channels: tuple[str, ...] | None = None
    data: dict[str, Expression] = {}
    candidates: tuple[Candidate, ...] = ()
    """Those asked for, in the order in which they are tried."""


class Decide(Struct, frozen=True, kw_only=True):
    """Ask for the best action of those that every given list allows; None allows all."""

    issues: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    actions: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    data: dict[str, Expression] = {}
    candidates: tuple[Candidate, ...] = ()
    """Those asked for, by action (in the order of `actions`, else of names), then treatment."""


class Raise(Struct, frozen=True, kw_only=True):
    """Put an event before the same customer."""

    type: str
    attributes: dict[str, Expression] = {}


class SetFact(Struct, frozen=True, kw_only=True):
    """Set facts of the profile, in order."""

    facts: dict[str, Expression]


class Assign(Struct, frozen=True, kw_only=True):
    """Set variables of the instance's data, in order."""

    variables: dict[str, Expression]


Step = Act | Decide | Raise | SetFact | Assign


class Branch(Struct, frozen=True, kw_only=True):
    """One arm of a split."""

    name: str
    weight: float
    to: str


class Split(Struct, frozen=True, kw_only=True):
    """Targets drawn by a stable hash of customer, journey and state."""

    branches: tuple[Branch, ...]


class Transition(Struct, frozen=True, kw_only=True):
    """`to` None: only `do` runs."""

    when: Expression | None = None
    to: str | Split | None = None
    do: tuple[Step, ...] = ()


class TimerRule(Struct, frozen=True, kw_only=True):
    """A timer of a state: `after_ms` from entering, or `at` a time. One of the two is set."""

    after_ms: int | None = None
    at: Expression | None = None
    past: Past = Past.FIRE
    transition: Transition


class State(Struct, frozen=True, kw_only=True):
    """One state; `end` names the outcome of a final one, `timers` stand as written."""

    name: str
    enter: tuple[Step, ...] = ()
    leave: tuple[Step, ...] = ()
    on: dict[str, tuple[Transition, ...]] = {}
    always: tuple[Transition, ...] = ()
    timers: tuple[TimerRule, ...] = ()
    end: str | None = None


class Entry(Struct, frozen=True, kw_only=True):
    """What opens an instance. `reentry_ms` is the pause of AFTER_END or AFTER_ENTRY (0: none)."""

    on: frozenset[str]
    when: Expression | None = None
    key: Expression | None = None
    reentry: Reentry = Reentry.AFTER_END
    reentry_ms: int = 0


class Goal(Struct, frozen=True, kw_only=True):
    """What the journey is for. `within_ms` None: while live."""

    on: frozenset[str]
    when: Expression | None = None
    within_ms: int | None = None
    exit: bool = False
    do: tuple[Step, ...] = ()


class Exit(Struct, frozen=True, kw_only=True):
    """Ends an instance from any state with outcome `as_`."""

    on: frozenset[str]
    when: Expression | None = None
    as_: str
    do: tuple[Step, ...] = ()


class Journey(Struct, frozen=True, kw_only=True):
    """One version of a journey.

    `entry_reads`: attributes of the opening event that any expression reads as `entry.NAME`; only
    those are kept with the instance.
    """

    name: str
    version: int
    owner: str | None = None
    about: str | None = None
    status: Status = Status.LIVE
    entry: Entry
    holdout: float = 0.0
    """Share of customers held out, 0..1."""
    data: dict[str, Expression] = {}
    goal: Goal | None = None
    exit: tuple[Exit, ...] = ()
    on: dict[str, tuple[Transition, ...]] = {}
    initial: str
    states: dict[str, State]
    entry_reads: frozenset[str] = frozenset()
    listens: frozenset[str] = frozenset()
    """Every event type that a goal, an exit or a transition waits for (entry's not included)."""
    hears_every: bool = False
    """Whether some state has `always`, which is tried after any event."""


# --- action -----------------------------------------------------------------------------------


class Propensity(Struct, frozen=True, kw_only=True):
    """A propensity that learns: what is believed at first, and what it depends on."""

    prior: float
    features: tuple[Expression, ...] = ()


class Treatment(Struct, frozen=True, kw_only=True):
    """An action on one channel. `propensity` None: the action's."""

    channel: str
    template: str | None = None
    payload: dict[str, Expression] = {}
    propensity: Propensity | Expression | None = None


class Weight(Struct, frozen=True, kw_only=True):
    """Percent added to an action's priority while `when` is true."""

    when: Expression
    percent: float


class Action(Struct, frozen=True, kw_only=True):
    """One thing that can be said to a customer. `treatments` in the order written."""

    name: str
    issue: str | None = None
    group: str | None = None
    owner: str | None = None
    class_: ActionClass = ActionClass.MARKETING
    value: Expression | None = None
    """None: 1."""
    lever: float = 0.0
    """Percent."""
    eligible: Expression | None = None
    applicable: Expression | None = None
    suitable: Expression | None = None
    context: tuple[Weight, ...] = ()
    propensity: Propensity | Expression | None = None
    """None: 1."""
    limits: tuple[Limit, ...] = ()
    expires_ms: int
    treatments: dict[str, Treatment]
    event_reads: frozenset[str] = frozenset()
    """Attributes of the request's event that any of its expressions reads."""


# --- policy -----------------------------------------------------------------------------------


class Coverage(Struct, frozen=True, kw_only=True):
    """Which commands a cap or a limit is about; None: any."""

    classes: frozenset[str] | None = None
    channels: frozenset[str] | None = None
    issues: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    actions: frozenset[str] | None = None


class Cap(Struct, frozen=True, kw_only=True):
    """At most `most` commands in a calendar period, or in a sliding window of ms."""

    name: str
    coverage: Coverage
    most: int
    per: Period | int


class Limit(Struct, frozen=True, kw_only=True):
    """`count` such outcomes within `per_ms` (None: ever) start a pause (None: for ever).

    `rule` says the same in words, for decision records.
    """

    rule: str
    coverage: Coverage
    outcome: str
    count: int = 1
    per_ms: int | None = None
    pause_ms: int | None = None


class QuietWindow(Struct, frozen=True, kw_only=True):
    """Local minutes of the day, `[start, end)`; past midnight where `start` is later than `end`.

    `days` are the weekdays (0 is Monday) on which it begins. `rule` says it in words.
    """

    rule: str
    days: frozenset[int]
    start_minute: int
    end_minute: int
    then: Then


class Candidate(Struct, frozen=True, kw_only=True):
    """An action on one of its channels, with all that the policy says of that pair."""

    action: Action
    channel: str
    address: str | None
    """Type of the identifiers by which the channel reaches a customer; None: it reaches nobody."""
    propensity: Propensity | Expression | None = None
    lever: float = 1.0
    """L: 1 + the levers of action, group and issue / 100, at least 0."""
    caps: tuple[int, ...] = ()
    """Places in the policy's `caps` of those it counts in and stops at."""
    limits: tuple[int, ...] = ()
    """Places in the policy's `limits` of those that cover it."""


class Policy(Struct, frozen=True, kw_only=True):
    """What holds across all journeys. Levers stand in the candidates."""

    caps: tuple[Cap, ...] = ()
    limits: tuple[Limit, ...] = ()
    quiet: dict[str, tuple[QuietWindow, ...]] = {}
    """By channel."""
    consent: dict[str, Consent] = {}
    """By class; one that is not in it needs none."""
    blocked_by_case: frozenset[str] = frozenset()
    """Classes that wait while a service case is open."""
    holdout: float = 0.0
    explore: float = 0.0
    """Shares, 0..1."""
    thompson: bool = False
    """Whether a choice is drawn from the posteriors of what learns."""
    week_starts: int = 0
    """0 is Monday."""


# --- the set ----------------------------------------------------------------------------------


class Program(Struct, frozen=True, kw_only=True):
    """A whole definition set."""

    number: int = 0
    topology: str
    about: str | None = None
    timezone: str = "UTC"
    region: str | None = None
    dedupe_ms: int = 7 * 86_400_000
    grace_ms: int = 300_000
    max_late_ms: int = 86_400_000
    reward_window_ms: int = 7 * 86_400_000
    channels: dict[str, Channel]
    identifiers: dict[str, IdentifierType]
    """By type, strongest first."""
    former: dict[str, IdentifierType] = {}
    """Types that an earlier set declared: customers still have identifiers of them."""
    blocked: frozenset[str] = frozenset()
    """Lower-cased values of the topology; the built-in ones are the normaliser's."""
    facts: dict[str, Fact] = {}
    traits: dict[str, Trait] = {}
    opened: tuple[CaseRule, ...] = ()
    closed: tuple[CaseRule, ...] = ()
    cases_era: int = 0
    """Cases of another era are none."""
    journeys: dict[str, Journey] = {}
    """The current version of each, by name, in order of name; drafts are not in it."""
    versions: dict[tuple[str, int], Journey] = {}
    """Every version that may still have live instances, the current ones included."""
    actions: dict[str, Action] = {}
    """By name, in order of name."""
    policy: Policy = Policy()
    candidates: dict[str, tuple[Candidate, ...]] = {}
    """By action, in order of name; of each in the order of its treatments."""
    traits_on: dict[str, tuple[Trait, ...]] = {}
    traits_in: dict[str, Trait] = {}
    """By slot."""
    entries_on: dict[str, tuple[Journey, ...]] = {}
    """By event type, journeys in order of name."""
    raised_on: frozenset[str] = frozenset()
    """Types among journey.entered, journey.ended, journey.goal that some journey listens for."""

    def identifier_type(self, name: str) -> IdentifierType:
        """Return what is declared of a type, or of a former one its rank, and no more."""
        return self.identifiers.get(name) or self.former[name]
