"""The form of a `journey` document (docs/journeys.md)."""

from __future__ import annotations

from cjo_stream.core.word import CanaryEnd, Migrate, Past, Reentry, Status
from cjo_stream.definition.grammar.compound import Field, Many, MapOf, Record, ScalarOr
from cjo_stream.definition.grammar.scalar import EVENT_TYPE, Choice, Number, Text
from cjo_stream.definition.grammar.word import (
    CONDITION,
    COUNT,
    DURATION,
    EVENT_TYPES,
    FLAG,
    FORMULA,
    FORMULAS,
    KEYED,
    NAMED,
    ON,
    SHARE,
    TEXT,
    VARIABLES,
)

_ACT = Record(
    "an act",
    {
        "action": Field(NAMED, "The action to request.", is_required=True),
        "channels": Field(
            Many(NAMED, fewest=1),
            "The channels to try, in this order. Default: the action's treatments, as written.",
        ),
        "data": Field(VARIABLES, "Variables for this request, laid over the instance's data."),
    },
    short="action",
)
_NAMES = Many(NAMED, fewest=1)
_DECIDE = Record(
    "a decide",
    {
        "issue": Field(_NAMES, "Only actions of these issues."),
        "group": Field(_NAMES, "Only actions of these groups."),
        "actions": Field(_NAMES, "Only these actions."),
        "channels": Field(_NAMES, "Only these channels."),
        "data": Field(VARIABLES, "Variables for this request, laid over the instance's data."),
    },
)
_RAISE = Record(
    "a raise",
    {
        "type": Field(
            Text(EVENT_TYPE, "an event type"),
            "The type of the event to raise for the same customer.",
            is_required=True,
        ),
        "attributes": Field(FORMULAS, "Expressions for its attributes, by name."),
    },
)
_STEP = Record(
    "a step",
    {
        "act": Field(_ACT, "Request one action: its name, or a mapping."),
        "decide": Field(_DECIDE, "Request the best of several actions; `{}` means all actions."),
        "raise": Field(_RAISE, "Raise an event for the same customer, at once."),
        "set": Field(VARIABLES, "Set facts of the profile: expressions by name."),
        "assign": Field(VARIABLES, "Change variables of the instance: expressions by name."),
    },
    one_of=("act", "decide", "raise", "set", "assign"),
    named="step",
)
STEPS = Many(_STEP)

_BRANCH = Record(
    "a branch of a split",
    {
        "weight": Field(
            Number(0),
            "The branch's share, relative to the other branches' weights.",
            is_required=True,
        ),
        "to": Field(NAMED, "The state that the branch enters.", is_required=True),
    },
    named="branch",
)
_MOVE = {
    "to": Field(NAMED, "The state to enter. Without it only `do` runs, and timers go on."),
    "split": Field(
        MapOf(NAMED, _BRANCH, fewest=1),
        "Branches by name; a stable hash of customer, journey and state takes one.",
    ),
    "when": Field(CONDITION, "Only if this condition holds."),
    "do": Field(STEPS, "Steps on the way."),
}
TRANSITION = Record("a transition", _MOVE, short="to", named="transition")
_AT = Record(
    "an at timer",
    {
        "time": Field(
            FORMULA,
            "An expression that gives a time in ms; evaluated when the state is entered.",
            is_required=True,
        ),
        **_MOVE,
        "past": Field(
            Choice(tuple(Past), "effect of a past time"),
            "What happens if the time is already past. Default: fire.",
        ),
    },
    named="at",
)
_ON = MapOf(EVENT_TYPES, Many(TRANSITION))
_STATE = Record(
    "a state",
    {
        "enter": Field(STEPS, "Steps at entry."),
        "leave": Field(STEPS, "Steps when the state is left."),
        "on": Field(_ON, "Transitions by event type."),
        "always": Field(
            Many(TRANSITION),
            "Transitions tried at entry and after each event; the first that holds is taken.",
        ),
        "after": Field(
            MapOf(DURATION, TRANSITION), "Transitions by the time since the state was entered."
        ),
        "at": Field(Many(_AT), "Transitions at a time that an expression gives."),
        "end": Field(NAMED, "The outcome; a state with `end` is final."),
    },
)

_REENTRY = ScalarOr(
    Choice((Reentry.AFTER_END, Reentry.NEVER, Reentry.ALWAYS), "re-entry"),
    Record(
        "a re-entry",
        {
            "after_end": Field(
                DURATION, "Not while an instance is live, and not until this long after its end."
            ),
            "after_entry": Field(
                DURATION, "Not while an instance is live, and not until this long after its entry."
            ),
        },
        one_of=("after_end", "after_entry"),
        meant="after_end",
    ),
)
_ENTRY = Record(
    "an entry",
    {**KEYED, "reentry": Field(_REENTRY, "When a customer may enter again. Default: after_end.")},
    meant="on",
)
_GOAL = Record(
    "a goal",
    {
        **ON,
        "within": Field(
            DURATION,
            "At most this long after entry, also after the end. Default: while live.",
        ),
        "exit": Field(
            FLAG, "Whether the goal ends the instance, with outcome `goal`. Default: false."
        ),
        "do": Field(STEPS, "Steps when the goal is marked."),
    },
    meant="on",
)
_EXIT = Record(
    "an exit",
    {
        **ON,
        "as": Field(
            NAMED, "The outcome of an instance that leaves by this rule.", is_required=True
        ),
        "do": Field(STEPS, "Steps on the way out."),
    },
)

_GUARD = Record(
    "a guard",
    {
        "metric": Field(
            NAMED,
            "What is compared: `goal_rate`, `exit_rate`, `unsubscribe_rate`, `dead_letters`, or "
            "the name of a trait that is a number.",
            is_required=True,
        ),
        "worse_than": Field(
            SHARE,
            "By how much it may be worse inside than outside, relative to the value outside.",
            is_required=True,
        ),
    },
)
_CANARY = ScalarOr(
    SHARE,
    Record(
        "a canary",
        {
            "share": Field(
                SHARE, "The share of customers who enter this version.", is_required=True
            ),
            "guards": Field(
                Many(_GUARD, fewest=1),
                "What must not be worse inside than outside. If a guard trips, the share is 0.",
                is_required=True,
            ),
            "then": Field(
                Choice(tuple(CanaryEnd), "end of a canary"),
                "If no guard has tripped after `for`: `promote`, everybody enters; `hold`, the "
                "share stays; `back`, nobody enters any more.",
                is_required=True,
            ),
            "for": Field(DURATION, "How long the guards watch, at most.", is_required=True),
        },
    ),
)

JOURNEY = Record(
    "a journey",
    {
        "journey": Field(NAMED, "The journey's name.", is_required=True),
        "version": Field(
            COUNT, "The version's number. Changed content needs a new one.", is_required=True
        ),
        "owner": Field(TEXT, "The team that answers for the journey."),
        "about": Field(TEXT, "What the journey is for."),
        "status": Field(
            Choice(tuple(Status), "status"),
            "`live` runs. `draft` is checked, and does not run. `shadow` runs, and neither sends, "
            "sets nor raises. `paused`: nobody enters, events are ignored, timers wait. "
            "`draining`: nobody enters, live instances finish. `retired`: live instances end. "
            "Default: live.",
        ),
        "canary": Field(
            _CANARY,
            "The share of customers who enter this version; the others enter the version before. "
            "With guards, the share changes by itself. Default: all.",
        ),
        "migrate": Field(
            Choice(tuple(Migrate), "migration"),
            "What becomes of instances of other versions: `drain`, they finish in theirs; "
            "`follow`, they continue in this one; `exit`, they end. Default: drain.",
        ),
        "map": Field(
            MapOf(NAMED, NAMED),
            "With `migrate: follow`, the state that follows a state of another version. Without "
            "an entry, it is the state of the same name.",
        ),
        "entry": Field(_ENTRY, "Which event opens an instance.", is_required=True),
        "holdout": Field(
            SHARE,
            "The share of customers to whom the journey sends nothing, to measure its effect.",
        ),
        "data": Field(
            VARIABLES, "Variables of the instance: expressions, evaluated once, at entry."
        ),
        "goal": Field(
            _GOAL,
            "The event that the journey aims at. It does not end an instance, unless `exit` is "
            "true.",
        ),
        "exit": Field(Many(_EXIT), "Events that end the instance, in any state."),
        "initial": Field(NAMED, "The state that an instance begins in.", is_required=True),
        "on": Field(_ON, "Transitions of every state, tried after the state's own."),
        "states": Field(MapOf(NAMED, _STATE, fewest=1), "The states, by name.", is_required=True),
    },
)
