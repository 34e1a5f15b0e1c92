"""A customer as expressions read it."""

from __future__ import annotations

from typing import Any

from cjo_stream.core.expression import MISSING, Scope
from cjo_stream.core.expression.zone import zone
from cjo_stream.core.learning.weight import ModelInForce
from cjo_stream.core.prediction.value import features_now, probability
from cjo_stream.core.profile.case import last_closed, open_cases
from cjo_stream.core.profile.consent import EVERY_CHANNEL, consented
from cjo_stream.core.profile.fact import read_fact
from cjo_stream.core.profile.trait import read
from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Customer


class View:
    """The profile at `now`; implements core.expression.ProfileView."""

    __slots__ = ("_customer", "_model", "_now", "_program")

    def __init__(
        self, customer: Customer, program: Program, now: int, model: ModelInForce | None = None
    ) -> None:
        self._customer = customer
        self._program = program
        self._now = now
        self._model = model

    @property
    def zone(self) -> str:
        """IANA name: the customer's `timezone` fact if that names a zone, else the topology's."""
        fact = self._program.facts.get("timezone")
        name = read_fact(self._customer, fact) if fact is not None else None
        if type(name) is str and zone(name) is not None:
            return name
        return self._program.timezone

    def get(self, name: str) -> Any:
        """Return a fact, a trait or a built-in, or MISSING."""
        fact = self._program.facts.get(name)
        if fact is not None:
            return read_fact(self._customer, fact)
        trait = self._program.traits.get(name)
        if trait is not None:
            return read(self._customer, trait, self._now)
        value = self._built_in(name)
        return MISSING if value is None else value

    def identifiers(self, type_: str) -> list[str]:
        """Return the customer's values of one identifier type, sorted."""
        return sorted(m.value for m in self._customer.members.values() if m.type == type_)

    def predicted(self, name: str, scope: Scope, /) -> float:
        """Return the probability of a prediction by the model in force; `scope` asks for it."""
        rule = self._program.predictions[name]
        asking = scope.expression
        present = features_now(rule, scope)
        scope.expression = asking
        found = scope.predictions[name] = probability(rule, present, self._model)
        return found

    def consented(self, purpose: str, channel: str) -> bool | None:
        """Return whether the consent gate would let the purpose pass; None: no such channel."""
        if channel not in self._program.channels and channel not in EVERY_CHANNEL:
            return None
        return consented(self._customer, self._program.policy.consent, purpose, channel)

    def _built_in(self, name: str) -> Any:
        customer, era = self._customer, self._program.cases_era
        if name == "open_cases":
            return open_cases(customer, era)
        if name == "last_case_closed":
            return last_closed(customer, era)
        if name in ("id", "first_seen", "last_seen", "last_channel"):
            return getattr(customer, name)
        return None
