"""The rules of a set that a test can reach, each with its place: for coverage.

A rule has keys, under which whoever runs the set says that it was reached:

    state     journey, state
    entry     journey                           a transition, as are all below but gates
    goal      journey
    exit      journey, number
    on        journey, state or "", event type, number
    always    journey, state, number
    timer     journey, state, number            also a timer
    gate      name of the gate, what it is about

Numbers count from 0, as in `core.program.journey`. A key of a split has its target behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from cjo_stream.core.duration import duration_text
from cjo_stream.core.program.policy import Coverage
from cjo_stream.core.word import HELD_BACK, Status
from cjo_stream.definition.build.limit import build_limit, coverage_text
from cjo_stream.definition.build.quiet import window_text
from cjo_stream.definition.grammar.item import Fields, Item
from cjo_stream.definition.life import RUNNING
from cjo_stream.definition.section import Definition, read_definitions
from cjo_stream.definition.text.folder import read_folder
from cjo_stream.definition.text.node import Node, position
from cjo_stream.definition.text.report import Report
from cjo_stream.definition.text.source import Position

Key = tuple[str | int, ...]
Kind = Literal["states", "transitions", "timers", "gates"]
OWN = ("eligible", "applicable", "suitable")
"""Gates that are conditions of an action."""


class Rule(NamedTuple):
    """One rule. A timer is of two kinds, a transition as well. `when` is its condition."""

    kinds: tuple[Kind, ...]
    name: str
    node: Node
    keys: frozenset[Key]
    when: Node | None = None

    @property
    def at(self) -> Position:
        """Where the rule begins."""
        return position(self.node)


def rules(folder: Path) -> list[Rule]:
    """Return the rules of the definitions of a folder that load, by file and line.

    Journeys that nobody enters have none.
    """
    report = Report()
    return rules_of(read_definitions(read_folder(folder, report).values(), report))


def rules_of(definitions: Iterable[Definition]) -> list[Rule]:
    """Return the rules of definitions, by file and line; of journeys, those that are entered."""
    found: list[Rule] = []
    for one in definitions:
        if one.fields is None:
            continue
        if one.kind == "journey" and one.fields.value("status", Status.LIVE) in RUNNING:
            found += _of_journey(one.fields, one.name)
        elif one.kind == "action":
            found += _of_action(one.fields, one.name)
        elif one.kind == "policy":
            found += _of_policy(one.fields)
        elif one.kind == "topology":
            found += _of_channels(one.fields)
    return sorted(found, key=lambda rule: rule.at)


def _of_journey(fields: Fields, name: str) -> Iterator[Rule]:
    for part in ("entry", "goal"):
        if part in fields.keys:
            when = _when(fields.value(part))
            yield _rule("transitions", f"{name}: {part}", fields.keys[part], (part, name), when)
    for number, item in enumerate(fields.items("exit")):
        label = f"{name}: exit as {item.value.value('as')}"
        key = ("exit", name, number)
        yield _rule("transitions", label, item.node, key, _when(item.value))
    yield from _on(fields, name, "")
    for pair in fields.items("states"):
        state = pair.key.value
        yield _rule("states", f"{name}: {state}", pair.key.node, ("state", name, state))
        yield from _on(pair.value, name, state)
        for number, item in enumerate(pair.value.items("always")):
            keys: list[Key] = [("always", name, state, number)]
            yield from _moves(item, item.node, f"{name}: {state} always", keys)
        yield from _timers(pair.value, name, state)


def _on(fields: Fields, journey: str, state: str) -> Iterator[Rule]:
    for pair in fields.items("on"):
        types = [one.value for one in pair.key.value]
        where = f"{journey}: {state or 'any state'} on {', '.join(types)}"
        for number, item in enumerate(pair.value):
            keys: list[Key] = [("on", journey, state, type_, number) for type_ in types]
            yield from _moves(item, item.node, where, keys)


def _timers(fields: Fields, journey: str, state: str) -> Iterator[Rule]:
    """Yield the timers of a state in the order written."""
    number = 0
    for name in fields.read:
        for item in fields.items(name) if name in ("after", "at") else ():
            if name == "after":
                node, when = item.key.node, f"after {duration_text(item.key.value)}"
            else:
                node, when = item.node, "at"
            keys: list[Key] = [("timer", journey, state, number)]
            where = f"{journey}: {state} {when}"
            yield from _moves(item, node, where, keys, ("transitions", "timers"))
            number += 1


def _moves(
    item: Item,
    node: Node,
    label: str,
    keys: list[Key],
    kinds: tuple[Kind, ...] = ("transitions",),
) -> Iterator[Rule]:
    """Yield a transition; of a split each branch."""
    fields: Fields = item.value
    branches = fields.items("split")
    for branch in branches:
        to = branch.value.value("to")
        node, of_branch = branch.key.node, frozenset((*key, to) for key in keys)
        yield Rule(kinds, f"{label} to {to}", node, of_branch, _when(fields))
    if not branches:
        to = fields.value("to")
        whole = f"{label} to {to}" if to else f"{label}, without `to`"
        yield Rule(kinds, whole, node, frozenset(keys), _when(fields))


def _of_action(fields: Fields, name: str) -> Iterator[Rule]:
    for gate in OWN:
        if gate in fields.keys:
            yield _rule("gates", f"{name}: {gate}", fields.keys[gate], ("gate", gate, name))
    for item in fields.items("limits"):
        rule = build_limit(item.value, Coverage()).rule
        key = ("gate", "limits", name, rule)
        yield _rule("gates", f"{name}: limit {rule}", item.node, key)


def _of_policy(fields: Fields) -> Iterator[Rule]:
    for number, item in enumerate(fields.items("caps")):
        rule = item.value.value("name", f"cap_{number + 1}")
        yield _rule("gates", f"cap {rule}", item.node, ("gate", "caps", rule))
    for item in fields.items("limits"):
        rule = build_limit(item.value, Coverage(), coverage_text(item.value)).rule
        yield _rule("gates", f"limit {rule}", item.node, ("gate", "limits", "", rule))
    for item in fields.items("quiet_hours"):
        rule = window_text(item.value)
        yield _rule("gates", f"quiet hours {rule}", item.node, ("gate", "quiet_hours", rule))
    for pair in fields.items("consent"):
        if pair.key.value in HELD_BACK:
            key = ("gate", "consent", pair.key.value)
            yield _rule("gates", f"consent of {pair.key.value}", pair.key.node, key)
    gate: Fields | None = fields.value("service_gate")
    for item in gate.items("block") if gate is not None else ():
        key = ("gate", "service_gate", item.value)
        yield _rule("gates", f"service gate for {item.value}", item.node, key)
    if fields.value("holdout"):
        yield _rule("gates", "universal holdout", fields.keys["holdout"], ("gate", "holdout", ""))


def _of_channels(fields: Fields) -> Iterator[Rule]:
    for pair in fields.items("channels"):
        if "out" in pair.value.keys:
            name = pair.key.value
            yield _rule("gates", f"address of {name}", pair.key.node, ("gate", "address", name))


def _rule(kind: Kind, name: str, node: Node, key: Key, when: Node | None = None) -> Rule:
    return Rule((kind,), name, node, frozenset((key,)), when)


def _when(fields: Fields) -> Node | None:
    item = fields.get("when")
    return None if item is None else item.node
