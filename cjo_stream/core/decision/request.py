"""One decision: judge every requested candidate, choose, record; send, or let the request wait.

    act       the first channel that passes, in the order requested
    decide    the highest priority (`arbitration`)

Both use the same gates. Every decision is recorded, whether something is sent or not, unless the
topology switches such records off; then all else is as with them. If no candidate passes, and
quiet hours that delay were the first gate to stop some of them, the request waits (`waiting`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from cjo_stream.core import record
from cjo_stream.core.command.history import remember_command
from cjo_stream.core.command.window import open_window
from cjo_stream.core.decision.arbitration import Passed, choose, draw
from cjo_stream.core.decision.gate import PRIORITY, QUIET_HOURS, first_stop
from cjo_stream.core.decision.propensity import features_of, spread_of
from cjo_stream.core.decision.quiet import quiet_end
from cjo_stream.core.decision.situation import Situation
from cjo_stream.core.event import Event
from cjo_stream.core.expression import MISSING, Scope, evaluate_all
from cjo_stream.core.learning.thompson import Table
from cjo_stream.core.profile.identifier import address_of
from cjo_stream.core.program.action import Candidate, Propensity
from cjo_stream.core.program.journey import Act, Decide
from cjo_stream.core.record import JourneyRef, Suppressed, Trigger
from cjo_stream.core.state import Command, Customer, next_id
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import ActionClass, Then

_COUNTED_AS: Final[dict[Suppressed, str]] = {"shadow": "shadow", "holdout": "journey_holdout"}
"""The label of `cjo_suppressed_total`."""


class Request(msgspec.Struct):
    """A request of an instance in a state, with the values that its expressions may read.

    `asked` is the request as decision records show it.
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

    @property
    def is_act(self) -> bool:
        """Whether one action is asked for, not the best of several."""
        return "act" in self.asked


class _Judged(NamedTuple):
    """What the gates say of a request's candidates."""

    candidates: list[record.Candidate]
    """Those of the record; empty if there is none."""
    passed: list[Passed]
    delayed: dict[str, None]
    """The channels that wait for the end of quiet hours."""
    stopped: dict[str, int]
    """How many candidates each gate stopped."""


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
    """Return the candidates of a request, in the order in which they are judged."""
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


def is_recorded(asked: Mapping[str, Any], turn: Turn) -> bool:
    """Return whether a decision on a request leaves a record."""
    recording = turn.program.recording
    return recording.act if "act" in asked else recording.decide


def decide(
    customer: Customer,
    request: Request,
    scope: Scope,
    turn: Turn,
    may_wait: Callable[[], bool] = lambda: True,
) -> int | None:
    """Make one decision and record it; send the choice, unless the instance is suppressed.

    Returns when the request must be decided again, in ms; None if it is settled. `may_wait` is
    asked where quiet hours delay it; if it returns false, the request is dropped.
    """
    scope.event, scope.data, scope.key = request.event, request.data, request.key
    situation = Situation(customer, scope, turn)
    to_record = is_recorded(request.asked, turn)
    judged = _judge(request, situation, turn, to_record=to_record)
    decision_id = next_id(customer, "d")
    chosen, probability = _choose(request, judged.passed, decision_id, turn)
    suppressed = _suppressed(request, chosen, turn)
    waits = chosen is None and bool(judged.delayed)
    if waits and not may_wait():
        turn.count("cjo_state_bounds_total", "waiting")
        waits = False
    deferred_until = _earliest_end(situation, judged.delayed) if waits else None
    if to_record:
        choice = None if chosen is None else record.Choice(chosen.action.name, chosen.channel)
        turn.emit(
            record.Decision(
                decision_id=decision_id,
                customer_id=customer.id,
                time=turn.clock,
                trigger=request.trigger,
                request=request.asked,
                journey=request.journey,
                candidates=judged.candidates,
                chosen=choice,
                suppressed=suppressed,
                probability=probability,
                deferred_until=deferred_until,
                model_version=turn.model.number if turn.model is not None else None,
                predictions=dict(scope.predictions) or msgspec.UNSET,
            )
        )
    count_stopped(judged.stopped, turn)
    if suppressed is not None:
        turn.count("cjo_suppressed_total", _COUNTED_AS[suppressed])
    elif chosen is not None:
        scope.channel = chosen.channel
        _issue(customer, chosen, request, (decision_id, probability), scope, turn)
    scope.channel = MISSING
    return deferred_until


def _suppressed(request: Request, chosen: Candidate | None, turn: Turn) -> Suppressed | None:
    """Return why a choice is not sent, None if it is; the journey's status of now counts."""
    if chosen is None:
        return None
    if turn.program.is_shadow(request.journey.name, request.journey.version):
        return "shadow"
    is_held = request.holdout and chosen.action.class_ != ActionClass.TRANSACTIONAL
    return "holdout" if is_held else None


def count_stopped(stopped: Mapping[str, int], turn: Turn) -> None:
    """Count the stopped candidates by gate."""
    for gate, number in stopped.items():
        turn.count("cjo_suppressed_total", gate, by=number)


def _judge(request: Request, situation: Situation, turn: Turn, *, to_record: bool) -> _Judged:
    scope = situation.scope
    is_act = request.is_act
    judged, passed, delayed, stopped = found = _Judged([], [], {}, {})
    for place, candidate in enumerate(request.candidates):
        name, channel = candidate.action.name, candidate.channel
        scope.channel = channel
        stop = first_stop(situation, candidate, is_act=is_act)
        if stop is None:
            gate = rule = None
            _, _, v, _, priority = situation.factors
            spread = _spread(candidate, situation, turn)
            passed.append(Passed(place, priority or 0.0, v or 0.0, name, channel, *spread))
        else:
            gate, rule = stop[0], stop[1].rule
            stopped[gate] = stopped.get(gate, 0) + 1
            if gate == QUIET_HOURS and _is_delayed(situation, channel):
                delayed[channel] = None
        if to_record:
            one = record.Candidate(action=name, channel=channel, gate=gate, rule=rule)
            if gate is None or gate == PRIORITY:
                one.P, one.C, one.V, one.L, one.priority = situation.factors
            judged.append(one)
    return found


def _spread(candidate: Candidate, situation: Situation, turn: Turn) -> tuple[Table | None, float]:
    """Return, if the policy draws, a candidate's posterior and the product of other factors."""
    p, c, v, lever, _ = situation.factors
    if not turn.program.policy.thompson or p is None or c is None or v is None or lever is None:
        return None, 1.0
    return spread_of(candidate, p, situation.scope, turn, situation.known), c * v * lever


def _choose(
    request: Request, passed: Sequence[Passed], decision_id: str, turn: Turn
) -> tuple[Candidate | None, float | None]:
    if not passed:
        return None, None
    if request.is_act:
        return request.candidates[passed[0].place], 1.0
    policy = turn.program.policy
    if policy.thompson:
        chosen, probability = draw(passed, decision_id)
    else:
        chosen, probability = choose(passed, policy.explore, decision_id)
    return request.candidates[chosen.place], probability


def _is_delayed(situation: Situation, channel: str) -> bool:
    window = situation.quiet(channel)
    return window is not None and window.then is Then.DELAY


def _earliest_end(situation: Situation, channels: Iterable[str]) -> int | None:
    """Return the earliest end of quiet hours among these channels, or None without channels."""
    windows, clock = situation.policy.quiet, situation.turn.clock
    ends = (quiet_end(windows[channel], clock, situation.zone) for channel in channels)
    return min(ends, default=None)


def _issue(
    customer: Customer,
    chosen: Candidate,
    request: Request,
    decided: tuple[str, float | None],
    scope: Scope,
    turn: Turn,
) -> None:
    action, channel = chosen.action, chosen.channel
    decision_id, probability = decided
    assert chosen.address is not None, "the gate `address` stops a candidate without an address"
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
    learnt = chosen.propensity
    features = features_of(learnt, scope) if isinstance(learnt, Propensity) else None
    open_window(customer, command, features, probability, turn, anchor=request.anchor)
