"""Names: which an expression may read, the code that reads them, and the set of paths read.

A path is a tuple of names; that of `event.attributes.x` is ('event', 'x').
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import NamedTuple

from cjo_stream.core.expression.code import literal, render
from cjo_stream.core.expression.function import FUNCTIONS
from cjo_stream.core.expression.parser import refusal
from cjo_stream.core.expression.place import (
    EVENT_FIELDS,
    EVERYWHERE,
    PROFILE_FIELDS,
    ExpressionError,
    Fault,
    Names,
    Place,
    no_such,
)

LITERALS = {"true": True, "false": False, "null": None}
_WHOLES = ("profile", "event", "entry", "data", "candidate", "predict")
_SET_UP = {
    "event": "event = s.event",
    "event_attributes": "event_attributes = EMPTY if event is None else event.attributes",
    "entry": "entry = s.entry",
    "entry_attributes": "entry_attributes = EMPTY if entry is None else entry.attributes",
    "data": "data = EMPTY if s.data is None else s.data",
    "profile": "profile = NOBODY if s.profile is None else s.profile",
    "key": "key = None if s.key is MISSING else s.key",
    "channel": "channel = None if s.channel is MISSING else s.channel",
    "row": "row = None if s.row is MISSING else s.row",
    "item": "item = None if s.item is MISSING else s.item",
    "now": "now = s.now",
}


class Step(NamedTuple):
    """A member that is read: its name, or its position in a list; and its node."""

    key: str | int
    node: ast.expr

    @property
    def name(self) -> str:
        """Return the key as a name."""
        return str(self.key)


def path_of(node: ast.expr) -> tuple[ast.expr, list[Step]]:
    """Return the first node of `a.b['c']`, and its members."""
    steps: list[Step] = []
    while True:
        if isinstance(node, ast.Attribute):
            key: str | int = node.attr
            if node.attr.startswith("__"):
                raise refusal(node, f"a name cannot begin with two underscores: {node.attr!r}")
        elif isinstance(node, ast.Subscript):
            key = _key(node.slice)
        else:
            return node, steps[::-1]
        steps.append(Step(key, node))
        node = node.value


def _key(node: ast.expr) -> str | int:
    """Return the literal in brackets."""
    key = node.value if isinstance(node, ast.Constant) else None
    if isinstance(key, str | int) and not isinstance(key, bool):
        return key
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and isinstance(node.operand, ast.Constant)
        and type(node.operand.value) is int
    ):
        return -node.operand.value
    raise refusal(
        node, "in brackets stands a text or a whole number: x['key'], x[0]; from the end x[-1]"
    )


def _check_names(root: str, steps: list[Step]) -> None:
    """Raise the error of a position where the root has a name."""
    is_two_deep = steps[0].key in ("attributes", "identifiers")
    for step in steps[: 1 + is_two_deep]:
        if isinstance(step.key, int):
            raise refusal(step.node, f"{root!r} is no list; write {root}.NAME")


class Reader:
    """Makes the code that reads names, for one expression."""

    def __init__(self, place: Place, names: Names, temporary: Callable[[], str]) -> None:
        self.reads: set[tuple[str, ...]] = set()
        self._allowed = place.value
        self._names = names
        self._temporary = temporary
        self._locals: set[str] = set()

    def set_up(self) -> list[str]:
        """Return the statements that set the local variables that the code reads."""
        return [line for name, line in _SET_UP.items() if name in self._locals]

    def name(self, node: ast.Name) -> ast.expr:
        """Return the code of a name without members."""
        self._check(node)
        if node.id in _WHOLES:
            raise refusal(node, f"{node.id!r} alone has no value; write {node.id}.NAME")
        self.reads.add((node.id,))
        return self._local(node.id)

    def whole_event(self, node: ast.Name) -> ast.expr:
        """Return the code of `event` or `entry` for a test of its presence."""
        self._check(node)
        self.reads.add((node.id, "type"))
        return self._local(node.id)

    def member(self, root: ast.Name, steps: list[Step]) -> tuple[ast.expr, list[Step]]:
        """Return the code of the root with its own members, and the remaining steps."""
        self._check(root)
        name = root.id
        if name in _WHOLES:
            _check_names(name, steps)
        if name in ("event", "entry"):
            return self._of_event(name, steps)
        if name == "profile":
            return self._of_profile(steps)
        if name == "predict":
            return self._of_predict(steps[0]), steps[1:]
        if name == "data":
            return self._of_data(steps[0]), steps[1:]
        if name == "candidate":
            if steps[0].name != "channel":
                raise refusal(steps[0].node, "a candidate has only candidate.channel")
            self.reads.add(("candidate", "channel"))
            return self._local("channel"), steps[1:]
        return self.name(root), steps

    def _of_event(self, root: str, steps: list[Step]) -> tuple[ast.expr, list[Step]]:
        first = steps[0]
        if first.name == "attributes":
            if len(steps) == 1:
                raise refusal(first.node, f"write {root}.attributes.NAME")
            return self._attribute(root, steps[1].name), steps[2:]
        if first.name not in EVENT_FIELDS:
            return self._attribute(root, first.name), steps[1:]
        self.reads.add((root, first.name))
        event = self._local(root)
        read = ast.Attribute(event, first.name, ast.Load())
        return render("None if E is None else A", E=event, A=read), steps[1:]

    def _attribute(self, root: str, name: str) -> ast.expr:
        self.reads.add((root, name))
        self._local(root)
        return render("D.get(X)", D=self._local(f"{root}_attributes"), X=literal(name))

    def _of_data(self, step: Step) -> ast.expr:
        known = self._names.data
        if known is not None and step.name not in known:
            what = f"no variable data.{step.name}"
            raise no_such(what, "data.", step.node.col_offset, step.name, known)
        self.reads.add(("data", step.name))
        return render("D.get(X)", D=self._local("data"), X=literal(step.name))

    def _of_profile(self, steps: list[Step]) -> tuple[ast.expr, list[Step]]:
        first = steps[0]
        profile = self._local("profile")
        if first.name == "identifiers":
            if len(steps) == 1:
                raise refusal(first.node, "write profile.identifiers.TYPE")
            type_, known = steps[1].name, self._names.identifiers
            if type_ not in known:
                what, at = f"unknown identifier type {type_!r}", steps[1].node.col_offset
                raise no_such(what, "profile.identifiers.", at, type_, known)
            self.reads.add(("profile", "identifiers", type_))
            return render("P.identifiers(X)", P=profile, X=literal(type_)), steps[2:]
        fields = self._names.profile | PROFILE_FIELDS
        if first.name not in fields:
            what = f"no fact or trait profile.{first.name}"
            raise no_such(what, "profile.", first.node.col_offset, first.name, fields)
        self.reads.add(("profile", first.name))
        template = "None if (T := P.get(X)) is MISSING else T"
        code = render(template, T=self._temporary(), P=profile, X=literal(first.name))
        return code, steps[1:]

    def _of_predict(self, step: Step) -> ast.expr:
        known = self._names.predictions
        if step.name not in known:
            what, at = f"no prediction predict.{step.name}", step.node.col_offset
            otherwise = "" if known else ": the topology has no `predict`"
            raise no_such(what, "predict.", at, step.name, known, otherwise)
        self.reads.add(("predict", step.name))
        profile = self._local("profile")
        return render("P.predicted(X, s)", P=profile, X=literal(step.name))

    def _local(self, name: str) -> ast.expr:
        self._locals.add(name)
        return ast.Name(name, ast.Load())

    def _check(self, node: ast.Name) -> None:
        name = node.id
        if name in self._allowed:
            return
        mute = frozenset() if self._names.predictions else frozenset({"predict"})
        offered = self._allowed - mute
        known = f"write one of {', '.join(sorted(offered))}"
        if name in EVERYWHERE:
            raise refusal(node, f"{name!r} is not available here; {known}")
        if name in FUNCTIONS:
            raise refusal(node, f"{name!r} is a function; write {name}(…)")
        if name.lower() in LITERALS:
            written = name.lower()
            message = f"unknown name {name!r}; write {written}"
            raise ExpressionError(message, node.col_offset, Fault.NAME, name, written)
        for root, declared in (
            ("profile", self._names.profile),
            ("data", self._names.data),
            ("predict", self._names.predictions),
        ):
            if declared is not None and name in declared and root in self._allowed:
                message = f"unknown name {name!r}; write {root}.{name}"
                fault, near = Fault.NAME, f"{root}.{name}"
                raise ExpressionError(message, node.col_offset, fault, name, near)
        names = [*offered, *LITERALS]
        raise no_such(f"unknown name {name!r}", "", node.col_offset, name, names, f"; {known}")
