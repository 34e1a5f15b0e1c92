"""A decision record in words: the result of each candidate, with its reason."""

from __future__ import annotations

from typing import Any

from cjo_stream.core.record import Candidate, Decision, Trigger
from cjo_stream.core.text import moment_text


def explain(decision: Decision, since_ms: int | None = None) -> list[str]:
    """Return the record as lines of text, times in UTC.

    Candidates that passed come first, by descending priority, the choice before its equals; those
    that were stopped follow in the order in which they were judged. `>` marks the choice.
    `since_ms` is the time of the first decision by the same model, if it is known.
    """
    return [
        f"{moment_text(decision.time)}  {_asked(decision.request)}",
        f"  {_asking(decision)}",
        *_predictions(decision, since_ms),
        *_candidates(decision),
        f"  {_end(decision)}",
    ]


def _asked(request: dict[str, Any]) -> str:
    if "act" in request:
        channels = request.get("channels")
        where = f", on {', '.join(channels)}" if channels else ""
        return f"act {request['act']}{where}"
    narrowed = request.get("decide", {})
    if not narrowed:
        return "decide over the whole portfolio"
    return "decide over " + ", ".join(f"{name} {'|'.join(of)}" for name, of in narrowed.items())


def _asking(decision: Decision) -> str:
    journey = decision.journey
    who = ""
    if journey is not None:
        state = "" if journey.state is None else f" in state {journey.state}"
        who = f"journey {journey.name} v{journey.version}{state}, "
    return f"{who}{_cause(decision.trigger)}  [{decision.decision_id}]"


def _predictions(decision: Decision, since_ms: int | None) -> list[str]:
    if not decision.predictions:
        return []
    read = ", ".join(f"predict.{name} {value:.6g}" for name, value in decision.predictions.items())
    if decision.model_version is None:
        return [f"  read {read}, by the prior: there was no model yet"]
    since = "" if since_ms is None else f", first used at {moment_text(since_ms)}"
    return [f"  read {read}, by model {decision.model_version}{since}"]


def _cause(trigger: Trigger) -> str:
    if trigger.kind == "timer":
        return "at a due time"
    by = f" {trigger.id}" if trigger.id and trigger.kind == "event" else ""
    return f"at {'raised ' if trigger.kind == 'raised' else ''}event {trigger.type}{by}"


def _candidates(decision: Decision) -> list[str]:
    passed = [one for one in decision.candidates if one.gate is None]
    passed.sort(key=lambda one: (-(one.priority or 0.0), not _is_choice(one, decision)))
    rows = [*passed, *(one for one in decision.candidates if one.gate is not None)]
    width = max((len(_name(one)) for one in rows), default=0)
    return [
        f"  {'>' if _is_choice(one, decision) else ' '} {_name(one):{width}}  {_fate(one)}"
        for one in rows
    ]


def _is_choice(candidate: Candidate, decision: Decision) -> bool:
    chosen = decision.chosen
    return chosen is not None and (candidate.action, candidate.channel) == (
        chosen.action,
        chosen.channel,
    )


def _name(candidate: Candidate) -> str:
    return f"{candidate.action}/{candidate.channel}"


def _fate(candidate: Candidate) -> str:
    """Return a candidate's result: its priority, or the gate and rule that stopped it."""
    factors = " x ".join(
        f"{name} {_number(value)}"
        for name, value in (
            ("P", candidate.P),
            ("C", candidate.C),
            ("V", candidate.V),
            ("L", candidate.L),
        )
    )
    if candidate.gate is None:
        is_weighed = candidate.priority is not None
        return f"passed: {factors} = {_number(candidate.priority)}" if is_weighed else "passed"
    if candidate.gate == "priority":
        return f"stopped at priority: {factors}"
    rule = f" ({candidate.rule})" if candidate.rule else ""
    return f"stopped at {candidate.gate}{rule}"


def _number(value: float | None) -> str:
    return "missing" if value is None else f"{value:.6g}"


def _end(decision: Decision) -> str:
    chosen = decision.chosen
    if chosen is None:
        if decision.deferred_until is not None:
            return f"nothing sent: the request waits until {moment_text(decision.deferred_until)}"
        if decision.candidates and all(one.gate == "ended" for one in decision.candidates):
            return "nothing sent: the request was dropped while it waited"
        return "nothing sent: no candidate passed"
    odds = "" if decision.probability is None else f", probability {decision.probability:.4g}"
    if decision.suppressed is None:
        return f"sent {chosen.action} on {chosen.channel}{odds}"
    held = f"held back: {decision.suppressed}"
    return f"chosen {chosen.action} on {chosen.channel}{odds}, {held}"
