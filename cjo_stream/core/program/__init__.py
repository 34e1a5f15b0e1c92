"""A compiled definition set: what the core runs.

Built by the `definition` room, never changed after.

    topology   channels, identifier types, facts, traits, cases
    journey    entry, states, transitions, timers, steps
    action     actions, their treatments, candidates
    policy     caps, limits, quiet hours, consent, holdout
    program    the set of all of them

Rules stand in the order in which they are tried. Durations and times are ms. A missing condition
(`when is None`) is true. Event types under `on` are frozensets; `*_on` indexes map an event type
to what listens for it, so that an event touches only what it can move.
"""

from cjo_stream.core.program.action import Action, Candidate, Propensity, Treatment, Weight
from cjo_stream.core.program.journey import (
    Act,
    Assign,
    Branch,
    Decide,
    Entry,
    Exit,
    Goal,
    Journey,
    Raise,
    SetFact,
    Split,
    State,
    Step,
    TimerRule,
    Transition,
)
from cjo_stream.core.program.policy import Cap, Coverage, Limit, Policy, QuietWindow, Rule
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import (
    CaseRule,
    Channel,
    Fact,
    IdentifierType,
    Input,
    Trait,
    name_of_slot,
    slot,
)

__all__ = [
    "Act",
    "Action",
    "Assign",
    "Branch",
    "Candidate",
    "Cap",
    "CaseRule",
    "Channel",
    "Coverage",
    "Decide",
    "Entry",
    "Exit",
    "Fact",
    "Goal",
    "IdentifierType",
    "Input",
    "Journey",
    "Limit",
    "Policy",
    "Program",
    "Propensity",
    "QuietWindow",
    "Raise",
    "Rule",
    "SetFact",
    "Split",
    "State",
    "Step",
    "TimerRule",
    "Trait",
    "Transition",
    "Treatment",
    "Weight",
    "name_of_slot",
    "slot",
]
