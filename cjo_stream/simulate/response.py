"""The hidden model of people's responses to commands; the engine sees only their answers.

    chance of acceptance = accept x taste x channel x patience ^ (commands in the last 7 days)

`accept` is the chance among people who like the action; others accept it seldom. Each person has a
favourite channel, and answers less on the others. The more a person is sent, the less they answer.
The chance depends on nothing else, so the worth of any choice can be computed exactly afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

ELSEWHERE = 0.08
"""Factor for people who do not like the action."""
AWAY = 0.5
"""Factor of a channel that is not the person's favourite."""
FATIGUE_MS = 7 * 86_400_000
CHANCE_MAX = 0.7


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """People's preference for one action.

    `accept`: the highest chance, 0..1. `brings`: the least and the highest worth of an acceptance;
    None if it is the `total` in the command's payload. `tastes`: the tastes of people who like it;
    empty: everybody does.
    """

    accept: float
    brings: tuple[float, float] | None = (0.0, 0.0)
    tastes: frozenset[str] = frozenset()

    @property
    def mean_worth(self) -> float:
        """The mean worth of an acceptance; 0 if it is in the payload."""
        return sum(self.brings) / 2 if self.brings else 0.0


class Character(msgspec.Struct, frozen=True):
    """A person's traits on which answers depend: taste, favourite channel, patience 0..1."""

    name: str
    taste: str
    channel: str
    patience: float


UNMOVING = Preference(accept=0.0)
"""For actions that nobody can accept: a confirmation, a notice."""


class Response(msgspec.Struct, frozen=True):
    """The hidden model of one population.

    `character` of a person by index; `preferences` by action; `reach`: by channel, the chance that
    a command is seen at all.
    """

    character: Callable[[int], Character]
    preferences: Mapping[str, Preference]
    reach: Mapping[str, float]

    def preference(self, action: str) -> Preference:
        """Return an action's preference."""
        return self.preferences.get(action, UNMOVING)

    def chance(self, person: int, action: str, channel: str, sent: int) -> float:
        """Return the chance, 0..1, that `person` accepts; `sent`: commands in the last 7 days.

        >>> ann = Character("ann", "shoes", "push", 0.5)
        >>> model = Response(lambda _: ann, {"sneakers": Preference(accept=0.4)}, {"push": 1.0})
        >>> model.chance(0, "sneakers", "push", 0), model.chance(0, "sneakers", "push", 2)
        (0.4, 0.1)
        """
        preference = self.preference(action)
        if not preference.accept:
            return 0.0
        who = self.character(person)
        chance = preference.accept
        if preference.tastes and who.taste not in preference.tastes:
            chance *= ELSEWHERE
        if channel != who.channel:
            chance *= AWAY
        for _ in range(min(sent, 20)):
            chance *= who.patience
        return min(chance, CHANCE_MAX, self.reach.get(channel, 1.0))

    def worth(self, person: int, action: str, channel: str, sent: int) -> float:
        """Return the expected worth of sending the action."""
        return self.chance(person, action, channel, sent) * self.preference(action).mean_worth
