"""Test files that somebody damaged, or wrote by guess: an error with a place, or a result."""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from pathlib import Path

from cjo_stream.errors import UsageError
from cjo_stream.testing.suite import run_cases
from cjo_stream.testing.tell import lines_of
from tests.world.cases import CART, GIVEN, case, unmet, write

CASES = 150 if "CJO_LONG" in os.environ else 60
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
VALUE = re.compile(r"(?<=[:\[] )[\w@.:-]+(?=[,}\]])")
VALUES = [
    "null", "0", "1", "2", "40", "40.25", "true", "[]", "{}", "cart", "quiet", "waiting",
    "reminded", "bought", "reminder", "thanks", "push", "email", "web", "address", "caps", "ada",
    "bob", "c1", "basic", "gold", "30m", "-30m", "1d", "2026-03-02T10:00:00Z", ".nan", "'x'",
]  # fmt: skip
ANYTHING = [
    "",
    "- ",
    "{",
    "}",
    "[",
    ":",
    "*a ",
    "&a ",
    "!x ",
    "#",
    "\n",
    "\t",
    '"',
    "event",
    "expect",
]


def damaged(draw: random.Random) -> str:
    """Return the good case with one to three values changed, now and then anything else."""
    text = GOOD
    for _ in range(draw.randint(1, 3)):
        if draw.random() < 0.9:
            found = draw.choice(list(VALUE.finditer(text, text.index("steps:"))))
            text = text[: found.start()] + draw.choice(VALUES) + text[found.end() :]
        else:
            at = draw.randrange(len(text))
            text = text[:at] + draw.choice(ANYTHING) + text[at + draw.randrange(4) :]
    return text


def test_a_damaged_case_ends_with_an_error_of_ours_or_a_result(tmp_path: Path) -> None:
    draw = random.Random(1)
    ends: Counter[str] = Counter()
    for _ in range(CASES):
        folder = write(tmp_path, one=damaged(draw))
        try:
            report = run_cases(folder)
        except UsageError:
            ends["error"] += 1
            continue
        ends["failed" if report.failed else "passed"] += 1
        assert all(lines_of(result) for result in report.failed)
    assert min(ends["error"], ends["failed"]) > CASES // 8, ends


def test_what_update_writes_passes_and_is_written_once(tmp_path: Path) -> None:
    draw = random.Random(2)
    written = 0
    for _ in range(CASES):
        text = damaged(draw)
        folder = write(tmp_path, one=text)
        try:
            report = run_cases(folder, updates=True)
        except UsageError:
            assert (folder / "one.test.yaml").read_text() == text
            continue
        written += report.written.expectations
        left = {one.part for one in unmet(report)}
        assert left <= {"refused", "customer", "state", "profile", "data"}, text
        assert left or run_cases(folder, updates=True).written.expectations == 0, text
    assert written > CASES // 8
