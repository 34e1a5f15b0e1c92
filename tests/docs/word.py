"""One line of meaning for each word of a closed list.

`tests/docs/table.py` draws them in the code's order, and refuses a word that only one side has.
"""

from __future__ import annotations

from typing import Final

FUNCTIONS: Final = {
    # name: call, meaning, example
    "len": ("len(x)", "The length of a text, list or object.", "len('abc')"),
    "lower": ("lower(text)", "The text in lower case.", "lower('DE')"),
    "upper": ("upper(text)", "The text in upper case.", "upper('de')"),
    "slug": (
        "slug(text)",
        "The text in lower case, everything but letters and digits as `_`: fit for an event type.",
        "slug('Order Completed')",
    ),
    "abs": ("abs(x)", "The number without its sign.", "abs(-3)"),
    "min": ("min(x, …)", "The smallest of several values, or of one list.", "min(3, 1, 2)"),
    "max": ("max(x, …)", "The largest of several values, or of one list.", "max([3, 1, 2])"),
    "round": (
        "round(x, digits)",
        "The rounded number; without `digits` a whole one. A half goes to the even neighbour.",
        "round(2.718, 1)",
    ),
    "int": (
        "int(x)",
        "A number, text or boolean as a whole number; a fraction is cut off.",
        "int('42')",
    ),
    "float": ("float(x)", "A number, text or boolean as a number.", "float('4.5')"),
    "str": ("str(x)", "Any value as text; a list or object as JSON.", "str(7)"),
    "coalesce": (
        "coalesce(x, …)",
        "The first value that is not missing.",
        "coalesce(profile.debt, 0)",
    ),
    "has": ("has(x)", "Whether the value is there; never missing itself.", "has(profile.debt)"),
    "contains": (
        "contains(whole, part)",
        "Whether a list holds an element, a text a part, an object a key: `part in whole`.",
        "contains(['a', 'b'], 'a')",
    ),
    "starts_with": (
        "starts_with(text, start)",
        "Whether the text starts with `start`.",
        "starts_with('newsletter', 'news')",
    ),
    "duration": ("duration(text)", "The duration in ms.", "duration('1d12h')"),
    "days_since": (
        "days_since(time)",
        "Days from `time` to now, with a fraction.",
        "days_since(now - duration('36h'))",
    ),
    "hours_since": (
        "hours_since(time)",
        "Hours from `time` to now, with a fraction.",
        "hours_since(now - duration('90m'))",
    ),
    "weekday": (
        "weekday(time)",
        "The customer's local weekday, `'mon'` to `'sun'`; without `time`, of now.",
        "weekday()",
    ),
    "hour": ("hour(time)", "The customer's local hour; without `time`, of now.", "hour()"),
    "date": ("date(time)", "The customer's local date; without `time`, of now.", "date()"),
    "timestamp": (
        "timestamp(x, format, zone)",
        "A time, in ms: see [Times](#times).",
        "timestamp('2026-03-02 11:00', null, 'Europe/Berlin')",
    ),
    "lookup": (
        "lookup(list, field, value)",
        "The first object of a list whose `field` equals `value`.",
        "lookup(event.params, 'key', 'page')['value']",
    ),
    "next_time": (
        "next_time(clock, days)",
        "The next such local time of the customer after now, in ms; without `days`, on any day.",
        "next_time('09:00', ['mon', 'fri'])",
    ),
    "bucket": (
        "bucket(x, n)",
        "A stable hash of the value, from 0 to n - 1: for samples.",
        "bucket('ada', 100)",
    ),
    "consented": (
        "consented(purpose, channel)",
        (
            "What the consent gate would say; of a purpose that is no class, whether it is "
            "granted. Missing of a channel that the topology does not have."
        ),
        "consented('marketing', 'email')",
    ),
}

SYNTAX: Final = (
    # form, examples
    ("names, attributes", ("event.total", "profile.tier", "profile.identifiers.email")),
    ("attributes with odd names", ("event['odd name']", "event.attributes['type']")),
    ("items of lists", ("event.items[0].price", "event.items[-1]")),
    ("text, numbers, lists", ("'gold'", "4.5", "['a', 'b']")),
    ("constants", ("true", "false", "null", "True", "False", "None")),
    ("logic", ("has(key) and not data.sent", "event.a or event.b")),
    ("comparison", ("event.n == 1", "event.n != 1", "1 < event.n <= 5")),
    ("membership", ("'dsl' in profile.products", "event.type not in ['a', 'b']")),
    ("arithmetic", ("event.n * 2 + 1", "event.n / 2", "event.n // 2", "event.n % 2", "-event.n")),
    ("texts joined", ("'order_' + event.id",)),
    ("choice", ("'high' if event.total > 100 else 'low'",)),
    ("functions", ("len(event.items) > 2",)),
)

PLACES: Final = {
    "FEATURE": "the `features` of a prediction",
    "TRAIT": "a trait; the rules of `service`; `when` of a prediction",
    "EVENT": "an `entry`; `context` of an action; a measure per customer",
    "DATA": "a journey's `data` block; a measure per journey or state",
    "JOURNEY": "all else in a journey: `on`, `do`, `enter`, `leave`, `when`, `at`, `always`, "
    "`exit`, `goal`, `data` of a step",
    "ACTION": "an action: its conditions, `value`, `propensity`, `payload`",
    "MAP": "a channel's `map`",
    "ITEM": "a channel's `map` with `each`",
}

GATES: Final = {
    "holdout": "The customer is in the policy's `holdout`.",
    "eligible": "The action's `eligible` is not true.",
    "applicable": "The action's `applicable` is not true.",
    "suitable": "The action's `suitable` is not true.",
    "address": "The customer has no identifier of the channel's `address` type.",
    "consent": "The customer's statements do not allow the class on the channel.",
    "service_gate": "A service case is open, and the class is in `block`.",
    "limits": "A limit of the action or the policy pauses it.",
    "caps": "A cap is full.",
    "quiet_hours": "The channel is quiet now.",
    "priority": "Of `decide` only: a factor of the priority is missing or no finite number.",
}

FORMATS: Final = {
    "native": "The event of this page.",
    "segment": "Segment's calls: track, identify, page, screen, group, alias.",
    "cloudevents": "CloudEvents 1.0, structured or binary.",
    "mapped": "Any JSON object, CSV or Parquet row; `map` says how it becomes an event.",
    "debezium": "Debezium's change events; `map` says how a changed row becomes an event.",
}

SKIPPED: Final = {
    "tombstone": "A record without a value: it follows a delete.",
    "heartbeat": "The connector is alive.",
    "transaction": "A transaction begins or ends.",
    "schema_change": "A table was made or changed.",
    "message": "A logical message in the database's log.",
}

REASONS: Final = {
    "too_large": "The record is larger than 256 KiB.",
    "malformed": "The record is no JSON object in UTF-8.",
    "unmapped": "The format has no event for it: a call that Segment does not have, a row for "
    "which `map` gives no `type` or no `time`.",
    "invalid": "A field is missing or has the wrong type; the channel is missing or not declared; "
    "an outcome is unknown or of no command of the customer.",
    "future": "The time is more than 24 h ahead of the record's timestamp (of `run`: of `--now`).",
    "unidentified": "No identifier of a declared type names anybody.",
    "loop": "Journeys raise events, or move by `always`, without end. The rest is dropped.",
    "failed": "An error inside the engine. This one event or timer had no effect; the log has "
    "the details.",
}

TRAITS: Final = {
    "count": ("events of the named types", "0"),
    "sum": ("the sum of an expression's numbers", "0"),
    "min": ("the smallest number", "missing"),
    "max": ("the largest number", "missing"),
    "first": ("the value at the earliest event, by event time", "missing"),
    "last": ("the value at the latest event, by event time", "missing"),
    "distinct": (
        "a list of the different values, in order of first sight; beyond `keep` the oldest goes",
        "an empty list",
    ),
}

FACT_TYPES: Final = {
    "string": "text",
    "number": "a number",
    "boolean": "true or false",
    "time": "an RFC 3339 time with an offset, or ms since the epoch; kept as ms",
    "list": "a list of any values",
}

ATTRIBUTE_TYPES: Final = {
    "string": "text",
    "number": "a number",
    "boolean": "true or false",
    "time": "an RFC 3339 time with an offset, or a number of ms since the epoch",
    "list": "a list of any values",
    "object": "an object of any values",
}

IGNORED: Final = {
    "undeclared": "the topology has no identifier of the type",
    "blocked": "the value is a placeholder, or in the topology's `blocked`",
    "unusable": "the value is no address or number, or is too long",
    "ambiguous": "the value may stand for more than one: a phone number without its prefix, or "
    "a float above 2^53 that may have been rounded",
}

CLASSES: Final = {
    "marketing": "advertising; the default. All gates apply.",
    "service": "help for the customer. The policy's `holdout` does not apply.",
    "transactional": "what the customer must get, such as a receipt. It passes `holdout`, "
    "`consent`, `service_gate` and `quiet_hours`, and every cap that does not name the class.",
}

OUTCOMES: Final = {
    "delivered": "the message arrived",
    "impression": "the customer saw it",
    "click": "the customer clicked",
    "accept": "the customer accepted: an acceptance",
    "reject": "the customer refused",
    "failed": "the channel could not deliver it",
    "converted": "the customer did what the action is for: an acceptance, too",
}

CONSENT_STATUSES: Final = {
    "granted": "the customer agrees",
    "denied": "the customer does not agree",
    "revoked": "the customer takes an agreement back; the same as `denied`",
}

IDENTITY_KINDS: Final = {
    "created": "A customer was seen for the first time.",
    "linked": "An identifier was added to the customer.",
    "refused": "A link was refused; `reason` says why.",
    "merged": "The customer absorbed those in `absorbed`.",
    "detached": "A shared identifier left the customer.",
    "unmerged": "The customer left another one, which `reason` names.",
    "erased": "The customer was erased.",
}

TRANSITION_REASONS: Final = {
    "entered": ("null", "the initial state", "An instance began."),
    "moved": ("a state", "a state", "A transition was taken, also back to the same state."),
    "goal": ("a state or null", "the same", "The goal was reached. The instance goes on."),
    "exited": ("a state", "null", "An `exit` rule, or a goal with `exit: true`, ended it."),
    "ended": ("a state", "the final state", "It reached a final state; there is no `moved`."),
    "merged": ("a state", "null", "The customers were merged, and the other instance stays."),
    "refused": ("null", "null", "Already 25 instances are live, or there is no room."),
}

BOUNDS: Final = {
    "aliases": "ids of absorbed customers",
    "apart": "marks of customers that must not be linked",
    "asked": "links that wait to be asked for",
    "cases": "service cases",
    "commands": "commands remembered for caps, limits and outcomes",
    "consent": "statements of consent",
    "data": "variables of instances",
    "due_at_once": "timers that fire in one cascade",
    "evidence": "links that hold a customer together",
    "facts": "facts",
    "held": "events that wait for their links",
    "histories": "keys remembered for re-entry",
    "instances": "journey instances",
    "keys": "the length of an entry's key",
    "moments": "open moments of predictions",
    "moved": "identifiers that an unmerge moved away",
    "origins": "ids that the customer was parted from",
    "parted": "commands that an unmerge moved away",
    "queue": "messages to a customer that is being merged",
    "seen": "event ids remembered against repeats",
    "traits": "traits",
    "waiting": "requests that wait for quiet hours to end",
    "watched": "ended instances whose goal may still be reached",
    "windows": "open reward windows",
}

TOPICS: Final = {
    # the part of the name behind the prefix: key, value
    "event.web.v1": ("any", "events in, of the channel `web`"),
    "action.email.v1": ("customer id", "commands for the channel `email`, one a record"),
    "decision.v1": ("customer id", "decision records"),
    "transition.v1": ("customer id", "transitions of journeys"),
    "identity.v1": ("customer id", "changes of identity"),
    "profile.v1": ("customer id", "latest profile; null after an erasure or a merge"),
    "reward.v1": ("customer id", "what came of each command"),
    "prediction.v1": ("customer id", "what came of each prediction"),
    "measure.v1": ("customer id", "what measures took of events"),
    "outcome.v1": ("any", "outcomes in: events of type `cjo.outcome`"),
    "governance.v1": (
        "topology",
        "sets in force, their way to sleeping customers, verdicts of guards",
    ),
    "dead_letter.v1": ("as it came", "refused records, as they came; headers say why"),
    "definition.v1": ("topology, number", "definition sets that were applied"),
    "reply.v1": ("command id", "answers to operators"),
    "internal.v1": ("none", "private: frames between intake and workers"),
    "effect.v1": ("none", "private: frames from workers to dispatch"),
    "cursor.v1": ("place", "private: copies of positions"),
    "hold.v1": ("channel, action, who", "private: what operators hold"),
    "held.v1": ("none", "private: commands that wait because of a hold"),
    "model.v1": ("place", "private: what `learn` remembers"),
}
