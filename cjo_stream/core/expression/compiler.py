"""Text to Expression: parse, check node by node, translate to our own operators, compile once.

What is compiled is a new tree, made only of calls to functions of this room; nothing of the text
gets there but names that were checked and literals.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Iterable
from typing import Any

from cjo_stream.core.duration import parse_duration
from cjo_stream.core.expression import function, value
from cjo_stream.core.expression.place import ExpressionError, Names, Place
from cjo_stream.core.expression.scope import MISSING, Scope

CHARACTERS_MAX = 500
DEPTH_MAX = 20
EVENT_FIELDS = frozenset({"type", "id", "channel", "time", "attributes"})
PROFILE_FIELDS = frozenset(
    {
        "id",
        "identifiers",
        "first_seen",
        "last_seen",
        "last_channel",
        "open_cases",
        "last_case_closed",
    }
)
_LITERALS = {"true": True, "false": False, "null": None}
_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "remainder",
}
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "equal",
    ast.NotEq: "unequal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.In: "within",
    ast.NotIn: "not_within",
}
_OPERATORS: dict[str, Any] = {
    name: getattr(value, name)
    for name in (
        *_BINARY.values(),
        *_COMPARE.values(),
        "event_field",
        "event_attribute",
        "field",
        "variable",
        "negation",
        "conjunction",
        "disjunction",
        "negative",
        "positive",
        "elements",
    )
} | {"call": function.call, "MISSING": MISSING}
_OPERATORS |= {f"f_{name}": row[0] for name, row in function.FUNCTIONS.items()}


class Expression:
    """A compiled expression. `reads` holds each path of names it reads, as ('event', 'total')."""

    __slots__ = ("_run", "definition", "is_constant", "reads", "text")

    def __init__(
        self,
        text: str,
        definition: str,
        run: Callable[[Scope], Any],
        reads: frozenset[tuple[str, ...]],
        is_constant: bool,
    ) -> None:
        self.text = text
        self.definition = definition
        self.reads = reads
        self.is_constant = is_constant
        self._run = run

    def evaluate(self, scope: Scope) -> Any:
        """Return the value, or MISSING; never raises."""
        scope.definition = self.definition
        return self._run(scope)

    def holds(self, scope: Scope) -> bool:
        """Return whether a condition is true; missing is not."""
        scope.definition = self.definition
        return bool(self._run(scope))

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def constant(fixed: Any, definition: str = "") -> Expression:
    """Return an expression that is always `fixed` (null: missing)."""
    result = MISSING if fixed is None else fixed
    return Expression(str(fixed), definition, lambda _: result, frozenset(), True)


def compile_expression(text: Any, place: Place, names: Names, definition: str = "") -> Expression:
    """Return the expression of `text`; what is no text is a constant. Raises ExpressionError."""
    if not isinstance(text, str):
        return constant(text, definition)
    if len(text) > CHARACTERS_MAX:
        raise ExpressionError(f"longer than {CHARACTERS_MAX} characters", CHARACTERS_MAX)
    translator = _Translator(place, names)
    body = translator.translate(_parse(text), 1)
    reads = frozenset(translator.reads)
    arguments = ast.arguments(
        posonlyargs=[], args=[ast.arg("s")], kwonlyargs=[], kw_defaults=[], defaults=[]
    )
    tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, body)))
    code = compile(tree, "<expression>", "eval")
    run = eval(code, {"__builtins__": {}, **_OPERATORS})  # noqa: S307 (the nodes are our own)
    is_constant = not reads and not translator.reads_time
    return Expression(text, definition, run, reads, is_constant)


def _parse(text: str) -> ast.expr:
    padding = len(text) - len(text.lstrip())
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        column = max(0, (error.offset or 1) - 1) + padding
        raise ExpressionError(f"not an expression: {error.msg}", column) from None
    except (ValueError, RecursionError, MemoryError, OverflowError):
        raise ExpressionError("not an expression") from None
    return tree


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` for the nearest of the known names, or nothing."""
    close = difflib.get_close_matches(name, sorted(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


class _Translator:
    """Checks nodes and makes their counterparts."""

    def __init__(self, place: Place, names: Names) -> None:
        self._allowed = place.value
        self._names = names
        self.reads: set[tuple[str, ...]] = set()
        self.reads_time = False

    def translate(self, node: ast.expr, depth: int) -> ast.expr:
        if depth > DEPTH_MAX:
            raise _refusal(node, f"nested deeper than {DEPTH_MAX}")
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise _refusal(node, f"{_word(node)} is not allowed in an expression")
        result: ast.expr = method(node, depth)
        return result

    def _constant(self, node: ast.Constant, _: int) -> ast.expr:
        fixed = node.value
        if fixed is None:
            return _name("MISSING")
        if type(fixed) not in (bool, int, float, str):
            raise _refusal(node, "only text, numbers, true, false and null are literals")
        if type(fixed) in value.NUMBERS and value.bounded(fixed) is MISSING:
            raise _refusal(node, "a number beyond 64 bits")
        if type(fixed) is str and not fixed.isprintable() and "\0" in fixed:
            raise _refusal(node, "a NUL character")
        return ast.Constant(fixed)

    def _list(self, node: ast.List, depth: int) -> ast.expr:
        return _call("elements", *(self.translate(item, depth + 1) for item in node.elts))

    def _boolop(self, node: ast.BoolOp, depth: int) -> ast.expr:
        operator = "conjunction" if isinstance(node.op, ast.And) else "disjunction"
        parts = [self.translate(part, depth + 1) for part in node.values]
        result = parts[0]
        for part in parts[1:]:
            result = _call(operator, result, part)
        return result

    def _unaryop(self, node: ast.UnaryOp, depth: int) -> ast.expr:
        operand = self.translate(node.operand, depth + 1)
        if isinstance(node.op, ast.Not):
            return _call("negation", operand)
        if isinstance(node.op, ast.USub):
            return _call("negative", _name("s"), operand)
        if isinstance(node.op, ast.UAdd):
            return _call("positive", _name("s"), operand)
        raise _refusal(node, "`~` is not allowed in an expression")

    def _binop(self, node: ast.BinOp, depth: int) -> ast.expr:
        operator = _BINARY.get(type(node.op))
        if operator is None:
            raise _refusal(node, "of operators, `+ - * / // %` are allowed")
        left = self.translate(node.left, depth + 1)
        return _call(operator, _name("s"), left, self.translate(node.right, depth + 1))

    def _compare(self, node: ast.Compare, depth: int) -> ast.expr:
        values = [self.translate(v, depth + 1) for v in (node.left, *node.comparators)]
        result: ast.expr | None = None
        for operation, left, right in zip(node.ops, values, values[1:], strict=False):
            operator = _COMPARE.get(type(operation))
            if operator is None:
                raise _refusal(node, "`is` is not allowed in an expression; write `==` or has(x)")
            step = _call(operator, _name("s"), left, right)
            result = step if result is None else _call("conjunction", result, step)
        assert result is not None
        return result

    def _ifexp(self, node: ast.IfExp, depth: int) -> ast.expr:
        return ast.IfExp(
            self.translate(node.test, depth + 1),
            self.translate(node.body, depth + 1),
            self.translate(node.orelse, depth + 1),
        )

    def _call(self, node: ast.Call, depth: int) -> ast.expr:
        if not isinstance(node.func, ast.Name):
            raise _refusal(node, "only the functions of definitions can be called")
        name = node.func.id
        row = function.FUNCTIONS.get(name)
        if row is None:
            raise _refusal(node, f"no function {name!r}{nearest(name, function.FUNCTIONS)}")
        if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            raise _refusal(node, f"{name} takes plain arguments only")
        _, fewest, most = row
        if not fewest <= len(node.args) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise _refusal(node, f"{name} takes {wanted} arguments, not {len(node.args)}")
        self._check_literals(node, name)
        arguments = [self.translate(argument, depth + 1) for argument in node.args]
        if name in ("days_since", "hours_since", "next_time") or not arguments:
            self.reads_time = True
        if name in ("weekday", "hour", "date", "consented"):
            self.reads_time = True
        if name in function.TAKES_MISSING:
            return _call(f"f_{name}", _name("s"), *arguments)
        return _call("call", _name("s"), _name(f"f_{name}"), *arguments)

    def _check_literals(self, node: ast.Call, name: str) -> None:
        if name == "duration" and isinstance(node.args[0], ast.Constant):
            try:
                parse_duration(str(node.args[0].value))
            except ValueError as error:
                raise _refusal(node.args[0], str(error)) from None

    def _name(self, node: ast.Name, _: int) -> ast.expr:
        name = node.id
        if name in _LITERALS:
            return self._constant(ast.Constant(_LITERALS[name]), 0)
        if name not in self._allowed:
            raise self._unknown(node, name)
        if name in ("profile", "event", "entry", "data", "candidate"):
            raise _refusal(node, f"{name!r} alone has no value; write {name}.NAME")
        self.reads.add((name,))
        return ast.Attribute(_name("s"), name, ast.Load())

    def _unknown(self, node: ast.expr, name: str) -> ExpressionError:
        everywhere = frozenset().union(*(place.value for place in Place))
        known = ", ".join(sorted(self._allowed))
        if name in everywhere:
            return _refusal(node, f"{name!r} has no meaning here; here are {known}")
        hint = nearest(name, [*self._allowed, *_LITERALS, *function.FUNCTIONS])
        return _refusal(node, f"unknown name {name!r}{hint or f'; here are {known}'}")

    def _attribute(self, node: ast.Attribute, depth: int) -> ast.expr:
        return self._member(node, node.value, node.attr, depth)

    def _subscript(self, node: ast.Subscript, depth: int) -> ast.expr:
        key = node.slice
        if isinstance(key, ast.Constant) and type(key.value) is str:
            return self._member(node, node.value, key.value, depth)
        if isinstance(key, ast.Constant) and type(key.value) is int:
            return _call("field", _name("s"), self.translate(node.value, depth + 1), key)
        raise _refusal(node, "an index is a text or a whole number: x['key']")

    def _member(self, node: ast.expr, whole: ast.expr, name: str, depth: int) -> ast.expr:
        if name.startswith("__"):
            raise _refusal(node, "names do not begin with two underscores")
        if isinstance(whole, ast.Name):
            root = whole.id
            if root not in self._allowed and root not in _LITERALS:
                raise self._unknown(whole, root)
            if root in ("event", "entry") and name != "attributes":
                self.reads.add((root, name))
                event = ast.Attribute(_name("s"), root, ast.Load())
                return _call("event_field", event, ast.Constant(name))
            if root in ("event", "entry"):
                raise _refusal(node, f"write {root}.attributes.NAME")
            if root in ("profile", "data", "candidate"):
                return self._of_root(node, root, name)
        inner = _path(whole)
        if inner in (("event", "attributes"), ("entry", "attributes")):
            root = inner[0]
            if root not in self._allowed:
                raise self._unknown(whole, root)
            self.reads.add((root, name))
            event = ast.Attribute(_name("s"), root, ast.Load())
            return _call("event_attribute", event, ast.Constant(name))
        if inner == ("profile", "identifiers") and "profile" in self._allowed:
            return self._identifiers(node, name)
        return _call("field", _name("s"), self.translate(whole, depth + 1), ast.Constant(name))

    def _of_root(self, node: ast.expr, root: str, name: str) -> ast.expr:
        if root == "candidate":
            if name != "channel":
                raise _refusal(node, "of a candidate there is only candidate.channel")
            self.reads.add((root, name))
            return ast.Attribute(_name("s"), "channel", ast.Load())
        if root == "data":
            known = self._names.data
            if known is not None and name not in known:
                raise _refusal(node, f"no variable data.{name}{nearest(name, known)}")
            self.reads.add((root, name))
            return _call("variable", _name("s"), ast.Constant(name))
        if name == "identifiers":
            raise _refusal(node, "write profile.identifiers.TYPE")
        fields = self._names.profile | PROFILE_FIELDS
        if name not in fields:
            raise _refusal(node, f"no fact or trait profile.{name}{nearest(name, fields)}")
        self.reads.add((root, name))
        get = ast.Attribute(ast.Attribute(_name("s"), "profile", ast.Load()), "get", ast.Load())
        return ast.Call(get, [ast.Constant(name)], [])

    def _identifiers(self, node: ast.expr, type_: str) -> ast.expr:
        known = self._names.identifiers
        if type_ not in known:
            raise _refusal(node, f"no identifier type {type_!r}{nearest(type_, known)}")
        self.reads.add(("profile", "identifiers", type_))
        profile = ast.Attribute(_name("s"), "profile", ast.Load())
        return ast.Call(
            ast.Attribute(profile, "identifiers", ast.Load()), [ast.Constant(type_)], []
        )


def _path(node: ast.expr) -> tuple[str, ...]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return (node.value.id, node.attr)
    return ()


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(_name(name), list(arguments), [])


def _refusal(node: ast.AST, message: str) -> ExpressionError:
    return ExpressionError(message, getattr(node, "col_offset", 0))


def _word(node: ast.AST) -> str:
    return type(node).__name__
