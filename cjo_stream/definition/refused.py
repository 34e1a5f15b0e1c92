"""Why a set may not follow the one in force, as data (docs/governance.md, "What is refused")."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from cjo_stream.definition.code import Code
from cjo_stream.definition.text.node import Node
from cjo_stream.definition.text.report import Report
from cjo_stream.errors import Diagnostic

What = Literal[
    "content_without_version",
    "removed_state",
    "taken_away",
    "draft",
    "still_named",
    "identity",
    "topology",
    "owner",
]
"""Kinds of refusals. `owner` is the plan's own: `apply` asks it too."""


class Refused(msgspec.Struct, frozen=True):
    """One reason.

    `name` is the journey's; `journey.state` for `removed_state`, `journey.version` for
    `still_named`; the identifier type's, the topology's, or the file for `owner`.
    `at` is `path:line`, of the candidate, or of the set in force for what is gone.
    """

    what: What
    name: str
    at: str
    why: str


class Refusal(NamedTuple):
    """A reason with its finding, which names the place to the column."""

    what: What
    name: str
    found: Diagnostic

    @property
    def row(self) -> Refused:
        """The reason as data."""
        found = self.found
        return Refused(self.what, self.name, f"{found.file}:{found.line}", found.message)


def refusal(
    what: What, name: str, node: Node, code: Code, message: str, suggestion: str = ""
) -> Refusal:
    """Return a reason at a node."""
    report = Report()
    report.error(node, code, message, suggestion)
    return Refusal(what, name, report.diagnostics()[0])
