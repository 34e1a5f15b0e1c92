"""The meaning of an endpoint's answer to a command.

answer                          meaning
2xx, a JSON object with         that outcome; null: none, the channel reports it later
  `outcome`
202 without one                 none: the channel has not acted yet, and reports later
any other 2xx                   `delivered`
410                             the endpoint is gone: nothing is posted to it any more
429, 503, 408, 425, 5xx, 3xx    again later; Retry-After says when for the whole endpoint
401, 403, 404, 405, 407, 421    again later: they are about this endpoint and not the command
any other 4xx                   refused: `failed`
none                            again later
none, since it was broken off   again, and it is nobody's failure
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

import msgspec

from cjo_stream.core.likeness import nearest, surely
from cjo_stream.core.word import Outcome
from cjo_stream.definition.text.report import quoted

BODY_BYTES_MAX: Final = 65_536
"""Of an answer; a longer one is no JSON."""
RETRY_AFTER_MS_MAX: Final = 3_600_000
_OUTCOMES: Final = frozenset(Outcome)
_OF_THE_ENDPOINT: Final = frozenset((401, 403, 404, 405, 407, 421))
_BUSY: Final = frozenset((429, 503))
_AGAIN: Final = _OF_THE_ENDPOINT | _BUSY | {408, 425}


class Answer(NamedTuple):
    """What came back: a status, or why there is none."""

    seconds: float
    """From the request to here."""
    status: int | None = None
    retry_after: str | None = None
    body: bytes = b""
    """Of a 2xx; empty where it is longer than BODY_BYTES_MAX."""
    why: str = ""
    is_broken_off: bool = False
    """Whether there is none because the request was broken off here."""


class Done(NamedTuple):
    """The command is answered. `outcome` is to be reported, if there is one."""

    result: str
    """`answered` or `refused`."""
    outcome: str | None
    value: float | None = None
    oddity: str | None = None
    """What is wrong with the answer, to be logged."""


class Again(NamedTuple):
    """The command is to be posted again."""

    reason: str
    """A word for the metric."""
    why: str
    """For the log."""
    after_ms: int | None = None
    """How long the whole endpoint asks to be left alone."""


class BrokenOff(NamedTuple):
    """The command is to be posted again, and nothing is known of its endpoint."""


class Gone(NamedTuple):
    """The endpoint takes nothing any more."""


Meaning = Done | Again | BrokenOff | Gone


def meaning(answer: Answer, now_ms: int) -> Meaning:
    """Return what an answer means; `now_ms` is the wall time."""
    status = answer.status
    if answer.is_broken_off:
        return BrokenOff()
    if status is None:
        return Again("no_answer", answer.why)
    if 200 <= status < 300:
        return _of_body(status, answer.body)
    if status == 410:
        return Gone()
    after_ms = _after_ms(answer.retry_after, now_ms) if status in _BUSY else None
    if status in _BUSY:
        return Again("busy", f"it answers {status}", after_ms)
    if 400 <= status < 500 and status not in _AGAIN:
        return Done("refused", Outcome.FAILED)
    if status in _OF_THE_ENDPOINT:
        return Again("endpoint", f"it answers {status}: are its url and its secret right?")
    if 300 <= status < 400:
        return Again("endpoint", f"it redirects ({status}), which is not followed: mend its url")
    return Again("error", f"it answers {status}")


def _of_body(status: int, body: bytes) -> Done:
    assumed = None if status == 202 else Outcome.DELIVERED
    try:
        said: Any = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return Done("answered", assumed)
    if not isinstance(said, Mapping):
        return Done("answered", assumed)
    if "outcome" not in said:
        odd = _misspelt(said, "outcome")
        if odd is None:
            return Done("answered", assumed)
        return Done("answered", None, oddity=f"{odd} Nothing was reported")
    outcome = said["outcome"]
    if outcome is None:
        return Done("answered", None)
    if not isinstance(outcome, str) or outcome not in _OUTCOMES:
        return Done("answered", None, oddity=_unknown(outcome))
    value = said.get("value")
    if value is None:
        odd = _misspelt(said, "value")
        return Done("answered", outcome, oddity=None if odd is None else f"{odd} It was left out")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return Done("answered", outcome, oddity="`value` is no number: it was left out")
    return Done("answered", outcome, value)


def _misspelt(said: Mapping[str, Any], word: str) -> str | None:
    """Return what is wrong, if a field that is missing stands there under a misspelt name."""
    for name, value in said.items():
        if value is not None and name != word and surely(name, (word,)) is not None:
            return f"unknown field {quoted(name)}; did you mean {word}?"
    return None


def _unknown(outcome: object) -> str:
    if not isinstance(outcome, str):
        return "`outcome` is no text: nothing was reported"
    near = nearest(outcome, _OUTCOMES)
    meant = f"did you mean {near}?" if near else f"known: {', '.join(sorted(_OUTCOMES))}"
    return f"unknown outcome {quoted(outcome)}; {meant} Nothing was reported"


def _after_ms(text: str | None, now_ms: int) -> int | None:
    """Return what Retry-After asks for (RFC 9110, 10.2.3), at most an hour; None: nothing."""
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return min(int(text.strip()[:9]) * 1000, RETRY_AFTER_MS_MAX)
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(0, int(at.timestamp() * 1000) - now_ms), RETRY_AFTER_MS_MAX)
