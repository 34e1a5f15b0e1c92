"""`records` of a topology to a Recording; what would then be lost is checked against the rest."""

from __future__ import annotations

from collections.abc import Iterable

from cjo_stream.core.program.action import Action, Propensity
from cjo_stream.core.program.journey import Journey
from cjo_stream.core.program.policy import Policy
from cjo_stream.core.program.recording import Recording
from cjo_stream.core.word import Status, Switch
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields
from cjo_stream.definition.text.report import Report, quoted


def build_recording(topology: Fields) -> Recording:
    """Return which kinds of records are made."""
    fields: Fields | None = topology.value("records")
    if fields is None:
        return Recording()
    word = {kind: fields.value(kind, Switch.ON) for kind in fields.read}
    decision = word.pop("decision", Switch.ON)
    return Recording(
        act=decision == Switch.ON,
        decide=decision != Switch.OFF,
        **{kind: one == Switch.ON for kind, one in word.items()},
    )


def check_recording(
    topology: Fields,
    actions: Iterable[Action],
    journeys: Iterable[Journey],
    policy: Policy,
    report: Report,
) -> None:
    """Refuse to switch off what the engine learns from; warn where a figure loses its records."""
    fields: Fields | None = topology.value("records")
    if fields is None:
        return
    recording = build_recording(topology)
    if not recording.reward and (learning := _learning(actions)):
        message = (
            f"the propensity of action {quoted(learning)} learns from rewards: leave them on, or "
            "let it be a number or an expression"
        )
        report.error(fields.where("reward"), Code.TOGETHER, message)
    named = [one for one in journeys if one.status is not Status.RETIRED]
    held = next((f"journey {quoted(one.name)}" for one in named if one.holdout), None)
    held = held or ("the policy" if policy.holdout else None)
    for kind, is_on in (("transition", recording.transition), ("decision", recording.decide)):
        if held is not None and not is_on:
            message = f"{held} has a holdout, and without these records its lift is not known"
            report.warn(fields.where(kind), Code.NOT_RECORDED, message)
    shadow = next((one for one in named if one.status is Status.SHADOW), None)
    if shadow is not None and not recording.act:
        message = (
            f"journey {quoted(shadow.name)} runs in shadow: what it would send stands in these "
            "records alone"
        )
        report.warn(fields.where("decision"), Code.NOT_RECORDED, message)
    if (policy.explore or policy.thompson) and not (recording.decide and recording.reward):
        kind = "reward" if recording.decide else "decision"
        message = "the policy explores, and without these records other policies are not estimated"
        report.warn(fields.where(kind), Code.NOT_RECORDED, message)


def _learning(actions: Iterable[Action]) -> str | None:
    """Return the name of an action whose propensity learns."""
    for action in actions:
        learnt = [action.propensity, *(one.propensity for one in action.treatments.values())]
        if any(isinstance(one, Propensity) for one in learnt):
            return action.name
    return None
