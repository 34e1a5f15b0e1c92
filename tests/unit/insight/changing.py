"""A shop whose customers were merged, parted and erased on the way, in a state folder.

What became of a customer is found here by other code than the layer's: for each record anew, from
all identity changes. `Raw` has the records of all folders, so tests can recount figures.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

from tests.unit.insight import plain
from tests.world.command_line import SHOP, Cli

Record = dict[str, Any]
FILES = (
    "identities", "transitions", "actions", "decisions", "rewards", "measures", "predictions",
    "profiles",
)  # fmt: skip
DAYS = 10


class Changing:
    """The folder of such a shop: `state`, the runs' folders, and the files of events."""

    def __init__(
        self, cli: Cli, folder: Path, people: int, seed: int, topology: Path = SHOP
    ) -> None:
        self.state = folder / "state"
        self.events: list[Path] = []
        self._cli, self._folder, self._topology = cli, folder, topology
        self._random = random.Random(seed)
        self._call(
            "simulate", "shop", "--out", folder / "all", "--people", people, "--seed", seed,
            "--duration", f"{DAYS}d", "--start", "2026-03-02T00:00:00Z",
        )  # fmt: skip
        lines = (folder / "all" / "events.jsonl").read_bytes().splitlines(keepends=True)
        cuts = [len(lines) * part // 4 for part in range(5)]
        self._quarters = [lines[begin:end] for begin, end in pairwise(cuts)]

    def quarters(self) -> Iterator[int]:
        """Run a quarter of the events, then join, part and erase customers; yield its number."""
        for number, lines in enumerate(self._quarters):
            file = self._folder / f"{number}.jsonl"
            file.write_bytes(b"".join(lines))
            self.events.append(file)
            out = self._folder / "out" / f"{number}"
            # What was asked for once goes on.
            asked = [] if number else ["--profiles"]
            self._call("run", self._topology, file, "--state", self.state, "--out", out, *asked)
            yield number
            if number:
                self._join(4)
            self._part(4)
            if number:
                self._erase(2)
            yield number

    def raw(self) -> Raw:
        folders = [self._folder / "out" / f"{number}" for number in range(len(self.events))]
        # What operators order comes beside the state.
        return Raw([*folders, self._folder / "state.operator"])

    def _part(self, number: int) -> None:
        """Take links back of customers who were joined, as an operator does.

        A cookie often is all that a customer had; of one with more, others stay.
        """
        merged = {
            id_
            for one in self.raw().identities
            if one["kind"] == "merged"
            for id_ in (one["customer_id"], *one["absorbed"])
        }
        named: dict[str, set[str]] = defaultdict(set)
        for one in self.raw().identities:
            if one["customer_id"] in merged:
                for each in one["identifiers"]:
                    named["cookie" if each["type"] == "cookie" else "other"].add(
                        f"{each['type']}:{each['value']}"
                    )
        for _, names in sorted(named.items()):
            for name in self._random.sample(sorted(names), min(number, len(names))):
                self._order("unlink", name)

    def _join(self, number: int) -> None:
        """Link customers who were parted again, so that they may be parted once more."""
        firsts: dict[str, str] = {}
        for one in self.raw().identities:
            if one["identifiers"]:
                first = one["identifiers"][0]
                firsts.setdefault(one["customer_id"], f"{first['type']}:{first['value']}")
        parted = [one for one in self.raw().identities if one["kind"] == "unmerged"]
        for one in self._random.sample(parted, min(number, len(parted))):
            left = one["reason"].removeprefix("from ")
            if left in firsts:
                self._order("link", firsts[one["customer_id"]], firsts[left])

    def _erase(self, number: int) -> None:
        emails = sorted({
            identifier["value"]
            for one in self.raw().identities
            for identifier in one["identifiers"]
            if identifier["type"] == "email"
        })  # fmt: skip
        for email in self._random.sample(emails, number):
            self._order("erase", f"email:{email}")

    def _order(self, what: str, *identifiers: str) -> None:
        # What is unknown by now, or linked with nothing, is refused: no matter.
        self._cli("customer", what, *identifiers, "--state", self.state, "--yes")

    def _call(self, *arguments: object) -> None:
        done = self._cli(*arguments)
        assert done.code == 0, done.err


class Raw(plain.Raw):
    """The records of several folders, each with its customer as of the last identity change."""

    def __init__(self, folders: list[Path]) -> None:
        read = {
            name: [one for folder in folders for one in plain.read(folder / f"{name}.jsonl")]
            for name in FILES
        }
        self.identities = read["identities"]
        self.identities.sort(key=lambda one: one["time"])
        self.erased = {
            id_
            for one in self.identities
            if one["kind"] == "erased"
            for id_ in (one["customer_id"], *one["absorbed"])
        }
        self._own: dict[str, set[str]] = defaultdict(set)
        self._parted = {one["customer_id"] for one in self.identities if one["kind"] == "unmerged"}
        moved = {
            one["instance_id"]: one["customer_id"]
            for one in read["transitions"]
            if one["customer_id"] in self._parted
        }
        self._moves = {
            (one["instance_id"], one["customer_id"])
            for one in read["transitions"]
            if one["customer_id"] in self._parted
        }
        self._shown: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for one in read["transitions"]:
            if one["customer_id"] in self._parted:
                self._shown[one["instance_id"]].append((one["time"], one["customer_id"]))
        instances = {one["action_id"]: one["journey"] for one in read["actions"]}
        for name, records in read.items():
            if name == "identities":
                continue
            kept = []
            for one in records:
                journey = one.get("journey") or instances.get(one.get("action_id"))
                instance = one.get("instance_id") or (journey or {}).get("instance_id")
                if self._is_erased(one["customer_id"], instance):
                    continue
                kept.append(one)
                one["recorded_id"] = one["customer_id"]
                one["customer_id"] = self._present(moved.get(instance, one["customer_id"]))
            records[:] = kept
        self.transitions = read["transitions"]
        self.actions, self.decisions = read["actions"], read["decisions"]
        self.rewards, self.measures = read["rewards"], read["measures"]
        self.predictions, self.profiles = read["predictions"], read["profiles"]
        self.ordered = sorted(self.transitions, key=lambda one: one["time"])

    def then(self, one: Record, at: int, by: str | None) -> tuple[Any, ...]:
        """Return the value of a fact or trait that the customer of a record had at a time."""
        if by is None:
            return ()
        since = {
            change["time"]: change["customer_id"]
            for change in self.identities
            if change["kind"] == "unmerged"
            and change["time"] <= at
            and (one["instance_id"], change["customer_id"]) in self._moves
        }
        whose = self._present(since[max(since)] if since else one["recorded_id"], at)
        last = None
        for version in self.profiles:
            if version["recorded_id"] == whose and version["time"] <= at:
                last = version
        self.without += last is None
        value = None if last is None else {**last["traits"], **last["facts"]}.get(by)
        if isinstance(value, str) or value is None:
            return (value,)
        return (json.dumps(value, separators=(",", ":")),)

    def _is_erased(self, id_: str, instance: str | None) -> bool:
        """Tell whether an erasure took a record of whose instance moves were shown by then."""
        for erasure in self.identities:
            if erasure["kind"] == "erased":
                shown = [one for one in self._shown.get(instance or "", ())
                         if one[0] <= erasure["time"]]  # fmt: skip
                whose = max(shown)[1] if shown else id_
                if whose in (erasure["customer_id"], *erasure["absorbed"]):
                    return True
        return False

    @cache  # noqa: B019 - the records are few, and end with the test
    def _present(self, id_: str, until: float = inf) -> str:
        """Follow one id through all changes up to a time: who has it then."""
        at = id_
        first: str | None = None
        for one in self.identities:
            if one["time"] > until:
                break
            named = [f"{each['type']}:{each['value']}" for each in one["identifiers"]]
            if one["kind"] in ("created", "unmerged") and one["customer_id"] == id_:
                first = named[0]
            if one["kind"] == "merged" and at in one["absorbed"]:
                at = one["customer_id"]
            left = (one["reason"] or "").removeprefix("from ")
            # What left may name a customer that has been absorbed since.
            if one["kind"] == "unmerged" and first in named and at != id_ and self._is(left, at):
                at = one["customer_id"]
        return at

    def _is(self, left: str, at: str) -> bool:
        return left == at or any(
            one["kind"] == "merged" and left in one["absorbed"] and one["customer_id"] == at
            for one in self.identities
        )
