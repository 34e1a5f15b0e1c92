"""A customer's timeline in words, oldest first, times in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_INDENT: Final = " " * 4
_KIND_COLUMNS: Final = 10


def lines(customer_id: str, entries: list[dict[str, Any]], max_late_ms: int) -> Iterator[str]:
    """Yield the lines of a customer's timeline, which is the one in the answer to `Show`.

    The entry of an absorbed customer names that customer's id. An event that came more than
    `max_late_ms` after its time is marked as late.
    """
    from cjo_stream.core.text import moment_text

    for entry in entries:
        kind = entry["kind"]
        body = entry[kind]
        first, *more = (
            _event(body, entry["at"], max_late_ms) if kind == "event" else _LINES[kind](body)
        )
        then = body.get("customer_id", customer_id)
        was = "" if then == customer_id else f"  (as {then})"
        yield f"{moment_text(entry['at'])}  {kind:{_KIND_COLUMNS}}  {first}{was}"
        for line in more:
            yield _INDENT + line


def _event(body: dict[str, Any], at: int, max_late_ms: int) -> list[str]:
    """Return the lines of an event; its own time too if it differs from the clock's."""
    from cjo_stream.core.text import moment_text

    where = f" on {body['channel']}" if body["channel"] else ""
    event_id = f"  [{body['id']}]" if body["id"] else ""
    taken = [f"{name}: {_short(value)}" for name, value in body["traits"].items()]
    of = "" if body["time"] == at else f", of {moment_text(body['time'])}"
    late = ", late: it moved no journey" if body["time"] < at - max_late_ms else ""
    first = f"{body['type']}{where}{of}{late}{event_id}"
    said = body.get("said")
    return [
        first if said is None else f"{first}: {said}",
        *([f"taken by traits: {', '.join(taken)}"] if taken else []),
    ]


def _identity(body: dict[str, Any]) -> list[str]:
    named = ", ".join(_named(one) for one in body["identifiers"])
    line = " ".join(part for part in (body["kind"], named) if part)
    if body["reason"]:
        line += f": {body['reason']}"
    if body["event_id"]:
        line += f"  [{body['event_id']}]"
    absorbed = body["absorbed"]
    return [line, *([f"absorbed: {', '.join(absorbed)}"] if absorbed else [])]


def _transition(body: dict[str, Any]) -> list[str]:
    key = "" if body["key"] is None else f" ({body['key']})"
    ways = [state for state in (body["from"], body["to"]) if state is not None]
    how = body["reason"] if body["outcome"] is None else f"{body['reason']}: {body['outcome']}"
    held = ", held out" if body["holdout"] else ""
    way = f" {' -> '.join(ways)}" if ways else ""
    return [f"{body['journey']} v{body['version']}{key}{way}, {how}{held}"]


def _decision(body: dict[str, Any]) -> list[str]:
    import msgspec

    from cjo_stream.core.decision.explain import explain
    from cjo_stream.core.record import Decision

    first, *more = explain(msgspec.convert(body, Decision))
    return [first.partition("  ")[2], *(line.removeprefix("  ") for line in more)]


def _action(body: dict[str, Any]) -> list[str]:
    address = f" to {_named(body['address'])}" if body["address"] else ""
    return [f"{body['action']} on {body['channel']}{address}  [{body['action_id']}]"]


def _named(address: dict[str, Any]) -> str:
    """Return an identifier as text; only its type if it is not the customer's."""
    value = address["value"]
    return f"{address['type']}:{value}" if value is not None else f"another's {address['type']}"


def _short(value: Any) -> str:
    return str(value) if not isinstance(value, str) else repr(value)


_LINES: Final = {
    "identity": _identity,
    "transition": _transition,
    "decision": _decision,
    "action": _action,
}
