"""The cases of an evaluation: one for each logged choice.

For the engine's records, the model of rewards is P x V of each candidate, as the decision computed
it. For rows of another log it is each action's mean reward over the other rows, shrunk towards the
mean of all rows by the weight of one row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from cjo_stream.core.record import Candidate, Decision, Reward
from cjo_stream.insight.estimate import Case
from cjo_stream.insight.policy import Policy, passed, treatment

UNIFORM: Final = None


class Cases(msgspec.Struct, frozen=True):
    """The cases, and the number of choices left out because their reward windows are open."""

    cases: list[Case]
    pending: int


class Row(msgspec.Struct, frozen=True):
    """One choice of any log."""

    action: str
    reward: float
    probability: float


def cases_of_decisions(
    decisions: Iterable[Decision], rewards: Iterable[Reward], policy: Policy, window_ms: int
) -> Cases:
    """Return a case for each `decide` whose choice was sent and whose reward window has closed.

    The present is the time of the latest record. The reward of an acceptance is the worth that its
    outcome states, else V of the decision; a choice without a reward record earned nothing.
    """
    end = 0
    accepted: dict[str, float | None] = {}
    for reward in rewards:
        end = max(end, reward.time)
        if reward.reward:
            accepted[reward.decision_id] = reward.value
    # Of a decision only its case is kept: it may have thousands of candidates.
    sent = []
    for decision in decisions:
        end = max(end, decision.time)
        if _is_sent_choice(decision):
            sent.append((decision.time, _case(decision, accepted, policy)))
    closed = [case for time, case in sent if time + window_ms <= end]
    return Cases(closed, len(sent) - len(closed))


def _is_sent_choice(decision: Decision) -> bool:
    return (
        "decide" in decision.request
        and decision.chosen is not None
        and decision.suppressed is None
        and bool(decision.probability)
    )


def _case(decision: Decision, accepted: dict[str, float | None], policy: Policy) -> Case:
    assert decision.chosen is not None
    assert decision.probability is not None
    chosen = (decision.chosen.action, decision.chosen.channel)
    candidates = {treatment(candidate): candidate for candidate in passed(decision)}
    wanted = policy(decision)
    reward = 0.0
    if decision.decision_id in accepted:
        value = accepted[decision.decision_id]
        reward = value if value is not None else _factor(candidates[chosen].V)
    return Case(
        reward=reward,
        logged=decision.probability,
        wanted=wanted.get(chosen, 0.0),
        expected=math.fsum(by * _believed(candidates[t]) for t, by in wanted.items()),
        believed=_believed(candidates[chosen]),
    )


def _believed(candidate: Candidate) -> float:
    return _factor(candidate.P) * _factor(candidate.V)


def _factor(number: float | None) -> float:
    return 1.0 if number is None else number


def cases_of_rows(rows: Sequence[Row], action: str | None = UNIFORM) -> list[Case]:
    """Return the cases of a policy that always takes `action`; UNIFORM: any action of the log.

    The candidates of each row are all actions in the log.
    """
    rewards: dict[str, float] = {}
    numbers: dict[str, int] = {}
    for row in rows:
        rewards[row.action] = rewards.get(row.action, 0.0) + row.reward
        numbers[row.action] = numbers.get(row.action, 0) + 1
    mean = math.fsum(row.reward for row in rows) / len(rows) if rows else 0.0
    means = {a: (rewards[a] + mean) / (numbers[a] + 1) for a in rewards}
    total = math.fsum(means.values())
    cases = []
    for row in rows:
        own = row.action
        without = (rewards[own] - row.reward + mean) / numbers[own]
        if action is UNIFORM:
            wanted = 1.0 / len(means)
            expected = (total - means[own] + without) / len(means)
        else:
            wanted = 1.0 if own == action else 0.0
            expected = without if own == action else means.get(action, 0.0)
        cases.append(Case(row.reward, row.probability, wanted, expected, without))
    return cases
