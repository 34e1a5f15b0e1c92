"""Events beside a changing world, drawn by chance, and whose they are, by other code.

They are given to the sink alone: the run knows nothing of them, but has their customers.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from tests.unit.insight.changing import Raw

Record = dict[str, Any]
CHANNELS = ("web", "desk", "email")
TYPES = {
    "survey_answered": lambda chance: chance.choice([*range(11), "ten", None]),
    "rated": lambda chance: chance.randint(1, 5),
    "felt": lambda chance: round(chance.uniform(-5, 100), 2),
}
"""Of each type of event: what draws its attribute `x`."""


class Heard:
    """The events, and which of them a layer has: some of each quarter of the world."""

    def __init__(self, folder: Path, seed: int, each: int) -> None:
        self.files: list[Path] = []
        self.gone: dict[str, int] = {}
        """Identifiers of erased customers, and when they were erased; `events` finds them."""
        self._events: list[Record] = []
        self._folder, self._each, self._random = folder, each, random.Random(seed)

    def draw(self, raw: Raw) -> None:
        """Write the next file, of customers whom the records name so far."""
        known = sorted({
            (each["type"], each["value"])
            for one in raw.identities
            for each in one["identifiers"]
            if each["type"] in ("user_id", "email", "cookie")
        })  # fmt: skip
        times = [one["time"] for one in raw.transitions]
        new = []
        for number in range(self._each):
            type_ = self._random.choice(sorted(TYPES))
            named = dict(self._random.sample(known, self._random.randint(1, 2)))
            if number % 40 == 0:
                named = {"user_id": f"nobody-{number}"}
            new.append({
                "type": type_, "time": self._random.randint(min(times), max(times)),
                "channel": self._random.choice(CHANNELS), "identifiers": named,
                "attributes": {"x": TYPES[type_](self._random)},
            })  # fmt: skip
        self._events += new
        file = self._folder / f"heard-{len(self.files)}.jsonl"
        file.write_text("".join(json.dumps(one) + "\n" for one in new))
        self.files.append(file)

    def events(self, raw: Raw) -> list[Record]:
        """Return the events that erasures left, each with the customer who has it at present."""
        holder: dict[str, str] = {}
        left = list(self._events)
        for change in raw.identities:
            who, kind = change["customer_id"], change["kind"]
            named = [f"{one['type']}:{one['value']}" for one in change["identifiers"]]
            if kind in ("created", "linked", "unmerged"):
                holder |= dict.fromkeys(named, who)
            elif kind == "detached":
                for name in named:
                    holder.pop(name, None)
            elif kind == "merged":
                holder = {
                    name: who if one in change["absorbed"] else one for name, one in holder.items()
                }
            elif kind == "erased":
                gone = {one for one, of in holder.items() if of in {who, *change["absorbed"]}}
                self.gone |= dict.fromkeys(gone, change["time"])
                holder = {name: one for name, one in holder.items() if name not in gone}
                # Those that are given later too, unless they happened later.
                left = [
                    one
                    for one in left
                    if one["time"] > change["time"] or not gone & set(names(one))
                ]
        return [
            {
                **one,
                "customer_id": next(
                    (holder[name] for name in names(one) if name in holder), names(one)[0]
                ),
            }
            for one in left
        ]


def names(event: Record) -> list[str]:
    """Return an event's identifiers, the strongest first."""
    of = event["identifiers"]
    return [f"{type_}:{of[type_]}" for type_ in ("user_id", "email", "cookie") if type_ in of]
