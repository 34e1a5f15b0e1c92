"""Of an absorbed customer's identifiers some leave: the layer and the engine agree whose it is."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.world.command_line import Cli, cli

__all__ = ["cli"]

TOPOLOGY = """
topology: apart
channels:
  web: {in: {}, out: {address: user}}
identity:
  identifiers:
    - {type: user, limit: 3}
    - {type: email, limit: 5}
    - {type: cookie, limit: 5}
---
journey: cart
version: 1
entry: {on: cart, key: event.cart}
initial: waiting
states:
  waiting: {after: {1h: reminded}}
  reminded: {enter: [{act: {action: remind}}], after: {9d: late}}
  late: {end: late}
---
action: remind
class: service
treatments: {web: {template: t}}
"""
HOUR = 3_600_000
START = 1_767_225_600_000


class World:
    """Ann and Bob, each with user, email and cookie; one's user meets the other's cookie."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self._cli, self._folder = cli, folder
        # The operators' records come before those of the runs by name, and not in time.
        self.layer, self._state = folder / "layer", folder / "a-state"
        self._topology = folder / "apart"
        self._topology.mkdir()
        (self._topology / "all.yaml").write_text(TOPOLOGY)
        both = [
            {"user": name, "email": f"{name}@example.org", "cookie": name}
            for name in ("ann", "bob")
        ]
        self.run("first", [(0, "cart", of) for of in both])
        ids = [self.shown("user", of)["customer_id"] for of in both]
        (_, stays), (self.absorbed, self.of) = sorted(
            zip(ids, both, strict=True), key=lambda one: one[0]
        )
        met = {"user": stays["user"], "cookie": self.of["cookie"]}
        self.run("joined", [(5, "seen", {"cookie": self.of["cookie"]}), (9, "seen", met)])
        self.entered = f"first{both.index(self.of)}"
        """The event by which the absorbed customer began."""

    def run(self, name: str, events: list[tuple[int, str, dict[str, str]]]) -> None:
        file = self._folder / f"{name}.jsonl"
        file.write_text(
            "".join(
                json.dumps({
                    "id": f"{name}{number}", "type": type_, "time": START + hours * HOUR,
                    "channel": "web", "identifiers": of,
                    "attributes": {"cart": of.get("user", "")},
                }) + "\n"
                for number, (hours, type_, of) in enumerate(events)
            )
        )  # fmt: skip
        out = self._folder / "out" / name
        self.call("run", self._topology, file, "--state", self._state, "--out", out)

    def call(self, *words: object) -> str:
        done = self._cli(*words)
        assert done.code == 0, done.err
        return done.out

    def order(self, what: str, *types: str) -> None:
        named = [f"{type_}:{self.of[type_]}" for type_ in types]
        self.call("customer", what, *named, "--state", self._state, "--yes")

    def shown(self, type_: str, of: dict[str, str]) -> dict[str, Any]:
        """Return what the engine has of somebody."""
        asked = f"{type_}:{of[type_]}"
        found: dict[str, Any] = json.loads(
            self.call("customer", "show", asked, "--state", self._state, "--json")
        )
        return found

    def sink(self) -> None:
        self.call(
            "insight", "sink", self._state, "--layer", self.layer,
            "--events", *sorted(self._folder.glob("*.jsonl")),
        )  # fmt: skip

    def rows(self, query: str) -> list[list[str]]:
        out = self.call("insight", "sql", query, "--layer", self.layer, "--format", "csv")
        return list(csv.reader(out.splitlines()))[1:]

    def owners(self) -> set[str]:
        """Return who has the absorbed customer's transitions and commands by the views."""
        return {
            owner
            for view in ("transition", "action")
            for (owner,) in self.rows(
                f"SELECT customer_id FROM \"{view}\" WHERE instance_id LIKE '{self.absorbed}-%'"
            )
        }


@pytest.fixture
def world(cli: Cli, tmp_path: Path) -> World:
    return World(cli, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("erased", ["user", "cookie"])
@pytest.mark.parametrize(
    ("unlinked", "of_absorber"),
    [
        # The email leaves alone.
        (("email",), {"user", "cookie"}),
        # User and email leave; the cookie stays, by its link with the other's user.
        (("user", "cookie"), {"cookie"}),
        # Each leaves: the cookie alone, user and email together.
        (("cookie",), set()),
    ],
)
def test_the_layer_says_whose_a_former_customer_is_as_the_engine_does(
    world: World, unlinked: tuple[str, ...], of_absorber: set[str], erased: str
) -> None:
    assert {world.shown(type_, world.of)["customer_id"] for type_ in world.of} != {world.absorbed}
    absorber = world.shown("user", world.of)["customer_id"]
    world.order("unlink", *unlinked)
    shown = {type_: world.shown(type_, world.of) for type_ in world.of}
    holders = {type_: one["customer_id"] for type_, one in shown.items()}
    assert {type_ for type_, holder in holders.items() if holder == absorber} == of_absorber
    owner = holders["user"]
    having = {one["customer_id"] for one in shown.values() if world.absorbed in one["absorbed"]}
    assert having == {owner}
    world.sink()
    assert world.owners() == having
    events = dict(world.rows("SELECT id, customer_id FROM event"))
    assert (events[world.entered], events["joined0"]) == (owner, holders["cookie"])
    gone = holders[erased]
    world.order("erase", erased)
    world.sink()
    assert world.owners() == having - {gone}
    left = dict(world.rows("SELECT id, customer_id FROM event"))
    assert gone not in left.values()
    assert ("joined0" in left) == (holders["cookie"] != gone)
