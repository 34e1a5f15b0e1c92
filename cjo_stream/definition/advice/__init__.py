"""Advice on definitions that load: rules that can never apply, and probable mistakes.

    condition   whether conditions can be true together
    reach       the states that a journey can reach, and its rules that never apply
    journey     conditions, rules, states and goals that nobody can reach
    action      actions that nobody asks for, or that no gates let pass
    pace        waits of journeys beside the periods of caps
    rival       journeys with the same entry, and those that compete for caps
    coverage    rules that recorded events did not reach

A rule that is called impossible never applies, whatever events come; runs of random worlds check
this (`tests/differential`). Competition, and the fit of waits and caps, are judged by the
definitions alone.
"""

from __future__ import annotations

from cjo_stream.core.program.program import Program
from cjo_stream.core.word import Status
from cjo_stream.definition.advice.action import advise_on_actions
from cjo_stream.definition.advice.coverage import Seen, advise_on_coverage
from cjo_stream.definition.advice.journey import advise_on_journeys, without_target
from cjo_stream.definition.advice.pace import advise_on_pace
from cjo_stream.definition.advice.reach import Reach, reach
from cjo_stream.definition.advice.rival import advise_on_rivals
from cjo_stream.definition.life import RUNNING
from cjo_stream.definition.load import DefinitionSet, documents_of
from cjo_stream.definition.rule import rules_of
from cjo_stream.definition.text.report import Report
from cjo_stream.errors import Diagnostic

__all__ = ["Seen", "advise", "advise_anew", "not_covered"]


def advise(definitions: DefinitionSet, seen: Seen | None = None) -> list[Diagnostic]:
    """Return the advice on a set, by file and place.

    With `seen`, the recorded events, there is also advice on the rules that they did not reach.
    """
    program, report = definitions.program, Report()
    documents = documents_of(definitions.content)
    rules = rules_of(documents)
    found, entered = _reaches(program)
    nodes = {without_target(key): rule.node for rule in rules for key in rule.keys}
    advise_on_journeys(rules, entered, report)
    advise_on_actions(documents, found.values(), program.policy, report)
    advise_on_pace(nodes, entered.values(), program.policy, report)
    advise_on_rivals(nodes, entered.values(), program.policy, report)
    if seen is not None:
        advise_on_coverage(rules, entered, seen, report)
    return report.diagnostics()


def not_covered(definitions: DefinitionSet, seen: Seen) -> list[Diagnostic]:
    """Return the advice on what recorded events did not reach, by file and place."""
    report = Report()
    rules = rules_of(documents_of(definitions.content))
    advise_on_coverage(rules, _reaches(definitions.program)[1], seen, report)
    return report.diagnostics()


def _reaches(program: Program) -> tuple[dict[str, Reach], dict[str, Reach]]:
    """Return what journeys can reach: of those that are not retired, of those that are entered."""
    found = {
        name: reach(journey)
        for name, journey in program.journeys.items()
        if journey.status is not Status.RETIRED
    }
    return found, {name: one for name, one in found.items() if one.journey.status in RUNNING}


def advise_anew(before: DefinitionSet, after: DefinitionSet) -> list[Diagnostic]:
    """Return the advice on a set that the one before does not get, wherever it stands there."""
    known = {(one.code, one.message) for one in advise(before)}
    return [one for one in advise(after) if (one.code, one.message) not in known]
