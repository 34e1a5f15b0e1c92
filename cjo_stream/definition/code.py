"""The codes of diagnostics: one for each kind of finding.

A code never changes its meaning; the code of a kind that is no longer reported stays unused.
`docs/diagnostics.md` is drawn from this table: the title of each code, and below it what to do.
"""

from __future__ import annotations

import enum


class Code(enum.Enum):
    """A kind of finding."""

    def __init__(self, number: int, title: str) -> None:
        self.number = number
        self.title = title

    def __str__(self) -> str:
        return f"CJO{self.number}"

    # --- 1xx: files, and the form of documents

    FILE = 101, "A file cannot be read"
    """A file is UTF-8 text of at most 1 MiB, without control characters, and this user may read
    it; its name is UTF-8, too. A folder holds one document `topology: NAME`, in any `*.yaml`
    or `*.yml` file."""
    YAML = 102, "The text is not YAML as definitions use it"
    """Check the indentation, the quotes and the brackets at that place. Quote an expression that
    contains a comma, a colon or a `#`."""
    KIND = 103, "A document does not begin with its kind"
    """The first key of a document says what it defines: `topology`, `journey`, `action` or
    `policy`, with the name."""
    UNKNOWN = 104, "This name is unknown"
    """The name is misspelt, or it is not declared. The message gives the closest known name, or
    all of them."""
    TYPE = 106, "The value has the wrong type"
    """Write what the message says: a text, a number, a list, a mapping, an expression. Quote a
    text that looks like a number."""
    FORM = 107, "The text has the wrong form"
    """The message shows the form: a regular expression, or an example."""
    RANGE = 108, "The value is too small or too large"
    """Write a value within the bounds that the message gives."""
    MISSING = 109, "A key is missing"
    """Add the key that the message names."""
    TOGETHER = 110, "These keys do not go together"
    """One key needs another, or excludes it. Add, move or remove a key as the message says."""
    REPEATED = 111, "The same thing is defined twice"
    """Remove one of the two, or give it another name. Names are unique within a folder, and keys
    within a mapping."""
    EMPTY = 112, "This must not be empty"
    """Add at least one element."""

    # --- 2xx: expressions

    EXPRESSION = 201, "This is not an expression"
    """Expressions are written as in Python: `event.total > 50 and profile.vip == true`. See the
    page on expressions."""
    NAME = 202, "No such name in an expression"
    """An expression reads `event`, `entry`, `profile`, `data`, `key` and `now`, each only in some
    places, and calls functions; the page on expressions lists both. Facts, traits and data must
    be declared."""
    USE = 203, "This is not allowed in an expression"
    """Use what the message names instead. An expression has no statements, loops, lambdas,
    comprehensions or methods."""
    SIZE = 204, "The expression is too long or too deep"
    """An expression has at most 500 characters and 20 levels. Set a variable with `assign`
    first, and read that."""
    VALUE = 205, "The expression never gives a value of the right type"
    """Write an expression that can give a value of that type."""

    # --- 3xx: journeys and policies as a whole

    UNREACHABLE = 301, "Nothing leads to this state"
    """Add a transition to it, or remove it."""
    TARGET = 302, "A transition has no target, or two"
    """Give it either `to` or `split`; at least one weight of a split must be above 0."""
    ENDLESS_ENTRY = 303, "Each end of a journey would open it again"
    """Add a `when` to the entry that says which journey's end opens this one."""
    QUIET = 304, "Quiet hours never end"
    """Leave some time of the week free on each channel; otherwise requests wait for ever."""
    SENT = 305, "The action cannot be sent"
    """Give it a treatment on a channel that has an `out`."""

    # --- 4xx: against the set in force

    VERSION = 401, "A journey changed without a new version"
    """Customers are in the journey. Raise its `version`: they finish in the earlier one."""
    DRAFT = 402, "A journey that has run cannot be a draft again"
    """Leave it live; or make it `draining`: then its instances finish and nobody enters."""
    TAKEN_AWAY = 403, "The file of a journey that runs is gone"
    """First apply the journey as `draining` or `retired`, then take its file away. `--retire` ends
    its instances at once."""
    NO_SUCCESSOR = 404, "Instances could not follow to the new version"
    """Name in `map` the state that each state of the other version becomes."""

    OWNER = 405, "This belongs to another team"
    """The topology's `owners` says who may change it. Ask that team, or let it make the change."""
    KNOWN_BY = 406, "Customers are known by this"
    """Customers' ids are made of the values of identifier types. Keep the topology's name, the
    types, their order and their `normalise`; declare a new type for another form."""

    # --- 5xx: warnings: the definitions load, but something is probably a mistake

    NO_EFFECT = 501, "This has no effect"
    """Remove it, or change the part that the message names."""
    NO_END = 502, "The journey has no way to end"
    """Add a state with `end`, a goal with `exit: true`, or an `exit`."""
    NO_EVENT = 503, "An event or a key is missing here"
    """A timer leads to this place, or the entry has no `key`. Read `entry` or `data` instead."""
    AGAIN = 504, "A timer fires again and again"
    """Write `past: skip` at the `at` timer."""
    HELD_OUT = 505, "Held-out customers do not get service actions"
    """A journey's `holdout` also stops its service actions. Make them transactional, or request
    them in a journey without a holdout."""
    NO_MATCH = 506, "A `decide` can match nothing"
    """No action meets its conditions on issues, groups, actions and channels. Change one."""
    NULL = 507, "A comparison with null is never true"
    """What is absent or null is missing, and a comparison with missing is missing. Write `has(x)`,
    or `not has(x)`."""
    NOT_RECORDED = 508, "A figure loses the records that it is made of"
    """Leave the kind of records on that the message names, or do without the figure."""

    # --- 6xx: advice, by `validate --advice`: the definitions load and run as written

    NEVER_TRUE = 601, "A condition can never be true"
    """Its parts contradict each other, or it reads `event` at a timer, where there is no event.
    Whatever customers do, its rule never applies. Change the condition, or remove the rule."""
    NEVER_TAKEN = 602, "A rule can never be taken"
    """Another rule is always first: an exit or a transition that matches whenever this one would,
    a shorter timer that always leaves the state, or an `always` that leaves it at once. Put this
    rule first, give the other one a condition, or remove this one."""
    NEVER_REACHED = 603, "Nobody can reach this state"
    """Transitions lead to it, and none of them can ever be taken. Change one of them, or remove
    the state."""
    NO_GOAL = 604, "Nobody can reach the goal"
    """Its condition can never be true, or each instance has ended before an event could mark it.
    Change the condition, or give the goal a `within`, so that it is watched after the end."""
    NOT_ASKED = 605, "Nobody asks for this action"
    """No `act` or `decide` that customers can reach names it, in a journey that runs; a draft does
    not count. Ask for it in a journey, or remove it."""
    NEVER_SENT = 606, "No customer can get this"
    """The gates exclude each other for every customer: conditions that contradict each other, a
    cap of 0, a holdout of everybody, a channel without an address. Change the gate that the
    message names, or remove the action or treatment."""
    CAP_PERIOD = 607, "A wait and the period of a cap do not fit"
    """A journey asks again after a wait. If it is shorter than the cap allows, most rounds are
    stopped; if it is longer than the period, the cap never counts two of them together. Change the
    wait, the cap's `per`, or its `max`."""
    COMPETE = 608, "Journeys compete for the same customers and caps"
    """One event can open all of them for one customer, and the same caps count their messages. The
    journey that asks first gets the place, whatever the priorities are. Let the conditions of the
    entries exclude each other, or ask with one `decide` in one journey for the best action."""
    SAME_ENTRY = 609, "Journeys have the same entry"
    """Each event that opens one opens the others, for the same customer. Join them into one
    journey, split the customers by `when`, or leave it if both are meant."""
    NOT_COVERED = 610, "No event of the files reached this"
    """The files may be too short for it, or lack the events that it waits for; or a condition is
    wrong. Look at the conditions and event types on the way there, or take more events."""
