"""Pieces of Python code: templates of this package, filled with trees.

    render("None if (T := A) is None else not T", T="t1", A=tree)

A name in a template that is also the name of a part is replaced by that part: by a name (text) or
by a tree.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

Part = str | ast.expr


def render(template: str, **parts: Part) -> ast.expr:
    """Return a template's tree with its parts put in."""
    filled: ast.expr = _filled(_parsed(template), parts)
    return filled


def literal(fixed: Any) -> ast.Constant:
    """Return a constant."""
    return ast.Constant(fixed)


def call(name: str, *arguments: ast.expr) -> ast.expr:
    """Return a call of an operator."""
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def function(
    statements: list[str], result: ast.expr, namespace: dict[str, Any]
) -> Callable[[Any], Any]:
    """Return a function of `s` that runs the statements, then returns the value of `result`."""
    tree = ast.parse("def run(s): pass")
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.body = [*ast.parse("\n".join(statements)).body, ast.Return(result)]
    made: dict[str, Any] = {}
    with warnings.catch_warnings():
        # For `has(0)` Python would warn that a literal is compared with `is`.
        warnings.simplefilter("ignore")
        code = compile(ast.fix_missing_locations(tree), "<expression>", "exec")
    exec(code, namespace, made)  # noqa: S102 (every node of it was made by this room)
    run: Callable[[Any], Any] = made["run"]
    return run


@cache
def _parsed(template: str) -> ast.expr:
    return ast.parse(template, mode="eval").body


def _filled(node: Any, parts: dict[str, Part]) -> Any:
    if isinstance(node, list):
        return [_filled(element, parts) for element in node]
    if not isinstance(node, ast.AST):
        return node
    if isinstance(node, ast.Name):
        part = parts.get(node.id, node.id)
        return ast.Name(part, node.ctx) if isinstance(part, str) else part
    return type(node)(**{name: _filled(inner, parts) for name, inner in ast.iter_fields(node)})
