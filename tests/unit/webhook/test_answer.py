"""The meaning of endpoints' answers, and what is reported."""

import json

import pytest

from cjo_stream.core.word import Outcome
from cjo_stream.webhook.answer import Again, Answer, BrokenOff, Done, Gone, meaning
from cjo_stream.webhook.outcome import outcome_event

NOW_MS = 1_772_442_000_000  # 2026-03-02T09:00:00Z


def of(status: int | None, body: object = b"", retry_after: str | None = None) -> object:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return meaning(Answer(0.1, status, retry_after, raw, "no answer"), NOW_MS)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_outcome_is_taken_from_the_answer(outcome: Outcome) -> None:
    assert of(200, {"outcome": outcome}) == Done("answered", outcome)
    assert of(202, {"outcome": outcome, "value": 2.5}) == Done("answered", outcome, 2.5)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b"", "delivered"),
        (204, b"", "delivered"),
        (200, b"<html>thanks</html>", "delivered"),
        (200, b"[" * 10_000, "delivered"),
        (200, ["accept"], "delivered"),
        (200, {"status": "ok"}, "delivered"),
        (202, b"", None),
        (202, {"queued": True}, None),
        (200, {"outcome": None}, None),
    ],
)
def test_without_one_it_is_delivered_unless_the_endpoint_says_later(
    status: int, body: object, outcome: str | None
) -> None:
    assert of(status, body) == Done("answered", outcome)


def test_what_cannot_be_used_of_an_answer_is_named() -> None:
    found = of(200, {"outcome": "delivred"})
    assert isinstance(found, Done)
    assert found.outcome is None
    assert "did you mean delivered?" in (found.oddity or "")
    for outcome in (7, ["accept"], {}):
        odd = of(200, {"outcome": outcome})
        assert isinstance(odd, Done)
        assert odd.outcome is None
        assert odd.oddity
    for value in ("5", True, [1]):
        odd = of(200, {"outcome": "accept", "value": value})
        assert isinstance(odd, Done)
        assert (odd.outcome, odd.value) == ("accept", None)
        assert odd.oddity
    for name in ("outcom", "Outcome", "outcomes"):
        odd = of(200, {name: "failed"})
        assert isinstance(odd, Done)
        assert odd.outcome is None
        assert odd.oddity == (
            f"unknown field '{name}'; did you mean outcome? Nothing was reported"
        )
    odd = of(200, {"outcome": "accept", "valeu": 5})
    assert isinstance(odd, Done)
    assert (odd.outcome, odd.value) == ("accept", None)
    assert odd.oddity == "unknown field 'valeu'; did you mean value? It was left out"
    assert of(200, {"outcome": "accept", "values": None}) == Done("answered", "accept")
    long = of(200, {"outcome": "x" * 10_000})
    assert isinstance(long, Done)
    assert len(long.oddity or "") < 300


@pytest.mark.parametrize("status", [400, 402, 406, 409, 411, 413, 415, 418, 422, 431, 451, 499])
def test_a_command_that_is_refused_has_failed(status: int) -> None:
    assert of(status, {"outcome": "accept"}) == Done("refused", "failed")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (None, "no_answer"),
        (500, "error"), (502, "error"), (504, "error"), (599, "error"),
        (408, "error"), (425, "error"),
        (429, "busy"), (503, "busy"),
        (401, "endpoint"), (403, "endpoint"), (404, "endpoint"), (405, "endpoint"),
        (301, "endpoint"), (302, "endpoint"), (307, "endpoint"),
    ],
)  # fmt: skip
def test_what_is_no_answer_to_the_command_is_asked_again(status: int | None, reason: str) -> None:
    found = of(status)
    assert isinstance(found, Again)
    assert found.reason == reason
    assert found.why


def test_a_request_that_was_broken_off_here_is_nobodys_failure() -> None:
    assert meaning(Answer(2.0, is_broken_off=True), NOW_MS) == BrokenOff()


def test_an_endpoint_that_is_gone_is_told_apart() -> None:
    assert of(410) == Gone()


@pytest.mark.parametrize(
    ("text", "after_ms"),
    [
        ("120", 120_000),
        (" 0 ", 0),
        ("99999999999999999999", 3_600_000),
        ("Mon, 02 Mar 2026 09:02:00 GMT", 120_000),
        ("Mon, 02 Mar 2026 08:00:00 GMT", 0),
        ("Mon, 02 Mar 2099 08:00:00 GMT", 3_600_000),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_an_hour(
    text: str, after_ms: int | None
) -> None:
    for status in (429, 503):
        found = of(status, retry_after=text)
        assert isinstance(found, Again)
        assert found.after_ms == after_ms
    plain = of(500, retry_after=text)
    assert isinstance(plain, Again)
    assert plain.after_ms is None


def test_an_outcome_is_the_event_that_channel_systems_report() -> None:
    assert json.loads(outcome_event("c1-a3", "accept", 2.5, NOW_MS)) == {
        "type": "cjo.outcome",
        "time": NOW_MS,
        "id": "c1-a3-webhook",
        "attributes": {"action_id": "c1-a3", "outcome": "accept", "value": 2.5},
    }
    assert "value" not in json.loads(outcome_event("c1-a3", "failed", None, 0))["attributes"]
