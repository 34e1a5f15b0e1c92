"""Limits of actions and of the policy, and the coverage of the policy's rules."""

from __future__ import annotations

from cjo_stream.core.duration import duration_text
from cjo_stream.core.program.policy import Coverage, Limit
from cjo_stream.definition.build.context import texts
from cjo_stream.definition.grammar.item import Fields

FOREVER = "forever"


def build_limit(fields: Fields, coverage: Coverage, scope: str = "") -> Limit:
    """Return a limit; `scope` is its coverage in words, "" for an action's own."""
    count, per_ms = fields.value("count", 1), fields.value("per")
    pause = fields.value("pause", FOREVER)
    pause_ms = None if pause == FOREVER else pause
    words = [scope, fields.value("outcome", "")]
    if count > 1:
        words.append(f"x{count}")
    if per_ms is not None:
        words.append(f"per {duration_text(per_ms)}")
    words.append(f"pause {FOREVER if pause_ms is None else duration_text(pause_ms)}")
    return Limit(
        rule=" ".join(word for word in words if word),
        coverage=coverage,
        outcome=fields.value("outcome", ""),
        count=count,
        per_ms=per_ms,
        pause_ms=pause_ms,
    )


def build_coverage(fields: Fields) -> Coverage:
    """Return the coverage of a rule of the policy; an absent key covers all."""
    return Coverage(
        classes=_named(fields, "class"),
        channels=_named(fields, "channel"),
        issues=_named(fields, "issue"),
        groups=_named(fields, "group"),
        actions=_named(fields, "action"),
    )


def coverage_text(fields: Fields) -> str:
    """Return the coverage of a rule in words: `group cards channel push,sms`."""
    return " ".join(
        f"{name} {','.join(item.value for item in fields.items(name))}"
        for name in ("class", "issue", "group", "action", "channel")
        if fields.items(name)
    )


def _named(fields: Fields, name: str) -> frozenset[str] | None:
    items = fields.items(name)
    return texts(items) if items else None
