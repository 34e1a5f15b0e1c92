"""The groups of each holdout, from decision, transition and identity records.

A customer enters a journey's comparison with the first decision in it that chose something. The
choice was sent to treated customers, and recorded as `suppressed: holdout` for held-out ones:
before it both groups were treated alike. A goal of that journey counts from that decision on.

The groups of the universal holdout follow from the gate `holdout`, the first of all: an action
that was ever stopped there is marketing; a customer for whom such an action was judged is held out
if it was stopped there, and else treated, whatever the later gates did. A goal of any journey
counts from the first such decision on.

Customers are the present ones (`whose`), and erased ones are left out. One who was in both groups
of a comparison (held out on one side of a merge, treated on the other) is *mixed*, and left out,
but counted by the group of the first decision: if merges take more of one group, one sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from cjo_stream.core.record import Decision, IdentityChange, Transition
from cjo_stream.insight.estimate import Estimate
from cjo_stream.insight.lift import (
    SIZES_MIN,
    Difference,
    Group,
    Mixed,
    chance_of_sizes,
    compare_rates,
    compare_values,
    gained,
)
from cjo_stream.insight.whose import Place, Whose

_Customer = Callable[[Place], str | None]


class Lift(msgspec.Struct, frozen=True):
    """One holdout's comparison. `journey` None: the universal holdout."""

    journey: str | None
    treated: Group
    held_out: Group
    mixed: Mixed
    rate: Difference | None
    value: Difference | None
    goals_gained: Estimate | None
    """Treated customers who reached the goal because they were treated."""
    value_gained: Estimate | None
    """What all treated customers have because they were treated."""
    share: float | None
    """The share held out, if it is known."""
    chance: float | None
    """The chance of groups of such sizes; below SIZES_MIN nothing is compared."""

    @property
    def is_withheld(self) -> bool:
        """Whether the sizes of the groups are not those of a holdout of that share."""
        return self.chance is not None and self.chance < SIZES_MIN


class _Entry(msgspec.Struct):
    """When a customer entered a comparison, and in which group."""

    at: int
    treated: bool = False
    held_out: bool = False
    began_held_out: bool = False
    """Whether the entry itself was in the group held out."""

    @property
    def is_mixed(self) -> bool:
        """Whether the customer was in both groups."""
        return self.treated and self.held_out

    def join(self, other: _Entry) -> None:
        """Add another entry of the same customer."""
        if (other.at, not other.began_held_out) < (self.at, not self.began_held_out):
            self.at, self.began_held_out = other.at, other.began_held_out
        self.treated |= other.treated
        self.held_out |= other.held_out


class Cohorts:
    """Collects records of one installation, in any order, then compares the groups."""

    def __init__(self) -> None:
        self._whose = Whose()
        self._kinds: dict[str, set[bool]] = {}
        """Instance -> the values of `holdout` in its transitions."""
        self._holding: set[str] = set()
        """Journeys with a transition of a held-out customer."""
        self._goals: dict[str, dict[Place, int]] = {}
        """Journey -> customer and instance -> time of the latest goal."""
        self._chosen: dict[str, dict[Place, _Entry]] = {}
        """Journey -> customer and instance -> first choice."""
        self._asked: dict[str, dict[Place, _Entry]] = {}
        """Action -> customer and instance -> first decision that judged it."""
        self._marketing: set[str] = set()

    def add(self, record: Decision | Transition | IdentityChange) -> None:
        """Add a record."""
        if isinstance(record, Decision):
            self._add_decision(record)
        elif isinstance(record, Transition):
            self._add_transition(record)
        else:
            self._whose.add(record)

    def compare(
        self,
        values: Mapping[str, float] | None = None,
        shares: Mapping[str | None, float] | None = None,
    ) -> list[Lift]:
        """Return a lift for each holdout, the universal first, then by journey.

        `values`: customer id -> the customer's value; without them values are not compared.
        `shares`: journey -> the share that it holds out, by which the sizes of groups are tested;
        None is the universal holdout.
        """
        shares = shares or {}
        found = []
        customer = self._whose.find()
        if self._marketing:
            goals = self._latest_goals(self._goals, customer)
            found.append(
                _lift(None, self._people_asked(customer), goals, values, shares.get(None))
            )
        for journey in sorted(self._chosen):
            people = self._people_in(journey, customer)
            if any(entry.held_out for entry in people.values()):
                goals = self._latest_goals([journey], customer)
                found.append(_lift(journey, people, goals, values, shares.get(journey)))
        return found

    def held_out_journeys(self) -> list[str]:
        """Return the journeys that hold somebody out, even if nothing was chosen yet."""
        return sorted(self._holding)

    # --- records

    def _add_decision(self, decision: Decision) -> None:
        at, journey = decision.time, decision.journey
        place = decision.customer_id, None if journey is None else journey.instance_id
        for candidate in decision.candidates:
            held = candidate.gate == "holdout"
            if held:
                self._marketing.add(candidate.action)
            asked = self._asked.setdefault(candidate.action, {})
            _enter(asked, place, _Entry(at, not held, held, held))
        if journey is None or decision.chosen is None or decision.suppressed == "shadow":
            return
        held = decision.suppressed == "holdout"
        chosen = self._chosen.setdefault(journey.name, {})
        _enter(chosen, place, _Entry(at, False, held, held))

    def _add_transition(self, transition: Transition) -> None:
        customer, instance = transition.customer_id, transition.instance_id
        time = transition.time
        self._whose.add(transition)
        if instance is not None:
            self._kinds.setdefault(instance, set()).add(transition.holdout)
        if transition.holdout:
            self._holding.add(transition.journey)
        if transition.reason == "goal":
            goals = self._goals.setdefault(transition.journey, {})
            goals[customer, instance] = max(time, goals.get((customer, instance), time))

    # --- people

    def _people_in(self, journey: str, customer: _Customer) -> dict[str, _Entry]:
        people: dict[str, _Entry] = {}
        for place, entry in self._chosen[journey].items():
            kinds = self._kinds.get(place[1] or "", set()) | ({True} if entry.held_out else set())
            kind = _Entry(entry.at, False in kinds or not kinds, True in kinds)
            kind.began_held_out = entry.began_held_out if kind.is_mixed else kind.held_out
            if (whose := customer(place)) is not None:
                _enter(people, whose, kind)
        return people

    def _people_asked(self, customer: _Customer) -> dict[str, _Entry]:
        people: dict[str, _Entry] = {}
        for action in sorted(self._marketing):
            for place, entry in self._asked[action].items():
                if (whose := customer(place)) is not None:
                    _enter(people, whose, msgspec.structs.replace(entry))
        return people

    def _latest_goals(self, journeys: Iterable[str], customer: _Customer) -> dict[str, int]:
        latest: dict[str, int] = {}
        for journey in journeys:
            for place, at in self._goals.get(journey, {}).items():
                if (whose := customer(place)) is not None:
                    latest[whose] = max(at, latest.get(whose, at))
        return latest


_Key = TypeVar("_Key")


def _enter(entries: dict[_Key, _Entry], key: _Key, entry: _Entry) -> None:
    there = entries.get(key)
    if there is None:
        entries[key] = entry
    else:
        there.join(entry)


def _lift(
    journey: str | None,
    people: Mapping[str, _Entry],
    goals: Mapping[str, int],
    values: Mapping[str, float] | None,
    share: float | None,
) -> Lift:
    treated, held_out = Group(), Group()
    mixed = Mixed()
    for customer, entry in people.items():
        if entry.is_mixed:
            mixed.held_out += entry.began_held_out
            mixed.treated += not entry.began_held_out
            continue
        goal = customer in goals and goals[customer] >= entry.at
        value = values.get(customer, 0.0) if values is not None else 0.0
        (held_out if entry.held_out else treated).add(goal=goal, value=value)
    chance = chance_of_sizes(treated, held_out, share) if share else None
    rate = compare_rates(treated, held_out)
    difference = compare_values(treated, held_out) if values is not None else None
    if chance is not None and chance < SIZES_MIN:
        rate = difference = None
    return Lift(
        journey=journey,
        treated=treated,
        held_out=held_out,
        mixed=mixed,
        rate=rate,
        value=difference,
        goals_gained=gained(rate, treated) if rate is not None else None,
        value_gained=gained(difference, treated) if difference is not None else None,
        share=share,
        chance=chance,
    )
