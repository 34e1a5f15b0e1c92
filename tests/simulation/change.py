"""What teams change while the world runs: edits of a topology, each on or off, from set to set.

Beside them the canary of a new version may have guards, and half of these versions do harm. The
guards are hasty (`tests/world/small.py`), so some trip; else the verdict is what `then` says, at
the first full minute after `for`.
"""

from __future__ import annotations

import functools
import random
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cjo_stream.definition import DefinitionSet, heed, load, succeed
from tests.world import FOLDER


@dataclass(frozen=True)
class Edit:
    """A piece of a topology, and what stands there instead; where it is a journey's, whose."""

    old: str
    new: str
    journey: str = ""


_SOON = Edit("after: {3s: reminded}", "after: {1s: reminded}", "cart")
_ALWAYS = Edit("key: event.cart}", "key: event.cart, reentry: always}", "cart")
_BACK = Edit("after: {4s: lapsed}", "on: {other: {to: waiting}}\n    after: {9s: lapsed}", "cart")
_NO_CARTS = Edit("    carts: {count: cart}\n", "")
_DEAREST = Edit("spent: {sum: event.total, on: order}", "spent: {max: event.total, on: order}")
_CART = "entry: {on: cart, when: event.total > 0"
_PAUSED = Edit(_CART, f"status: paused\n{_CART}")
_FOLLOW = Edit(
    "data: {total: event.total}\ngoal", "migrate: follow\ndata: {total: event.total}\ngoal"
)
_GOAL = "within: 1h, exit: true}\n"
_CANARY = Edit(_GOAL, f"{_GOAL}canary: 40%\n")
_CONTENT = range(3)
"""Which edits give the journey of carts another content: the first ones."""
_REACHED = "goal: {on: order, when: event.cart == key"
_NO_GOAL = Edit(_REACHED, "goal: {on: order, when: event.total > 9", "cart")
"""Half of the new versions with a guarded canary do harm: nobody reaches their goal."""
_LIFE = (_PAUSED, _FOLLOW, _CANARY)

EDITS: Final[dict[str, tuple[Edit, ...]]] = {
    "topology": (
        _SOON,
        _ALWAYS,
        _BACK,
        _NO_CARTS,
        _DEAREST,
        *_LIFE,
        Edit("entry: {on: reminded_customer", "status: retired\nentry: {on: reminded_customer"),
        Edit("initial: thinking", "migrate: exit\ninitial: thinking"),
        Edit("after: {2s: calling}", "on: {order: done}, after: {4s: calling}", "care"),
        Edit("enter: [{act: call}]", "enter: []", "care"),
        Edit("{reminders: number}", "{reminders: {type: number, default: 7}, calls: number}"),
        Edit("template: reminder,", "template: reminder_again,"),
        Edit(
            "---\naction: call",
            "---\npolicy: contact\ncaps: [{name: mails, channel: mail, max: 2, per: 6s}]\n"
            "---\naction: call",
        ),
        Edit(
            "---\naction: call",
            "---\njourney: thanks\nversion: 1\nentry: {on: order, reentry: always}\n"
            "initial: there\nstates:\n  there: {enter: [{act: call}], after: {7s: gone}}\n"
            "  gone: {end: gone}\n---\naction: call",
        ),
    ),
    "deciding": (
        _SOON,
        _ALWAYS,
        _BACK,
        _NO_CARTS,
        _DEAREST,
        *_LIFE,
        Edit("entry: {on: order, reentry", "status: retired\nentry: {on: order, reentry"),
        Edit("actions: [nudge, banner]", "actions: [banner]", "advice"),
        Edit("after: {5s: waiting}", "after: {1s: waiting}", "advice"),
        Edit("other: done, cart", "other: waiting, cart", "advice"),
        Edit("max: 2, per: 6s", "max: 1, per: 20s"),
        Edit("count: 3, per: 30s, pause: 5s", "count: 1, per: 9s, pause: 2s"),
        Edit('from: "22:13", until: "22:14"', 'from: "22:14", until: "22:15"'),
        Edit("explore: 30%", "explore: 0%"),
        Edit("holdout: 20%", "holdout: 70%"),
        Edit("reward_window: 12s", "reward_window: 2s"),
        Edit("value: 3", "value: 30"),
        Edit("propensity: {prior: 0.2}", "propensity: {prior: 0.6}"),
    ),
}
"""By the folder of the topology. What customers are named by may not change."""


SETS = 4
"""Applied in one world, one after the other."""
GUARDED_JOURNEY: Final = "cart"
_ENDS: Final = ("promote", "hold", "back")
_FOR: Final = ("1s", "61s")
"""How long a canary is guarded: until the first full minute, or a later one."""
_GUARDED: Final = (
    "canary: {share: 40%, guards: [{metric: goal_rate, worse_than: 10%}, "
    "{metric: spent, worse_than: 1%}], then: "
)
Verdicts = tuple[tuple[str, int, str], ...]
"""Journey, version, how."""


@functools.cache
def history(topology: str, number: int) -> tuple[DefinitionSet, ...]:
    """Return the sets that follow each other.

    The first is the topology as it stands; each other one differs from the one before it by one
    edit to three, drawn by `number`. About every second one begins a guarded canary.
    """
    draw = random.Random(number)
    edits: frozenset[int] = frozenset()
    harm = frozenset((len(EDITS[topology]),))
    then = ""
    sets = [_loaded(topology, edits, then)]
    while len(sets) < SETS:
        edits ^= frozenset(draw.sample(range(len(EDITS[topology])), draw.randint(1, 3)))
        if draw.random() < 0.6:
            edits ^= {draw.choice(_CONTENT)}
            then = draw.choice(_ENDS)
            more = random.Random(f"guards {number} {len(sets)}")
            then += f", for: {more.choice(_FOR)}"
            edits = edits | harm if more.random() < 0.5 else edits - harm
        elif draw.random() < 0.4:
            then = ""
        sets.append(_loaded(topology, edits, then))
    return tuple(sets)


@functools.cache
def published(topology: str, number: int, place: int, before: bytes, verdicts: Verdicts) -> bytes:
    """Return what is published of a history's set after another one, and verdicts in its time."""
    return succeed(history(topology, number)[place], heed(before, verdicts), retire=True)


def _loaded(topology: str, edits: frozenset[int], then: str) -> DefinitionSet:
    text = (FOLDER / topology / "topology.yaml").read_text()
    versions: dict[str, int] = {}
    for number, edit in enumerate((*EDITS[topology], _NO_GOAL)):
        if number in edits:
            assert text.count(edit.old) == 1, edit.old
            text = text.replace(edit.old, edit.new)
            if edit.journey:
                versions[edit.journey] = versions.get(edit.journey, 1) + (1 << number)
    if then:
        text = text.replace(_CANARY.new, _GOAL)
        text = text.replace(_GOAL, _GOAL + _GUARDED + then + "}\n")
    for journey, version in versions.items():
        text = re.sub(rf"(?<=journey: {journey}\nversion: )1\b", str(version), text)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "topology.yaml").write_text(text)
        return load(Path(folder))
