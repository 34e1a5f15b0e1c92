"""Expressions (docs/expressions.md): a checked subset of Python, compiled once.

    compile_expression(text, place, names) -> Expression    raises ExpressionError
    expression.evaluate(scope) -> value | MISSING           never raises, never loops
    expression.holds(scope) -> bool                         a condition; missing is false

Compilation: `parser` (text to tree), `translator` (node by node, with `reader` for names and
`code` for the pieces of the new function), `compiler`. At run time: `value` (operators),
`function` and `calendar` (functions), `zone` (time zones), over a `scope`.

`place` says which names the text may use; `names` what the topology declares. The value of an
expression is bool, int, float, str, list or dict (JSON's), or MISSING.
"""

from cjo_stream.core.expression.compiler import (
    Expression,
    compile_expression,
    constant,
    evaluate_all,
)
from cjo_stream.core.expression.place import ExpressionError, Names, Place
from cjo_stream.core.expression.scope import MISSING, ProfileView, Scope

__all__ = [
    "MISSING",
    "Expression",
    "ExpressionError",
    "Names",
    "Place",
    "ProfileView",
    "Scope",
    "compile_expression",
    "constant",
    "evaluate_all",
]
