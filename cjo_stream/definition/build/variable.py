"""Variables that an action reads, held against those that the requests for it have."""

from __future__ import annotations

from cjo_stream.definition.build.context import Context
from cjo_stream.definition.build.use import Reading
from cjo_stream.definition.text.report import unknown


def warn_of_variables(readings: list[Reading], context: Context) -> None:
    """Warn of `data.NAME` in an action if no journey that asks for the action gives the name.

    It is a warning, because it is missing there alone, and another journey may give it later. Of
    an action that nobody asks for nothing is said.
    """
    for item, expression, *_ in readings:
        given = context.given.get(expression.definition.removeprefix("action."))
        if given is None:
            continue
        for path in sorted(expression.reads):
            if path[0] == "data" and len(path) > 1 and path[1] not in given:
                what = "variable: no request for this action has"
                code, message, near = unknown(what, path[1], given)
                is_whole = item.value == f"data.{path[1]}"
                context.report.warn(
                    item.node, code, message, f"data.{near}" if near and is_whole else ""
                )
