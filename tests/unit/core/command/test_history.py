"""What a customer's state keeps for decisions, how long, and what merges make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.bounds import BOUNDS
from cjo_stream.core.command.history import (
    PRUNED_EVERY,
    join_commands,
    part_commands,
    remember_command,
)
from cjo_stream.core.decision.holdout import UNIVERSAL, is_held_out, join_holdouts
from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Command, Customer
from cjo_stream.core.turn import Turn
from cjo_stream.definition import load
from tests.world.scene import HEAD

DAY_MS = 86_400_000
ACTIONS = """
---
action: news
group: g
limits: [LIMIT]
treatments: {mail: {}}
---
action: chatter
class: service
treatments: {mail: {}}
"""


def program_of(folder: Path, policy: str = "", limit: str = "") -> Program:
    text = HEAD + ACTIONS.replace("LIMIT", limit) + f"---\npolicy: p\n{policy}\n"
    (folder / "t.yaml").write_text(text)
    return load(folder).program


def having(id_: str, commands: list[Command]) -> Customer:
    """Return a customer with these commands."""
    customer = Customer(id_)
    customer.commands = commands
    return customer


def command(number: int, at: int, action: str = "news", **more: Any) -> Command:
    class_ = "marketing" if action == "news" else "service"
    group = "g" if action == "news" else None
    return Command(f"c-a{number}", action, "mail", None, group, class_, at, **more)


def remember(customer: Customer, program: Program, *commands: Command) -> Turn:
    for one in commands:
        turn = Turn(program, one.at)
        remember_command(customer, one, turn)
    return turn


def kept(customer: Customer, action: str = "news") -> list[int]:
    return [one.at // DAY_MS for one in customer.commands if one.action == action]


def test_commands_that_nothing_asks_for_are_forgotten(tmp_path: Path) -> None:
    program, customer = program_of(tmp_path), Customer("c")
    for day in range(400):
        remember(customer, program, command(day, day * DAY_MS, "chatter"))
    assert BOUNDS.commands_aged <= len(customer.commands) < BOUNDS.commands_aged + PRUNED_EVERY
    assert kept(customer, "chatter") == list(range(400 - len(customer.commands), 400))


@pytest.mark.parametrize(
    ("policy", "limit", "days"),
    [
        ("caps: {name: c, class: marketing, max: 9, per: 200d}", "", 200),
        ("caps: {name: c, class: marketing, max: 9, per: month}", "", 34),
        ("caps: {name: c, class: service, max: 9, per: 200d}", "", 0),
        ("limits: {group: g, outcome: offered, count: 2, per: 60d, pause: 30d}", "", 90),
        ("limits: {channel: push, outcome: offered, count: 2, per: 60d, pause: 30d}", "", 0),
        ("", "{outcome: offered, count: 2, per: 60d, pause: 30d}", 90),
        ("", "{outcome: offered, count: 2, pause: 30d}", 399),
        ("", "{outcome: offered, pause: forever}", 399),
        ("", "{outcome: offered, pause: 120d}", 120),
        ("", "{outcome: click, count: 2, per: 60d, pause: 30d}", 0),
    ],
)
def test_a_command_is_kept_as_long_as_a_cap_or_a_limit_counts_it(
    tmp_path: Path, policy: str, limit: str, days: int
) -> None:
    program, customer = program_of(tmp_path, policy, limit), Customer("c")
    remember(customer, program, command(0, 0))
    last = 0
    for day in range(1, 400):
        remember(customer, program, command(day, day * DAY_MS, "chatter"))
        last = day if kept(customer) else last
    assert last >= days
    if days < 399:
        assert last <= max(days, BOUNDS.commands_aged) + PRUNED_EVERY + 1


def test_an_outcome_keeps_its_command_as_long_as_it_may_pause(tmp_path: Path) -> None:
    program = program_of(tmp_path, limit="{outcome: click, count: 2, per: 60d, pause: 30d}")
    customer = Customer("c")
    remember(customer, program, command(0, 0, outcomes={"click": 5 * DAY_MS}))
    for day in range(1, 95):
        remember(customer, program, command(day, day * DAY_MS, "chatter"))
    assert kept(customer) == [0]
    for day in range(95, 95 + PRUNED_EVERY):
        remember(customer, program, command(day, day * DAY_MS, "chatter"))
    assert kept(customer) == []


def test_the_bound_of_commands_is_counted_and_the_oldest_go(tmp_path: Path) -> None:
    program = program_of(tmp_path, "caps: {name: c, max: 9, per: 3650d}")
    customer = Customer("c")
    counted = 0
    for number in range(BOUNDS.commands + 100):
        turn = remember(customer, program, command(number, number))
        counted += turn.counts.get(("cjo_state_bounds_total", "commands"), 0)
        assert len(customer.commands) < BOUNDS.commands
    assert counted == 7
    numbers = [int(one.id.removeprefix("c-a")) for one in customer.commands]
    assert numbers == list(range(numbers[0], BOUNDS.commands + 100))
    assert len(numbers) >= BOUNDS.commands - PRUNED_EVERY


# --- merges


def test_a_merge_joins_histories_in_order_of_issue_each_command_once(tmp_path: Path) -> None:
    turn = Turn(program_of(tmp_path, ""), 0)
    into = having("a", [command(1, 10), command(3, 30)])
    other = having("b", [command(2, 20), command(3, 30), command(4, 40)])
    join_commands(into, other, turn)
    assert [one.id for one in into.commands] == ["c-a1", "c-a2", "c-a3", "c-a4"]


def test_a_merge_keeps_the_bound(tmp_path: Path) -> None:
    turn = Turn(program_of(tmp_path, ""), 0)
    into = having("a", [command(n, 2 * n) for n in range(BOUNDS.commands - 10)])
    other = having("b", [command(10_000 + n, 2 * n + 1) for n in range(100)])
    join_commands(into, other, turn)
    assert len(into.commands) == BOUNDS.commands - PRUNED_EVERY
    ats = [one.at for one in into.commands]
    assert ats == sorted(ats)
    assert turn.counts["cjo_state_bounds_total", "commands"] == 1


def test_an_unmerge_parts_commands_with_their_outcomes() -> None:
    customer = having(
        "a",
        [
            command(1, 10, anchor="h1"),
            command(2, 20, anchor="h2", outcomes={"click": 25}),
            command(3, 30),
        ],
    )
    new = having("n", [command(9, 15, anchor="h2")])
    part_commands(customer, new, frozenset({"h2"}))
    assert [one.id for one in customer.commands] == ["c-a1", "c-a3"]
    assert [(one.id, one.outcomes) for one in new.commands] == [
        ("c-a9", {}),
        ("c-a2", {"click": 25}),
    ]


def test_a_merge_keeps_held_out_and_tells_where_both_kinds_joined() -> None:
    into = Customer("a", holdouts={"x": True, "y": False, "z": False, UNIVERSAL: False})
    other = Customer("b", holdouts={"x": True, "y": True, "w": True, UNIVERSAL: True}, mixed=["z"])
    join_holdouts(into, other)
    assert into.holdouts == {"x": True, "y": True, "z": False, "w": True, UNIVERSAL: True}
    assert into.mixed == [UNIVERSAL, "y", "z"]


def test_where_there_is_no_holdout_nobody_is_held_out_and_what_was_drawn_counts_again() -> None:
    customer = Customer("c")
    assert is_held_out(customer, "j", 1.0)
    assert not is_held_out(customer, "j", 0.0)
    assert is_held_out(customer, "j", 1e-12)


def test_who_was_drawn_stays_in_their_group_whatever_the_share_becomes() -> None:
    customer = Customer("c")
    assert is_held_out(customer, "j", 1.0)
    assert is_held_out(customer, "j", 1e-12)
    assert not is_held_out(Customer("c"), "j", 0.0)
    drawn = Customer("d")
    assert not is_held_out(drawn, "j", 1e-12)
    assert not is_held_out(drawn, "j", 1.0)
