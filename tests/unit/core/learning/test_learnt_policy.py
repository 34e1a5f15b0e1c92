"""A policy that learns against ones that do not, where the truth is known.

Customers of three tiers on two devices meet five offers; how they respond is hidden, and no offer
is the best for all. The learner sees what the engine's would: features, and rewards a while later.
"""

from __future__ import annotations

import math
import os
import random
from statistics import mean, stdev

import pytest

from cjo_stream.core.learning import thompson
from cjo_stream.core.learning.feature import features
from cjo_stream.core.learning.number import sigmoid
from cjo_stream.core.learning.posterior import Model, learn
from cjo_stream.core.learning.weight import publish, read

OFFERS = ("card", "loan", "fund", "cover", "plan")
TIERS = ("basic", "silver", "gold")
DEVICES = ("ios", "android")
DECISIONS = 6_000
PUBLISHED_EVERY = 250
SEEDS = range(5 if "CJO_LONG" in os.environ else 3)
T = {3: 4.303, 5: 2.776}[len(SEEDS)]
"""The t quantile of a 95 % interval of so many."""


class World:
    """How likely each offer is accepted, by tier and device."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._odds = {
            (offer, tier, device): -2.6 + self.chance.gauss(0, 0.2)
            for offer in OFFERS
            for tier in TIERS
            for device in DEVICES
        }
        for tier in TIERS:
            favourite, hated = self.chance.sample(OFFERS, 2)
            for device in DEVICES:
                self._odds[favourite, tier, device] += 1.3
                self._odds[hated, tier, device] -= 1.0

    def customer(self) -> tuple[str, str]:
        return self.chance.choice(TIERS), self.chance.choice(DEVICES)

    def rate(self, offer: str, customer: tuple[str, str]) -> float:
        return sigmoid(self._odds[offer, customer[0], customer[1]])

    def of_fixed(self, offer: str) -> float:
        return mean(self.rate(offer, (tier, device)) for tier in TIERS for device in DEVICES)


def learnt_rate(world: World) -> float:
    """Return acceptances a decision, learning included, of choices drawn from the posterior."""
    model = Model()
    in_force = read(0, [])
    accepted = 0
    waiting: list[tuple[str, list[int], bool]] = []
    for number in range(DECISIONS):
        customer = world.customer()
        present = features(zip(("profile.tier", "profile.device"), customer, strict=True))
        tables = [
            (thompson.posterior_table(in_force.weights(offer), 0.1, present), 1.0)
            for offer in OFFERS
        ]
        offer = OFFERS[thompson.choose(f"c-d{number}", tables).place]
        positive = world.chance.random() < world.rate(offer, customer)
        accepted += positive
        waiting.append((offer, present, positive))
        if len(waiting) == PUBLISHED_EVERY:
            for treatment, seen, reward in waiting:
                learn(model, treatment, seen, positive=reward)
            waiting.clear()
            in_force = read(in_force.number + 1, publish(model))
    return accepted / DECISIONS


def low_end(values: list[float]) -> float:
    return mean(values) - T * stdev(values) / math.sqrt(len(values))


@pytest.mark.slow
def test_learning_beats_uniform_by_20_percent_and_the_best_fixed_offer_by_5() -> None:
    over_uniform, over_fixed = [], []
    for seed in SEEDS:
        world = World(seed)
        learnt = learnt_rate(world)
        fixed = [world.of_fixed(offer) for offer in OFFERS]
        over_uniform.append(learnt / mean(fixed) - 1)
        over_fixed.append(learnt / max(fixed) - 1)
    assert low_end(over_uniform) >= 0.20, over_uniform
    assert low_end(over_fixed) >= 0.05, over_fixed
