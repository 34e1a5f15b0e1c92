"""YAML of our own: mappings as text."""

from __future__ import annotations

import io
from typing import Any, Final

from ruamel.yaml import YAML

_WIDTH: Final = 1 << 20


def as_yaml(value: dict[str, Any]) -> str:
    r"""Return a mapping as YAML; each text is on one line.

    >>> as_yaml({"a": ["b", {"c": 1}]})
    'a:\n  - b\n  - c: 1\n'
    """
    writer, text = YAML(), io.StringIO()
    writer.width = _WIDTH
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.representer.ignore_aliases = lambda *_: True
    writer.dump(value, text)
    return text.getvalue()
