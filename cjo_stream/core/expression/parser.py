"""Text to a Python syntax tree whose columns count the text's characters. Nothing is run.

Text that looks different from what it means is refused: control and direction characters,
comments, and names in letters that Python silently replaces by other letters.
"""

from __future__ import annotations

import ast
import io
import keyword
import re
import tokenize
import unicodedata
import warnings

from cjo_stream.core.expression.advice import habit_in
from cjo_stream.core.expression.place import ExpressionError, Fault

CHARACTERS_MAX = 500
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff]"
)
_RESERVED = re.compile(rf"\.\s*({'|'.join(keyword.kwlist)})\b")

_WORDS: dict[type[ast.expr], str] = {
    ast.Await: "`await`",
    ast.Dict: "an object in braces",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.JoinedStr: "an f-string",
    ast.Lambda: "`lambda`",
    ast.ListComp: "a comprehension",
    ast.NamedExpr: "`:=`",
    ast.Set: "a set in braces (a name is written alone)",
    ast.SetComp: "a comprehension",
    ast.Slice: "a slice",
    ast.Starred: "`*`",
    ast.Tuple: "a tuple (a list is written [a, b])",
    ast.Yield: "`yield`",
    ast.YieldFrom: "`yield`",
}


def parse(text: str) -> ast.expr:
    """Return the tree of an expression; raises ExpressionError."""
    if len(text) > CHARACTERS_MAX:
        message = f"longer than {CHARACTERS_MAX} characters"
        raise ExpressionError(message, CHARACTERS_MAX, Fault.SIZE)
    unseen = UNSEEN.search(text)
    if unseen is not None:
        name = f"U+{ord(unseen[0]):04X}"
        raise ExpressionError(f"an invisible character, {name}", unseen.start())
    line = re.sub(r"[\n\r\t]", " ", text)
    indent = len(line) - len(line.lstrip())
    line = line.strip()
    if not line:
        raise ExpressionError("an empty expression")
    tree = _tree(line, indent)
    _check_tokens(line, indent)
    _count_characters(tree, line, indent)
    return tree


def _tree(line: str, indent: int) -> ast.expr:
    try:
        with warnings.catch_warnings():
            # Python's warnings do not apply: their causes are refused later, or are harmless here.
            warnings.simplefilter("ignore")
            return ast.parse(line, mode="eval").body
    except SyntaxError as error:
        reserved = _RESERVED.search(line)
        if reserved is not None:
            message = f"{reserved[1]!r} is a reserved word: write ['{reserved[1]}']"
            raise ExpressionError(message, reserved.start(1) + indent) from None
        habit = habit_in(line)
        if habit is not None:
            cure, column = habit
            raise ExpressionError(f"not an expression: {cure}", column + indent) from None
        # Python's offset counts from 1; 0 means the end of the text.
        offset = min(error.offset - 1, len(line)) if error.offset else len(line)
        raise ExpressionError(f"not an expression: {error.msg}", offset + indent) from None
    except (ValueError, RecursionError, MemoryError, OverflowError):
        raise ExpressionError("not an expression") from None


def _check_tokens(line: str, indent: int) -> None:
    if line.isascii() and "#" not in line:
        return
    try:
        for token in tokenize.generate_tokens(io.StringIO(line).readline):
            column = token.start[1] + indent
            if token.type == tokenize.COMMENT:
                raise ExpressionError("a comment is not allowed in an expression", column)
            if token.type == tokenize.NAME and not unicodedata.is_normalized("NFKC", token.string):
                raise ExpressionError(f"{token.string!r} is not a plain name", column)
    except (tokenize.TokenError, SyntaxError):
        raise ExpressionError("not an expression") from None


def _count_characters(tree: ast.expr, line: str, indent: int) -> None:
    """Convert the columns of a tree from bytes of UTF-8 to characters of the text."""
    encoded = line.encode()
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            before = encoded[: node.col_offset]
            node.col_offset = len(before.decode("utf-8", "ignore")) + indent


def refusal(node: ast.expr, message: str, fault: Fault = Fault.USE) -> ExpressionError:
    """Return the error at a node."""
    return ExpressionError(message, node.col_offset, fault)


def word(node: ast.expr) -> str:
    """Return the name of a node's kind, for messages."""
    return _WORDS.get(type(node), type(node).__name__)
