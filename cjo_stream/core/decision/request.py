"""One decision: judge every candidate asked for, choose, record; send, or let the request wait.

    act       the first channel that passes, in the order asked
    decide    the highest priority (`arbitration`)

Both go through the same gates. Every decision leaves its record, sent or not. Where no candidate
is free and some are stopped by quiet hours alone that delay, the request waits (`waiting`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from cjo_stream.core import record
from cjo_stream.core.decision.arbitration import Passed, choose, weigh
from cjo_stream.core.decision.command import remember_command
from cjo_stream.core.decision.gate import PRIORITY, QUIET_HOURS, TRANSACTIONAL, first_stop
from cjo_stream.core.decision.quiet import quiet_end
from cjo_stream.core.decision.situation import Situation
from cjo_stream.core.event import Event
from cjo_stream.core.expression import MISSING, Scope, evaluate_all
from cjo_stream.core.identity.membership import address_of
from cjo_stream.core.program import Act, Candidate, Decide, Then
from cjo_stream.core.record import JourneyRef, Trigger
from cjo_stream.core.state import Command, Customer, next_id
from cjo_stream.core.turn import Turn


class Request(msgspec.Struct):
    """What asks: an instance in a state, with what its expressions may read.

    `asked` is the request as decision records show it. `may_wait` is false where too many wait
    already: what quiet hours would delay is then dropped.
    """

    asked: dict[str, Any]
    candidates: Sequence[Candidate]
    journey: JourneyRef
    trigger: Trigger
    event: Event | None
    data: dict[str, Any]
    key: Any
    holdout: bool
    anchor: str = ""
    may_wait: bool = True

    @property
    def is_act(self) -> bool:
        """Whether one action is asked for, not the best of several."""
        return "act" in self.asked


def asked_of(step: Act | Decide) -> dict[str, Any]:
    """Return a step's request as decision records show it; `candidates_of` reads it."""
    if isinstance(step, Act):
        return {"act": step.action, **({"channels": list(step.channels)} if step.channels else {})}
    narrowed = {
        "issue": step.issues,
        "group": step.groups,
        "actions": step.actions,
        "channels": step.channels,
    }
    return {"decide": {name: list(of) for name, of in narrowed.items() if of is not None}}


def candidates_of(
    portfolio: dict[str, tuple[Candidate, ...]], asked: dict[str, Any]
) -> tuple[Candidate, ...]:
    """Return the candidates that a request asks for, in the order in which they are judged."""
    if "act" in asked:
        treated = portfolio.get(asked["act"], ())
        channels = asked.get("channels")
        if channels is None:
            return treated
        by_channel = {candidate.channel: candidate for candidate in treated}
        return tuple(by_channel[name] for name in channels if name in by_channel)
    narrowed = asked["decide"]
    issues, groups = narrowed.get("issue"), narrowed.get("group")
    channels = narrowed.get("channels")
    actions: Iterable[str] = portfolio if narrowed.get("actions") is None else narrowed["actions"]
    return tuple(
        candidate
        for name in dict.fromkeys(actions)
        for candidate in portfolio.get(name, ())
        if (issues is None or candidate.action.issue in issues)
        and (groups is None or candidate.action.group in groups)
        and (channels is None or candidate.channel in channels)
    )


def decide(customer: Customer, request: Request, scope: Scope, turn: Turn) -> record.Decision:
    """Make one decision and record it; send what was chosen, unless the instance is held out.

    Where `deferred_until` of the record is set, the request is to be decided again then.
    """
    scope.event, scope.data, scope.key = request.event, request.data, request.key
    situation = Situation(customer, scope, turn)
    judged: list[record.Candidate] = []
    passed: list[Passed] = []
    quiet: dict[str, None] = {}
    for candidate in request.candidates:
        scope.channel = candidate.channel
        stop = first_stop(situation, candidate)
        if stop is None:
            judged.append(_weigh(candidate, request, scope, turn, len(judged), passed))
            continue
        gate, rule = stop
        if gate == QUIET_HOURS and request.may_wait and _is_delayed(situation, candidate):
            quiet[candidate.channel] = None
        judged.append(
            record.Candidate(
                action=candidate.action.name,
                channel=candidate.channel,
                gate=gate,
                rule=rule or None,
            )
        )
    decision_id = next_id(customer, "d")
    chosen, probability = _choose(request, passed, decision_id, turn)
    held = chosen is not None and request.holdout and chosen.action.class_ != TRANSACTIONAL
    decision = record.Decision(
        decision_id=decision_id,
        customer_id=customer.id,
        time=turn.clock,
        trigger=request.trigger,
        request=request.asked,
        journey=request.journey,
        candidates=judged,
        chosen=None if chosen is None else record.Choice(chosen.action.name, chosen.channel),
        suppressed="holdout" if held else None,
        probability=probability,
        deferred_until=None if chosen is not None else _earliest_end(situation, quiet, turn),
    )
    turn.emit(decision)
    count_stopped(judged, turn)
    if held:
        turn.count("cjo_suppressed_total", "journey_holdout")
    elif chosen is not None:
        scope.channel = chosen.channel
        _issue(customer, chosen, request, decision_id, scope, turn)
    scope.channel = MISSING
    return decision


def count_stopped(judged: Iterable[record.Candidate], turn: Turn) -> None:
    """Count the candidates that were held back, by gate."""
    stopped: dict[str, int] = {}
    for candidate in judged:
        if candidate.gate is not None:
            stopped[candidate.gate] = stopped.get(candidate.gate, 0) + 1
    for gate, number in stopped.items():
        turn.count("cjo_suppressed_total", gate, by=number)


def _weigh(
    candidate: Candidate,
    request: Request,
    scope: Scope,
    turn: Turn,
    place: int,
    passed: list[Passed],
) -> record.Candidate:
    """Return the record of a candidate that every gate but `priority` lets pass."""
    name, channel = candidate.action.name, candidate.channel
    if request.is_act:
        passed.append(Passed(place, 0.0, 0.0, name, channel))
        return record.Candidate(action=name, channel=channel, gate=None)
    factors = weigh(candidate, scope, turn)
    p, c, v, lever, priority = factors
    if priority is not None and v is not None:
        passed.append(Passed(place, priority, v, name, channel))
    return record.Candidate(
        action=name,
        channel=channel,
        gate=PRIORITY if priority is None else None,
        P=p,
        C=c,
        V=v,
        L=lever,
        priority=priority,
    )


def _choose(
    request: Request, passed: Sequence[Passed], decision_id: str, turn: Turn
) -> tuple[Candidate | None, float | None]:
    if not passed:
        return None, None
    if request.is_act:
        return request.candidates[passed[0].place], 1.0
    chosen, probability = choose(passed, turn.program.policy.explore, decision_id)
    return request.candidates[chosen.place], probability


def _is_delayed(situation: Situation, candidate: Candidate) -> bool:
    window = situation.quiet(candidate.channel)
    return window is not None and window.then is Then.DELAY


def _earliest_end(situation: Situation, channels: Iterable[str], turn: Turn) -> int | None:
    """Return when the first of these channels is quiet no more; None where there is none."""
    windows = situation.policy.quiet
    ends = (quiet_end(windows[channel], turn.clock, situation.zone) for channel in channels)
    return min(ends, default=None)


def _issue(
    customer: Customer,
    chosen: Candidate,
    request: Request,
    decision_id: str,
    scope: Scope,
    turn: Turn,
) -> None:
    action, channel = chosen.action, chosen.channel
    assert chosen.address is not None, "a candidate without an address is stopped before"
    treatment = action.treatments[channel]
    command = record.Action(
        action_id=next_id(customer, "a"),
        customer_id=customer.id,
        topology=turn.program.topology,
        action=action.name,
        issue=action.issue,
        group=action.group,
        class_=action.class_,
        channel=channel,
        template=treatment.template,
        payload=evaluate_all(treatment.payload, scope),
        address=address_of(customer, chosen.address),
        issued_at=turn.clock,
        expires_at=turn.clock + action.expires_ms,
        decision_id=decision_id,
        journey=request.journey,
    )
    turn.emit(command)
    turn.count("cjo_actions_total", channel, action.name)
    remember_command(
        customer,
        Command(
            id=command.action_id,
            action=action.name,
            channel=channel,
            issue=action.issue,
            group=action.group,
            class_=action.class_,
            at=turn.clock,
            anchor=request.anchor,
        ),
        turn,
    )
