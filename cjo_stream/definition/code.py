"""The codes of diagnostics: one for each kind of finding, for good.

A code is never given to another kind of finding, and one that is no longer found stays out of use.
`docs/diagnostics.md` is drawn from this table: of each its title, and below it what to do.
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

    # --- 1xx: what is written, as it stands

    FILE = 101, "A file cannot be read"
    """Files are UTF-8 text of at most 1 MiB that this user may read, without control characters;
    their names are UTF-8, too. A folder holds one document `topology: NAME`, in any `*.yaml`
    file."""
    YAML = 102, "The text is not YAML as definitions use it"
    """Check the indentation, the quotes and the brackets at that place. An expression with a
    comma, a colon or a `#` is quoted."""
    KIND = 103, "A document does not begin with its kind"
    """The first key of a document says what it defines: `topology`, `journey`, `action` or
    `policy`, with the name."""
    UNKNOWN = 104, "Nothing has this name"
    """The name is misspelt, or what it names is not declared. The message names the nearest one
    that there is, or all of them."""
    UNSUPPORTED = 105, "This release does not support it yet"
    """The word belongs to the language, but this release does not run it. Leave it out."""
    TYPE = 106, "A value of another type is wanted"
    """Write what the message says: a text, a number, a list, a mapping, an expression. A text
    that looks like a number is quoted."""
    FORM = 107, "The text does not have the form that is wanted"
    """The message shows the form: a regular expression, or an example."""
    RANGE = 108, "The value is too small or too large"
    """Write one within the bounds of the message."""
    MISSING = 109, "A key is missing"
    """Add the key that the message names."""
    TOGETHER = 110, "These keys do not go together"
    """One key needs another, or excludes it. Add, move or remove a key as the message says."""
    REPEATED = 111, "The same thing is defined twice"
    """Remove one of the two, or give it another name. Names are unique within a folder, and keys
    within a mapping."""
    EMPTY = 112, "Something must stand here"
    """Add at least one element."""

    # --- 2xx: expressions

    EXPRESSION = 201, "This is not an expression"
    """Expressions are written as in Python: `event.total > 50 and profile.vip == true`. See the
    page on expressions."""
    NAME = 202, "No such name in an expression"
    """An expression reads `event`, `entry`, `profile`, `data`, `key` and `now` where they have a
    meaning, and calls the functions of the page on expressions. Facts, traits and data must be
    declared."""
    USE = 203, "This is not allowed in an expression"
    """Use what the message names instead. An expression has no statements, loops, lambdas,
    comprehensions or methods."""
    SIZE = 204, "The expression is too long or too deep"
    """An expression has at most 500 characters and 20 levels. Set a variable with `assign`
    first, and read that."""
    VALUE = 205, "The expression never gives what is wanted here"
    """Write an expression that can give a value of that type."""

    # --- 3xx: journeys and policies as a whole

    UNREACHABLE = 301, "Nothing leads to this state"
    """Add a transition to it, or remove it."""
    TARGET = 302, "A transition has no target, or two"
    """Give it `to` or `split`, one of the two, with some weight above 0."""
    ENDLESS_ENTRY = 303, "Each end of a journey would open it again"
    """Add a `when` to the entry that says which journey's end opens this one."""
    QUIET = 304, "Quiet hours never end"
    """Leave some time of the week free on each channel, or a request would wait for ever."""
    SENT = 305, "The action cannot be sent"
    """Give it a treatment on a channel that has an `out`."""

    # --- 4xx: against the set in force

    VERSION = 401, "A journey changed without a new version"
    """Customers are in the journey. Raise its `version`: they finish in the earlier one."""
    DRAFT = 402, "A journey that has run cannot be a draft again"
    """Leave it live; or take its file away, so that its instances finish and nobody enters."""

    # --- 5xx: warnings: the definitions load, and something is probably not meant

    NO_EFFECT = 501, "This has no effect"
    """Remove it, or change what makes it idle."""
    NO_END = 502, "The journey has no way to end"
    """Add a state with `end`, a goal with `exit: true`, or an `exit`."""
    NO_EVENT = 503, "An event or a key is missing here"
    """Time leads to this place, or the entry has no `key`. Read `entry` or `data` instead."""
    AGAIN = 504, "A timer fires again and again"
    """Write `past: skip` at the `at` timer."""
    HELD_OUT = 505, "Held-out customers do not get service actions"
    """A journey's `holdout` also keeps back its service actions. Make them transactional, or ask
    for them in a journey without a holdout."""
    NO_MATCH = 506, "A `decide` can match nothing"
    """No action has all of the issues, groups, actions and channels that it asks for."""
