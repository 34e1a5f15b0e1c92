"""What the grammar's tables leave open about a field: its default, its order, its name in a path.

Each row is keyed by a record's subject and a field.
"""

from __future__ import annotations

from typing import Final

from cjo_stream.core.word import (
    ActionClass,
    CommandFormat,
    Format,
    Migrate,
    Past,
    Per,
    Reentry,
    Status,
    Switch,
)

_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
Row = tuple[str, str]

DEFAULTS: Final[dict[Row, object]] = {
    ("a topology", "timezone"): "UTC",
    ("a topology", "dedupe"): 7 * _DAY_MS,
    ("a topology", "grace"): 5 * _MINUTE_MS,
    ("a topology", "max_late"): _DAY_MS,
    ("a channel's in", "format"): str(Format.NATIVE),
    ("a channel's out", "format"): str(CommandFormat.JSON),
    ("an identifier", "limit"): 5,
    ("a trait", "keep"): 50,
    ("a journey", "status"): str(Status.LIVE),
    ("a journey", "canary"): 1.0,
    ("a journey", "migrate"): str(Migrate.DRAIN),
    ("an entry", "reentry"): str(Reentry.AFTER_END),
    ("a goal", "exit"): False,
    ("an at timer", "past"): str(Past.FIRE),
    ("an action", "class"): str(ActionClass.MARKETING),
    ("an action", "value"): 1,
    ("an action", "lever"): 0,
    ("an action", "eligible"): True,
    ("an action", "applicable"): True,
    ("an action", "suitable"): True,
    ("an action", "propensity"): 1,
    ("an action", "expires"): 7 * _DAY_MS,
    ("a limit", "count"): 1,
    ("a measure", "value"): 1,
    ("a measure", "per"): str(Per.CUSTOMER),
    ("a policy", "holdout"): 0.0,
    ("a policy", "explore"): 0.0,
    ("a policy", "week_starts"): "mon",
    ("a policy", "reward_window"): 7 * _DAY_MS,
    ("records", "transition"): str(Switch.ON),
    ("records", "decision"): str(Switch.ON),
    ("records", "profile"): str(Switch.ON),
    ("records", "reward"): str(Switch.ON),
}
"""What holds where a field is not written, as the field's shape reads it."""

ORDERED: Final[frozenset[Row]] = frozenset(
    {
        ("a state", "after"),
        ("an action", "treatments"),
        ("an act", "channels"),
        ("a propensity", "features"),
        ("a prediction", "features"),
    }
)
"""Mappings and lists of names whose order is meant; all other lists are ordered."""

UNORDERED: Final[frozenset[Row]] = frozenset(
    {("identity", "blocked"), ("service", "opened"), ("service", "closed")}
)
"""Lists whose order means nothing."""

EMPTY_IS_ABSENT: Final[frozenset[Row]] = frozenset(
    {
        ("a topology", "profile"),
        ("a topology", "service"),
        ("a policy", "levers"),
        ("a policy", "service_gate"),
    }
)
"""Records that mean nothing while they are empty."""

ABSENT_IS_EMPTY: Final[frozenset[Row]] = frozenset({("a topology", "records")})
"""Records of which each field has its default where the record is not written."""

WORDS: Final[dict[Row, tuple[str, ...]]] = {
    ("", "states"): ("state",),
    ("", "after"): ("timer",),
    ("", "at"): ("timer",),
    ("a state", "on"): ("transition",),
    ("a journey", "on"): ("transition",),
    ("a journey", "data"): ("variable",),
    ("a step", "assign"): ("variable",),
    ("a step", "set"): ("fact",),
    ("a step", "act"): (),
    ("a step", "decide"): (),
    ("a step", "raise"): (),
    ("", "data"): ("variable",),
    ("", "split"): ("branch",),
    ("a topology", "channels"): ("channel",),
    ("a topology", "identity"): (),
    ("a topology", "profile"): (),
    ("a topology", "service"): (),
    ("a topology", "events"): ("event",),
    ("a topology", "predict"): ("prediction",),
    ("a topology", "owners"): ("team",),
    ("", "identifiers"): ("identifier",),
    ("", "attributes"): ("attribute",),
    ("", "facts"): ("fact",),
    ("", "traits"): ("trait",),
    ("", "opened"): ("case", "opened"),
    ("", "closed"): ("case", "closed"),
    ("", "caps"): ("cap",),
    ("", "limits"): ("limit",),
    ("", "treatments"): ("treatment",),
    ("", "payload"): ("payload",),
    ("", "features"): ("feature",),
    ("a policy", "levers"): (),
    ("levers", "issue"): ("lever", "issue"),
    ("levers", "group"): ("lever", "group"),
    ("a policy", "service_gate"): (),
    ("a service gate", "block"): ("gate", "service_gate"),
    ("", "eligible"): ("gate", "eligible"),
    ("", "applicable"): ("gate", "applicable"),
    ("", "suitable"): ("gate", "suitable"),
}
"""The name of a field in a path, where it is another than the field's key; () leaves it out."""
