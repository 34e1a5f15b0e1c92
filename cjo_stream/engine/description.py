"""The meaning of a struct's fields, from the texts under them: for schemas and pages.

Python drops the text under a field, so it is read from the source of the struct's module, and
only when a schema is drawn. It costs nothing while the engine runs.
"""

from __future__ import annotations

import ast
import inspect
import textwrap

import msgspec


def descriptions(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return the text under each field, by the field's name in JSON; inherited fields aside.

    >>> from cjo_stream.core.record import Address
    >>> descriptions(Address)
    {'type': 'The identifier type.', 'value': "The identifier's value, normalised."}
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(struct))).body[0]
    assert isinstance(tree, ast.ClassDef), "a struct is a class"
    named = dict(zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True))
    found = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[named[field.target.id]] = inspect.cleandoc(str(text.value.value))
    return found
