"""Test files that somebody damaged, or wrote by guess: an error with a place, or a result."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from cjo_stream.errors import UsageError
from cjo_stream.testing.suite import run_cases
from cjo_stream.testing.tell import lines_of
from tests.world.cases import CART, GIVEN, case, write

TWO = "customers: {ada: {email: ada@example.com}, bob: {email: bob@example.com, device: d1}}\n"
GOOD = case(
    CART,
    "event: {customer: bob, type: cart_updated, attributes: {cart_id: c2, total: 40}}",
    "expect: {customer: ada, state: {cart: waiting}, profile: {carts: 1, tier: basic}}",
    "advance: 30m",
    "expect:\n      actions:   # two\n        - {customer: ada, channel: email}\n"
    "        - {customer: bob, action: reminder, payload: {total: 40}}\n"
    "      not_sent: [{channel: push, gate: address}]",
    "advance: 2026-03-03T18:00:00Z",
    "expect: {customer: {device: d1}, transitions: [{journey: cart}], data: {cart: {total: 40}}}",
    head=GIVEN + TWO,
)
WORDS = [
    "null", "[]", "{}", "-", "1", "''", "*a", "&a", "!x", "2026-03-02T10:00:00Z", "-30m", "30m",
    "true", ".nan", "[null]", "state", "actions", "customer", "bought", "waiting", "push", "gate",
    "caps", "40.25", "cart", "reminder",
]  # fmt: skip


def damaged(draw: random.Random) -> str:
    """Return the good case with one to three places changed."""
    text = GOOD
    for _ in range(draw.randint(1, 3)):
        parts = text.split(" ")
        at = draw.randrange(len(parts))
        if draw.random() < 0.6:
            parts[at] = draw.choice(WORDS) + ("," if parts[at].endswith(",") else "")
        elif draw.random() < 0.5:
            del parts[at]
        else:
            parts.insert(at, parts[draw.randrange(len(parts))])
        text = " ".join(parts)
    return text


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_case_ends_with_an_error_of_ours_or_a_result(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    for _ in range(15):
        folder = write(tmp_path, one=damaged(draw))
        try:
            report = run_cases(folder)
        except UsageError:
            continue
        assert all(lines_of(result) for result in report.failed)


@pytest.mark.parametrize("seed", range(8))
def test_what_update_writes_passes_and_is_written_once(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    for _ in range(15):
        text = damaged(draw)
        folder = write(tmp_path, one=text)
        try:
            report = run_cases(folder, updates=True)
        except UsageError:
            assert (folder / "one.test.yaml").read_text() == text
            continue
        left = [
            one.part for result in report.failed for _, found, _ in result.failed for one in found
        ]
        assert set(left) <= {"refused", "customer", "state", "profile", "data", "priorities"}, text
        assert run_cases(folder, updates=True).written.expectations == 0 or left, text
