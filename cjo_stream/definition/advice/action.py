"""Advice on actions: those that nobody asks for, and those that no gates let pass."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from cjo_stream.core.program.action import Candidate
from cjo_stream.core.program.journey import Act, Decide
from cjo_stream.core.program.policy import Policy
from cjo_stream.core.word import ActionClass
from cjo_stream.definition.advice.condition import can_hold, one_of
from cjo_stream.definition.advice.reach import Reach
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields
from cjo_stream.definition.section import Definition
from cjo_stream.definition.text.report import Report, quoted

_GATES: Final = ("eligible", "applicable", "suitable")

Treatment = tuple[str, str]
"""An action, and a channel."""


def asked(found: Iterable[Reach]) -> dict[Treatment, Candidate]:
    """Return the candidates that some request may judge, by action and channel."""
    return {
        (candidate.action.name, candidate.channel): candidate
        for one in found
        for step in one.steps()
        if isinstance(step, Act | Decide)
        for candidate in step.candidates
    }


def stopped(candidates: Mapping[Treatment, Candidate], policy: Policy) -> dict[Treatment, str]:
    """Return the candidates that never pass all gates, each with the reason."""
    found = {key: _why_stopped(one, policy) for key, one in candidates.items()}
    return {key: why for key, why in found.items() if why is not None}


def advise_on_actions(
    definitions: Iterable[Definition], found: Collection[Reach], policy: Policy, report: Report
) -> None:
    """Report the actions that nobody asks for, and those that no gates let pass."""
    candidates = asked(found)
    never = stopped(candidates, policy)
    for one in definitions:
        if one.kind != "action" or one.fields is None:
            continue
        mine = [channel for action, channel in candidates if action == one.name]
        out = {
            channel: never[one.name, channel] for channel in mine if (one.name, channel) in never
        }
        head = one.fields.read["action"].node
        if not mine:
            message = (
                f"nobody asks for action {quoted(one.name)}: no journey that runs requests it, "
                "and a draft does not run"
            )
            report.advise(head, Code.NOT_ASKED, f"{message}; ask for it, or remove it")
        elif len(out) == len(mine):
            reasons = "; ".join(dict.fromkeys(out.values()))
            message = f"no customer can get action {quoted(one.name)}: {reasons}"
            report.advise(head, Code.NEVER_SENT, f"{message}; change that, or remove the action")
        else:
            for pair in one.fields.items("treatments"):
                if why := out.get(pair.key.value):
                    message = f"no customer can get this on channel {quoted(pair.key.value)}"
                    report.advise(pair.key.node, Code.NEVER_SENT, f"{message}: {why}")
        _advise_on_weights(one.fields, candidates, one.name, report)


def _why_stopped(candidate: Candidate, policy: Policy) -> str | None:
    action = candidate.action
    if action.class_ is ActionClass.MARKETING and policy.holdout >= 1:
        return "the policy's holdout is everybody"
    given = [one_of("candidate.channel", [candidate.channel])]
    conditions = {name: getattr(action, name) for name in _GATES}
    for name, condition in conditions.items():
        if not can_hold([condition], given):
            return f"{quoted(name)} can never be true"
    if not can_hold(conditions.values(), given):
        names = " and ".join(quoted(name) for name, one in conditions.items() if one is not None)
        return f"{names} can never be true together"
    if candidate.address is None:
        return f"channel {quoted(candidate.channel)} has no address"
    full = [policy.caps[place].rule for place in candidate.caps if not policy.caps[place].most]
    return f"cap {quoted(full[0])} lets nothing pass" if full else None


def _advise_on_weights(
    fields: Fields, candidates: Mapping[Treatment, Candidate], name: str, report: Report
) -> None:
    """Report the weights of an action that never count."""
    action = next((one.action for (of, _), one in candidates.items() if of == name), None)
    if action is None:
        return
    for item, weight in zip(fields.items("context"), action.context, strict=True):
        if not can_hold([weight.when]):
            message = "this condition can never be true, so the weight never counts: change it"
            report.advise(item.value.nodes["when"], Code.NEVER_TRUE, message)
