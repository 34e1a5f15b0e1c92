"""A syntax tree, checked, to the tree of a Python function over the scope.

The new tree is made node by node, from operators of this package, reads of the scope, and the
text's literals and names as constants. No node of the text's tree is reused.

Inside that function missing is None. Values read from the scope are put into local variables at
its beginning; a value needed twice gets a local variable of its own. Common forms are inlined, all
others call an operator:

    event.total >= 20 and event.cart_id == key

    def run(s):
        event = s.event
        event_attributes = EMPTY if event is None else event.attributes
        key = None if s.key is MISSING else s.key
        return (
            t2 if (t2 := t1 >= 20 if type(t1 := event_attributes.get("total")) in NUMBERS
                   else greater_equal(s, t1, 20)) is not None and not t2
            else t3 if (t3 := equal(s, event_attributes.get("cart_id"), key)) is not None
                       and not t3 or t2 is not None
            else None
        )
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, NamedTuple

from cjo_stream.core.expression import value
from cjo_stream.core.expression.advice import function_instead
from cjo_stream.core.expression.code import call, literal, render
from cjo_stream.core.expression.function import FUNCTIONS, Function, literal_problem
from cjo_stream.core.expression.parser import UNSEEN, refusal, word
from cjo_stream.core.expression.path import Path
from cjo_stream.core.expression.place import ExpressionError, Fault, Names, Place
from cjo_stream.core.expression.reader import LITERALS, Reader, path_of
from cjo_stream.core.expression.scope import Scope

DEPTH_MAX = 20
_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "remainder",
}
_UNARY: dict[type[ast.unaryop], str] = {ast.USub: "negative", ast.UAdd: "positive"}
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
_SYMBOL = {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">="}


class Operand(NamedTuple):
    """Code of a value. `is_loose`: it comes from data, so a number may exceed the bounds."""

    code: ast.expr
    is_loose: bool = False


class Translator:
    """Checks and translates nodes, for one expression."""

    def __init__(self, place: Place, names: Names) -> None:
        self.reader = Reader(place, names, self._temporary)
        self.reads_time = False
        self.paths: dict[Path, None] = {}
        self.warnings: list[tuple[int, str]] = []
        self._place = place
        self._temporaries = 0

    def translate(self, tree: ast.expr) -> ast.expr:
        """Return the code of a whole expression.

        A `map` passes values of a row on unchanged: intake refuses an event with a value beyond
        the bounds, rather than drop the value alone.
        """
        code, is_loose = self._operand(tree, 1)
        return call("bounded_value", code) if is_loose and self._place.has_customer else code

    def _operand(self, node: ast.expr, depth: int) -> Operand:
        if depth > DEPTH_MAX:
            raise refusal(node, f"nested deeper than {DEPTH_MAX}", Fault.SIZE)
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise refusal(node, f"{word(node)} is not allowed in an expression")
        return handler(self, node, depth + 1)

    def _temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"

    def _constant(self, node: ast.Constant, _: int) -> Operand:
        fixed = node.value
        if fixed is not None and type(fixed) not in (bool, int, float, str):
            raise refusal(node, "only text, numbers, true, false and null are literals")
        if value.bounded_value(fixed) is None and fixed is not None:
            raise refusal(node, "a number beyond 64 bits")
        if type(fixed) is str and UNSEEN.search(fixed):
            raise refusal(node, "a text with an invisible character")
        return Operand(literal(fixed))

    def _list(self, node: ast.List, depth: int) -> Operand:
        items = [self._operand(item, depth) for item in node.elts]
        codes = [item.code for item in items if not _is_null(item.code)]
        if all(isinstance(code, ast.Constant) for code in codes):
            return Operand(ast.List(codes, ast.Load()))
        return Operand(call("elements", *codes), any(item.is_loose for item in items))

    def _bool_op(self, node: ast.BoolOp, depth: int) -> Operand:
        """The first operand that decides; else missing, if an operand is; else the last."""
        join = _and if isinstance(node.op, ast.And) else _or
        first, *others = (self._operand(part, depth) for part in node.values)
        code = first.code
        for other in others:
            code = join(code, other.code, self._temporary(), self._temporary())
        return Operand(code, first.is_loose or any(other.is_loose for other in others))

    def _unary_op(self, node: ast.UnaryOp, depth: int) -> Operand:
        operand = self._operand(node.operand, depth).code
        if isinstance(node.op, ast.Not):
            code = render("None if (T := A) is None else not T", T=self._temporary(), A=operand)
            return Operand(code)
        name = _UNARY.get(type(node.op))
        if name is None:
            raise refusal(node, "`~` is not allowed in an expression; write `not`")
        return Operand(_folded(value.UNARY[name], operand) or call(name, _SCOPE, operand))

    def _bin_op(self, node: ast.BinOp, depth: int) -> Operand:
        name = _BINARY.get(type(node.op))
        if name is None:
            raise refusal(node, _other_operator(node.op))
        left, right = self._operand(node.left, depth).code, self._operand(node.right, depth).code
        return Operand(_folded(value.BINARY[name], left, right) or call(name, _SCOPE, left, right))

    def _compare(self, node: ast.Compare, depth: int) -> Operand:
        names = [_COMPARE.get(type(operator)) for operator in node.ops]
        if None in names:
            raise refusal(node, _no_identity(node))
        self._warn_of_null(node)
        left, *rights = (self._operand(x, depth).code for x in (node.left, *node.comparators))
        if len(rights) == 1:
            return Operand(self._compared(str(names[0]), left, rights[0]))
        code: ast.expr | None = None
        for name, right in zip(names, rights, strict=True):
            between = self._temporary()
            bound = render("(T := A)", T=between, A=right)
            step = call(str(name), _SCOPE, left, bound)
            left = ast.Name(between, ast.Load())
            code = step if code is None else _and(code, step, self._temporary(), self._temporary())
        assert code is not None
        return Operand(code)

    def _warn_of_null(self, node: ast.Compare) -> None:
        """Note a comparison with null, which is missing whatever the other side is."""
        sides = [node.left, *node.comparators]
        for position, operator in enumerate(node.ops):
            left, right = sides[position], sides[position + 1]
            if isinstance(operator, ast.In | ast.NotIn) or not (
                _says_null(left) or _says_null(right)
            ):
                continue
            other = ast.unparse(left if _says_null(right) else right)
            is_unequal = isinstance(operator, ast.NotEq)
            cure = f"has({other})" if is_unequal else f"not has({other})"
            message = f"a comparison with null is never true, nor false: write {cure}"
            self.warnings.append((node.col_offset, message))

    def _compared(self, name: str, left: ast.expr, right: ast.expr) -> ast.expr:
        """Return one comparison, inlined if one side is a literal."""
        folded = _folded(value.BINARY[name], left, right)
        if folded is not None:
            return folded
        if name in ("equal", "unequal"):
            if isinstance(left, ast.Constant):
                left, right = right, left
            if isinstance(right, ast.Constant) and right.value is not None:
                return self._equal_literal(name, left, right)
        elif name in ("within", "not_within"):
            texts = _texts(right)
            if texts is not None:
                return self._within_texts(name, left, texts)
        elif isinstance(right, ast.Constant) and type(right.value) in value.NUMBERS:
            code = f"T {_SYMBOL[name]} X if type(T := A) in NUMBERS else {name}(s, T, X)"
            return render(code, T=self._temporary(), A=left, X=right)
        elif isinstance(left, ast.Constant) and type(left.value) in value.NUMBERS:
            code = f"X {_SYMBOL[name]} T if type(T := A) in NUMBERS else {name}(s, X, T)"
            return render(code, T=self._temporary(), A=right, X=left)
        return call(name, _SCOPE, left, right)

    def _equal_literal(self, name: str, left: ast.expr, right: ast.Constant) -> ast.expr:
        fixed = right.value
        if type(fixed) is bool:
            test = "T is X"
        elif fixed in (0, 1):
            # In Python True == 1 and False == 0; in expressions they differ.
            test = "(T == X and type(T) is not bool)"
        else:
            test = "T == X"
        if name == "unequal":
            test = f"not {test}"
        code = f"None if (T := A) is None else {test}"
        return render(code, T=self._temporary(), A=left, X=right)

    def _within_texts(self, name: str, left: ast.expr, texts: frozenset[str]) -> ast.expr:
        negation = "not " if name == "not_within" else ""
        code = f"None if (T := A) is None else {negation}(type(T) is str and T in X)"
        return render(code, T=self._temporary(), A=left, X=literal(texts))

    def _if_exp(self, node: ast.IfExp, depth: int) -> Operand:
        test = self._operand(node.test, depth)
        body, other = self._operand(node.body, depth), self._operand(node.orelse, depth)
        code = ast.IfExp(test.code, body.code, other.code)
        return Operand(code, body.is_loose or other.is_loose)

    def _call(self, node: ast.Call, depth: int) -> Operand:
        name, row = self._function(node)
        self.reads_time |= row.needs_customer
        if name == "has":
            if isinstance(node.args[0], ast.Name) and node.args[0].id in ("event", "entry"):
                return Operand(render("A is not None", A=self.reader.whole_event(node.args[0])))
            return Operand(render("(A) is not None", A=self._operand(node.args[0], depth).code))
        operands = [self._operand(argument, depth) for argument in node.args]
        codes = [operand.code for operand in operands]
        is_loose = row.passes and any(operand.is_loose for operand in operands)
        if row.run is None:
            return Operand(self._coalesced(codes), is_loose)
        for position, argument in enumerate(node.args):
            problem = literal_problem(name, position, _fixed(codes[position]))
            if problem is not None:
                raise refusal(argument, problem)
        folded = None if row.needs_customer else _folded(row.run, *codes)
        return Operand(folded or self._called(name, codes, row.optional), is_loose)

    def _function(self, node: ast.Call) -> tuple[str, Function]:
        if not isinstance(node.func, ast.Name):
            raise refusal(node.func, self._no_method(node.func))
        name = node.func.id
        row = FUNCTIONS.get(name)
        if row is None:
            message, near = function_instead(name, FUNCTIONS)
            raise ExpressionError(message, node.func.col_offset, Fault.NAME, name, near)
        if node.keywords and node.keywords[0].arg is not None:
            raise refusal(node.keywords[0].value, f"write `==` to compare; {name} takes no names")
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise refusal(node, f"{name} takes plain arguments only")
        if not row.fewest <= len(node.args) <= row.most:
            raise refusal(node, f"{name} takes {row.takes}, not {len(node.args)}")
        if row.needs_customer and not self._place.has_customer:
            raise refusal(node, f"{name} is not available here: a map has no customer and no now")
        return name, row

    def _no_method(self, node: ast.expr) -> str:
        if not isinstance(node, ast.Attribute):
            return "only the functions of definitions can be called"
        whole = ast.unparse(node.value)
        if node.attr in FUNCTIONS:
            return f"a value has no functions of its own: write {node.attr}({whole})"
        message, _ = function_instead(node.attr, FUNCTIONS)
        return f"a value has no functions of its own, as in len({whole}); {message}"

    def _coalesced(self, codes: list[ast.expr]) -> ast.expr:
        *firsts, result = codes
        for code in reversed(firsts):
            template = "T if (T := A) is not None else B"
            result = render(template, T=self._temporary(), A=code, B=result)
        return result

    def _called(self, name: str, codes: list[ast.expr], optional: frozenset[int]) -> ast.expr:
        """Return the call of a function; missing, without the call, if an argument is missing."""
        tests: list[ast.expr] = []
        arguments: list[ast.expr] = []
        for position, code in enumerate(codes):
            is_there = isinstance(code, ast.Constant) and code.value is not None
            if is_there or position in optional:
                arguments.append(code)
            else:
                temporary = self._temporary()
                tests.append(render("(T := A) is None", T=temporary, A=code))
                arguments.append(ast.Name(temporary, ast.Load()))
        result = call(f"f_{name}", _SCOPE, *arguments)
        if not tests:
            return result
        test = tests[0] if len(tests) == 1 else ast.BoolOp(ast.Or(), tests)
        return ast.IfExp(test, literal(None), result)

    def _name(self, node: ast.Name, _: int) -> Operand:
        if node.id in LITERALS:
            return Operand(literal(LITERALS[node.id]))
        code = self.reader.name(node)
        self.paths.setdefault((node.id,))
        return Operand(code, is_loose=True)

    def _member(self, node: ast.expr, depth: int) -> Operand:
        """`a.b['c']`: a read of the scope if it begins with a name, else fields of a value."""
        root, steps = path_of(node)
        if isinstance(root, ast.Name) and root.id not in LITERALS:
            code, rest = self.reader.member(root, steps)
            self.paths.setdefault((root.id, *(step.key for step in steps)))
        else:
            code, rest = self._operand(root, depth).code, steps
        for level, step in enumerate(rest):
            if depth + level > DEPTH_MAX + 1:
                raise refusal(step.node, f"nested deeper than {DEPTH_MAX}", Fault.SIZE)
            if isinstance(step.key, int):
                code = call("element", _SCOPE, code, literal(step.key))
                continue
            template = "T.get(X) if type(T := A) is dict else field(s, T)"
            code = render(template, T=self._temporary(), A=code, X=literal(step.key))
        return Operand(code, is_loose=True)


_HANDLERS: dict[type[ast.expr], Callable[[Translator, Any, int], Operand]] = {
    ast.Constant: Translator._constant,
    ast.List: Translator._list,
    ast.BoolOp: Translator._bool_op,
    ast.UnaryOp: Translator._unary_op,
    ast.BinOp: Translator._bin_op,
    ast.Compare: Translator._compare,
    ast.IfExp: Translator._if_exp,
    ast.Call: Translator._call,
    ast.Name: Translator._name,
    ast.Attribute: Translator._member,
    ast.Subscript: Translator._member,
}
_SCOPE = ast.Name("s", ast.Load())


def _and(left: ast.expr, right: ast.expr, first: str, second: str) -> ast.expr:
    """A false operand decides; else missing, if an operand is; else the second."""
    return render(
        "T if (T := A) is not None and not T"
        " else U if (U := B) is not None and not U or T is not None else None",
        T=first,
        U=second,
        A=left,
        B=right,
    )


def _or(left: ast.expr, right: ast.expr, first: str, second: str) -> ast.expr:
    """A true operand decides; else missing, if an operand is; else the second."""
    return render(
        "T if (T := A) else U if (U := B) or T is not None else None",
        T=first,
        U=second,
        A=left,
        B=right,
    )


def _other_operator(operator: ast.operator) -> str:
    """Return what to write for an operator that expressions do not have."""
    words = {ast.BitAnd: "and", ast.BitOr: "or"}
    if type(operator) in words:
        return f"this operator is not allowed; write `{words[type(operator)]}`"
    return "this operator is not allowed; use `+ - * / // %`"


def _fixed(code: ast.expr) -> Any:
    """Return the value of a literal or a list of literals; None for any other code."""
    if isinstance(code, ast.Constant):
        return code.value
    if isinstance(code, ast.List):
        return [_fixed(item) for item in code.elts]
    return None


def _says_null(node: ast.expr) -> bool:
    """Return whether a node of the text is the literal `null`."""
    if isinstance(node, ast.Name):
        return node.id == "null"
    return isinstance(node, ast.Constant) and node.value is None


def _no_identity(node: ast.Compare) -> str:
    """Return what to write for `is` and `is not`."""
    at = next(n for n, operator in enumerate(node.ops) if isinstance(operator, ast.Is | ast.IsNot))
    left, right = [node.left, *node.comparators][at : at + 2]
    is_not = isinstance(node.ops[at], ast.IsNot)
    word = "is not" if is_not else "is"
    if isinstance(right, ast.UnaryOp) and isinstance(right.op, ast.Not):
        is_not, right = True, right.operand
    if _says_null(right):
        x = ast.unparse(left)
        cure = f"has({x})" if is_not else f"not has({x})"
    else:
        cure = "`!=`" if is_not else "`==`"
    return f"`{word}` is not allowed in an expression; write {cure}"


def _is_null(code: ast.expr) -> bool:
    return isinstance(code, ast.Constant) and code.value is None


def _texts(code: ast.expr) -> frozenset[str] | None:
    """Return the elements of a list of text literals; None for any other code."""
    if not isinstance(code, ast.List):
        return None
    fixed = _fixed(code)
    return frozenset(fixed) if all(type(item) is str for item in fixed) else None


def _folded(run: Callable[..., Any], *codes: ast.expr) -> ast.Constant | None:
    """Return the result if all operands are literals and it is not missing, else None.

    A type error among literals is therefore left to the run, where it is counted.
    """
    if not all(isinstance(code, ast.Constant) and code.value is not None for code in codes):
        return None
    result = run(Scope(now=0), *(_fixed(code) for code in codes))
    return None if result is None else literal(result)
