"""Why something came, or did not: in words, from the records since the last expectation."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from cjo_stream.core.decision.gate import HOLDOUT
from cjo_stream.core.likeness import nearest
from cjo_stream.core.text import moment_text
from cjo_stream.testing import row as rows_of
from cjo_stream.testing.compare import Finding
from cjo_stream.testing.row import Row

_LINES_MAX = 12
_ADVICE: Final = {HOLDOUT: ", which is drawn by the identifiers: others are not held out"}


class Came(NamedTuple):
    """Records that came, of each kind in order."""

    actions: list[Row]
    decisions: list[Row]
    transitions: list[Row]
    refused: list[Row]

    def of(self, ids: Collection[str]) -> Came:
        """Return those of a customer who has had these ids; refused events are nobody's."""
        actions, decisions, transitions = (
            [one for one in kind if one["customer_id"] in ids]
            for kind in (self.actions, self.decisions, self.transitions)
        )
        return Came(actions, decisions, transitions, self.refused)

    def rows(self, part: str) -> list[Row]:
        """Return the rows that a part of an expectation looks at."""
        if part == "actions":
            return rows_of.actions(self.actions)
        if part == "transitions":
            return rows_of.transitions(self.transitions)
        if part == "refused":
            return rows_of.refused(self.refused)
        of_decisions = {
            "suppressed": rows_of.suppressed,
            "not_sent": rows_of.not_sent,
            "priorities": rows_of.priorities,
        }
        return of_decisions[part](self.decisions)


def hints(found: Finding, came: Came) -> list[str]:
    """Return what happened to the actions that a case expected and that did not come so."""
    if found.is_met or found.part in ("transitions", "refused"):
        return []
    return list(dict.fromkeys(line for row in found.missing for line in _fate(row, came)))


def _fate(row: Row, came: Came) -> list[str]:
    """Return what became of an action, on its channel where the row names one."""
    name, channel = row.get("action"), row.get("channel")
    if name is None:
        return []
    lines = []
    for decision in came.decisions:
        at, chosen = moment_text(decision["time"]), decision["chosen"]
        for one in decision["candidates"]:
            if one["action"] != name or channel not in (None, one["channel"]):
                continue
            what = f"{at} {name} on {one['channel']}: "
            if one["gate"] is not None:
                lines.append(what + stop_text(one, decision))
            elif chosen is not None and (chosen["action"], chosen["channel"]) == (
                name,
                one["channel"],
            ):
                held = decision["suppressed"]
                lines.append(
                    what + (f"suppressed by {held}{_ADVICE.get(held, '')}" if held else "sent")
                )
            elif chosen is not None:
                lines.append(f"{what}{chosen['action']} on {chosen['channel']} was chosen")
    if lines:
        return lines
    asked = {one["action"] for decision in came.decisions for one in decision["candidates"]}
    near = nearest(name, asked)
    told = f"; asked for: {', '.join(sorted(asked)[:5])}" if asked else "; nothing was asked for"
    return [f"nobody asked for {name}" + (f"; {near} was asked for" if near else told)]


def stop_text(candidate: Row, decision: Row) -> str:
    """Return why a candidate was stopped."""
    rule = f" ({candidate['rule']})" if candidate["rule"] else _ADVICE.get(candidate["gate"], "")
    until = decision["deferred_until"]
    waits = f", waits until {moment_text(until)}" if until is not None else ""
    return f"stopped at {candidate['gate']}{rule}{waits}"


def move_text(one: Row) -> str:
    """Return a transition in words."""
    trigger = one["trigger"]
    cause = trigger["type"] or trigger["kind"]
    end = f" as {one['outcome']}" if one["outcome"] else ""
    way = f"{one['from']} to {one['to']}" if one["from"] else f"to {one['to']}"
    if one["to"] is None:
        way = f"from {one['from']}" if one["from"] else ""
    key = f" ({one['key']})" if one["key"] is not None else ""
    words = " ".join(word for word in (f"{one['journey']}{key}", one["reason"], way) if word)
    return f"{moment_text(one['time'])} {words}{end}, by {cause}"


def happened(came: Came) -> list[str]:
    """Return what came, in words: first the changes of state, then what was decided."""
    lines = [move_text(one) for one in came.transitions]
    for decision in came.decisions:
        at, chosen = moment_text(decision["time"]), decision["chosen"]
        if chosen is None:
            stopped = [one for one in decision["candidates"] if one["gate"]]
            told = [f"{o['action']} on {o['channel']} {stop_text(o, decision)}" for o in stopped]
            more = f", and {len(told) - 3} more" if len(told) > 3 else ""
            lines.append(f"{at} nothing was sent: {'; '.join(told[:3])}{more}")
        else:
            held = decision["suppressed"]
            what = f"suppressed by {held}: " if held else "sent: "
            lines.append(f"{at} {what}{chosen['action']} on {chosen['channel']}")
    if len(lines) > _LINES_MAX:
        lines = [*lines[:_LINES_MAX], f"and {len(lines) - _LINES_MAX} more"]
    return lines
