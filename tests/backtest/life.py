"""Random changes of a topology's definitions and of the lives of its journeys.

A set is kept as data, so a change is one of keys and values; it is written as JSON, which is YAML.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Collection
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

Document = dict[str, Any]
Set = dict[str, list[Document]]
"""The documents of each file, by its path relative to the folder."""

_STATUSES: Final = ("paused", "draining", "retired", "shadow", "live", "live")
_MIGRATIONS: Final = ("drain", "follow", "follow", "follow", "exit")
_TIMER: Final = re.compile(r"(\d+)([smhdw])")
_CANARIES: Final = (
    "40%",
    "70%",
    {"share": "50%", "guards": [{"metric": "exit_rate", "worse_than": "10%"}], "for": "30d"},
)


def read(folder: Path) -> Set:
    """Return the set in a folder."""
    files = sorted(path for path in folder.rglob("*.yaml") if not path.name.endswith(".test.yaml"))
    return {
        str(path.relative_to(folder)): [
            one for one in YAML(typ="safe").load_all(path.read_text()) if one is not None
        ]
        for path in files
    }


def write(definitions: Set, folder: Path) -> Path:
    """Write a set into a folder; return the folder."""
    for name, documents in definitions.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"---\n{json.dumps(one, indent=1)}\n" for one in documents))
    return folder


def changed(
    definitions: Set, chance: random.Random, busy: Collection[str] = ()
) -> tuple[Set, list[str]]:
    """Return the set with some journeys in another life, the busy ones often; and what changed."""
    new, done = deepcopy(definitions), []
    for documents in new.values():
        for one in list(documents):
            if "journey" in one and chance.random() < (0.7 if one["journey"] in busy else 0.2):
                done.append(f"{one['journey']}: {_change(documents, one, chance)}")
            elif "policy" in one and chance.random() < 0.2:
                done.append(_cap(one, chance))
    return new, done


def with_edit(definitions: Set, before: Set, after: Set, chance: random.Random) -> Set:
    """Return the set with what differs between two others; a changed journey is a new version."""
    new = deepcopy(definitions)
    known = {_name(one): one for documents in new.values() for one in documents}
    for name, documents in after.items():
        for old, one in zip(before[name], documents, strict=True):
            target = known.get(_name(one))
            if old == one or target is None:
                continue
            target.update({key: value for key, value in one.items() if old.get(key) != value})
            if "journey" in target:
                target["version"] += 1
                target.pop("map", None)
                _roll_out(target, chance)
    return new


def _name(one: Document) -> tuple[str, Any]:
    return next(iter(one.items()))


def _change(documents: list[Document], one: Document, chance: random.Random) -> str:
    if one.get("status") == "paused" and chance.random() < 0.6:
        one["status"] = chance.choice(("live", "draining", "shadow"))
        return f"{one['status']} after a pause"
    kind = chance.choice(("status", "version", "version", "version", "roll-out", "gone"))
    if kind == "gone":
        documents.remove(one)
        return "taken away"
    if kind == "status":
        one["status"] = chance.choice(_STATUSES)
        return str(one["status"])
    if kind == "version":
        one["version"] += 1
        one.pop("map", None)
        what = _content(one, chance)
        return f"version {one['version']}, {what}, {_roll_out(one, chance)}"
    return _roll_out(one, chance)


def _roll_out(one: Document, chance: random.Random) -> str:
    one["migrate"] = chance.choice(_MIGRATIONS)
    one.pop("canary", None)
    if chance.random() < 0.5:
        one["canary"] = chance.choice(_CANARIES)
    if one["migrate"] == "follow" and "map" not in one and chance.random() < 0.4:
        names = list(one["states"])
        one["map"] = {chance.choice(names): chance.choice(names)}
    told = [f"{key} {one[key]}" for key in ("migrate", "canary", "map") if key in one]
    return ", ".join(told)


def _content(one: Document, chance: random.Random) -> str:
    change = chance.choice((_delay, _delay, _added_timer, _gone_timer, _renamed, _variable))
    return change(one, chance)


def _timed(one: Document) -> list[tuple[str, Document]]:
    return [
        (name, state)
        for name, state in one["states"].items()
        if isinstance(state, dict) and state.get("after")
    ]


def _delay(one: Document, chance: random.Random) -> str:
    timed = _timed(one)
    if not timed:
        return _variable(one, chance)
    name, state = chance.choice(timed)
    old = chance.choice(list(state["after"]))
    factor = chance.choice((0.1, 0.5, 3, 20))
    new = f"{max(60, int(_seconds(old) * factor)) + 7}s"
    state["after"] = {new if key == old else key: to for key, to in state["after"].items()}
    return f"{name} after {new} instead of {old}"


def _added_timer(one: Document, chance: random.Random) -> str:
    waiting = [
        (name, state) for name, state in one["states"].items() if state and "end" not in state
    ]
    name, state = chance.choice(waiting)
    new = f"{chance.choice((5, 500, 50_000, 500_000)) + 3}s"
    to = chance.choice([target for target, _ in waiting if target != name] or [name])
    if chance.random() < 0.5:
        state["after"] = {**(state.get("after") or {}), new: to}
        return f"{name} also after {new}"
    state["at"] = [*(state.get("at") or []), {"time": f"now + duration('{new}')", "to": to}]
    return f"{name} also at now and {new}"


def _gone_timer(one: Document, chance: random.Random) -> str:
    timed = [(name, state) for name, state in _timed(one) if len(state["after"]) > 1]
    if not timed:
        return _delay(one, chance)
    name, state = chance.choice(timed)
    gone = chance.choice(list(state["after"]))
    del state["after"][gone]
    return f"{name} not after {gone}"


def _renamed(one: Document, chance: random.Random) -> str:
    """Give a state another name; `map` says which, or that it became another one."""
    names = list(one["states"])
    old = chance.choice(names)
    new = f"{old}_anew"
    text = re.sub(rf'"{old}"', f'"{new}"', json.dumps({k: one[k] for k in _PLACES if k in one}))
    one.update(json.loads(text))
    one["map"] = {old: chance.choice(list(one["states"])) if chance.random() < 0.4 else new}
    return f"{old} named {new}"


_PLACES: Final = ("initial", "on", "states")


def _variable(one: Document, chance: random.Random) -> str:
    name = f"extra_{chance.randint(1, 9)}"
    one["data"] = {**(one.get("data") or {}), name: "1 + 1"}
    return f"data.{name}"


def _cap(one: Document, chance: random.Random) -> str:
    cap = chance.choice(one["caps"])
    cap["max"] = chance.randint(1, 9)
    return f"cap {cap['name']} at {cap['max']}"


def _seconds(duration: Any) -> int:
    units = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
    return sum(int(number) * units[unit] for number, unit in _TIMER.findall(str(duration)))
