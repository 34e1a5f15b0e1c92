"""Values shared by all candidates of one decision, each computed once, when first needed.

A portfolio has thousands of candidates, but few channels, classes, caps and limits.
"""

from __future__ import annotations

from collections.abc import Sequence

from cjo_stream.core.command.cap import is_full
from cjo_stream.core.command.limit import is_paused
from cjo_stream.core.decision.arbitration import UNWEIGHED, Factors
from cjo_stream.core.decision.holdout import UNIVERSAL, is_held_out
from cjo_stream.core.decision.propensity import Known
from cjo_stream.core.decision.quiet import quiet_at
from cjo_stream.core.expression import Expression, Scope
from cjo_stream.core.expression.zone import local
from cjo_stream.core.profile.case import open_cases
from cjo_stream.core.profile.consent import consent_stop
from cjo_stream.core.profile.identifier import address_of
from cjo_stream.core.profile.view import View
from cjo_stream.core.program.action import Action
from cjo_stream.core.program.policy import Policy, QuietWindow
from cjo_stream.core.state import Command, Customer
from cjo_stream.core.turn import Turn

_NO_COMMANDS: tuple[Command, ...] = ()


class Situation:
    """One customer at one instant; `scope` has the request's event, data and key."""

    __slots__ = (
        "_by_action",
        "_caps",
        "_consents",
        "_has_case",
        "_is_held_out",
        "_own_limits",
        "_policy_limits",
        "_quiet",
        "_reached",
        "_zone",
        "conditions",
        "customer",
        "factors",
        "known",
        "policy",
        "scope",
        "turn",
    )

    def __init__(self, customer: Customer, scope: Scope, turn: Turn) -> None:
        self.customer = customer
        self.policy: Policy = turn.program.policy
        self.scope = scope
        self.turn = turn
        self.conditions: dict[Expression, bool] = {}
        """Results of conditions that do not read the candidate's channel."""
        self.factors: Factors = UNWEIGHED
        """The factors of the candidate that reached the gate `priority` last."""
        self.known = Known()
        self._zone: str | None = None
        self._is_held_out: bool | None = None
        self._has_case: bool | None = None
        self._reached: dict[str, bool] = {}
        self._consents: dict[tuple[str, str], str | None] = {}
        self._caps: dict[int, bool] = {}
        self._policy_limits: dict[int, bool] = {}
        self._own_limits: dict[str, str | None] = {}
        self._quiet: dict[str, QuietWindow | None] = {}
        self._by_action: dict[str, list[Command]] | None = None

    @property
    def zone(self) -> str:
        """The customer's time zone: an IANA name."""
        if self._zone is None:
            self._zone = View(self.customer, self.turn.program, self.turn.clock).zone
        return self._zone

    def is_held_out(self) -> bool:
        """Return whether the customer is in the universal holdout."""
        if self._is_held_out is None:
            self._is_held_out = is_held_out(self.customer, UNIVERSAL, self.policy.holdout)
        return self._is_held_out

    def has_case(self) -> bool:
        """Return whether a service case is open."""
        if self._has_case is None:
            era = self.turn.program.cases_era
            self._has_case = open_cases(self.customer, era) > 0
        return self._has_case

    def is_reached(self, address_type: str) -> bool:
        """Return whether the customer has an address of a type."""
        found = self._reached.get(address_type)
        if found is None:
            found = self._reached[address_type] = (
                address_of(self.customer, address_type) is not None
            )
        return found

    def consent_stop(self, class_: str, channel: str) -> str | None:
        """Return the customer's statement that stops a class on a channel, or None."""
        pair = (class_, channel)
        if pair not in self._consents:
            asked = self.policy.consent
            self._consents[pair] = consent_stop(self.customer, asked, class_, channel)
        return self._consents[pair]

    def is_cap_full(self, place: int) -> bool:
        """Return whether a cap of the policy has no room."""
        found = self._caps.get(place)
        if found is None:
            found = self._caps[place] = is_full(
                self.policy.caps[place],
                self.customer.commands,
                self.turn.clock,
                self.zone,
                self.policy.week_starts,
            )
        return found

    def is_limit_paused(self, place: int) -> bool:
        """Return whether a limit of the policy pauses what it covers."""
        found = self._policy_limits.get(place)
        if found is None:
            limit, commands = self.policy.limits[place], self.customer.commands
            found = self._policy_limits[place] = is_paused(limit, commands, self.turn.clock)
        return found

    def own_pause(self, action: Action) -> str | None:
        """Return the rule of an action's own limits that pauses it, or None."""
        if action.name in self._own_limits:
            return self._own_limits[action.name]
        commands = self._commands_of(action.name)
        rule = None
        if commands:
            now = self.turn.clock
            paused = (one.rule for one in action.limits if is_paused(one, commands, now))
            rule = next(paused, None)
        self._own_limits[action.name] = rule
        return rule

    def quiet(self, channel: str) -> QuietWindow | None:
        """Return the quiet window of a channel at this instant, or None."""
        if channel in self._quiet:
            return self._quiet[channel]
        windows = self.policy.quiet.get(channel)
        window = None
        if windows:
            here = local(self.turn.clock, self.zone)
            assert here is not None, "the stream clock lies in the calendar"
            window = quiet_at(windows, here)
        self._quiet[channel] = window
        return window

    def _commands_of(self, action: str) -> Sequence[Command]:
        by_action = self._by_action
        if by_action is None:
            by_action = self._by_action = {}
            for command in self.customer.commands:
                by_action.setdefault(command.action, []).append(command)
        return by_action.get(action, _NO_COMMANDS)
