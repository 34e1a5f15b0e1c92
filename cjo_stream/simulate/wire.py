"""How each of the shop's channels writes an event down: native, Segment's, and two mapped rows.

Rows say the same as events: what `topologies/shop/topology.yaml` maps them to is written here in
reverse.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from cjo_stream.simulate.population import anonymous_id

Write = Callable[[str, str, int, dict[str, str], dict[str, Any]], bytes]
"""Writes (id, type, time_ms, identifiers, attributes)."""

DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode


def rfc3339(time_ms: int) -> str:
    """Return a time as text, in UTC.

    >>> rfc3339(1_767_225_600_250)
    '2026-01-01T00:00:00.250Z'
    """
    day, ms = divmod(time_ms, DAY_MS)
    seconds, ms = divmod(ms, 1_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{_date(day)}T{hour:02d}:{minute:02d}:{second:02d}.{ms:03d}Z"


@lru_cache(64)
def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()


def native(
    id_: str, type_: str, time_ms: int, identifiers: dict[str, str], attributes: dict[str, Any]
) -> bytes:
    """Return contracts.md section 1's form; integer times, as trackers of one's own like them."""
    return _encode(
        {
            "id": id_,
            "type": type_,
            "time": time_ms,
            "identifiers": identifiers,
            "attributes": attributes,
        }
    )


@lru_cache(256)
def _spoken(type_: str) -> str:
    """Return an event's name as Segment's specification spells it: `Order Placed`."""
    return type_.replace("_", " ").title()


@lru_cache(256)
def _camel(name: str) -> str:
    """Return a trait's name as Segment's specification spells it: `firstName`."""
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


def segment(
    id_: str, type_: str, time_ms: int, identifiers: dict[str, str], attributes: dict[str, Any]
) -> bytes:
    """Return Segment's `track`, or `identify` where facts of a profile are told."""
    device = identifiers["device"]
    context: dict[str, Any] = {"device": {"id": device, "type": "ios"}}
    call: dict[str, Any] = {
        "messageId": id_,
        "timestamp": rfc3339(time_ms),
        "anonymousId": anonymous_id(device),
        "context": context,
    }
    if "user_id" in identifiers:
        call["userId"] = identifiers["user_id"]
    if "email" in identifiers:
        context["traits"] = {"email": identifiers["email"]}
    if type_ == "cjo.profile":
        call["type"] = "identify"
        call["traits"] = {_camel(name): value for name, value in attributes.items()}
    else:
        call["type"] = "track"
        call["event"] = _spoken(type_)
        call["properties"] = attributes
    return _encode(call)


def receipt(
    id_: str, type_: str, time_ms: int, identifiers: dict[str, str], attributes: dict[str, Any]
) -> bytes:
    """Return a till's receipt; goods brought back have a sum below zero."""
    sign = -1 if type_ == "order_returned" else 1
    row = {
        "receipt": id_,
        "ts": rfc3339(time_ms),
        "card": identifiers.get("loyalty_id"),
        "mail": identifiers.get("email"),
        "sum": sign * attributes["total"],
        "store": attributes["store"],
    }
    return _encode({name: value for name, value in row.items() if value is not None})


def scan(
    id_: str, type_: str, time_ms: int, identifiers: dict[str, str], attributes: dict[str, Any]
) -> bytes:
    """Return a carrier's scan."""
    row = {
        "scan": id_,
        "at": rfc3339(time_ms),
        "status": type_.removeprefix("parcel_").upper(),
        "order": attributes["order_id"],
        "customer": identifiers.get("user_id"),
        "mail": identifiers.get("email"),
        "days_late": attributes.get("days_late"),
    }
    return _encode({name: value for name, value in row.items() if value is not None})


WRITERS: dict[str, Write] = {
    "web": native,
    "app": segment,
    "email": native,
    "desk": native,
    "store": receipt,
    "parcel": scan,
}
"""By channel of the shop."""
