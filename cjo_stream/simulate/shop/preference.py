"""Preferences of the shop's people: the hidden model behind `topologies/shop`.

Response rates are several times real ones, so that three weeks with some thousands of people show
an effect.
"""

from __future__ import annotations

from cjo_stream.simulate.response import Character, Preference
from cjo_stream.simulate.shop.population import Population


def _of(accept: float, least: float, most: float, *tastes: str) -> Preference:
    return Preference(accept=accept, brings=(least, most), tastes=frozenset(tastes))


PREFERENCES = {
    # carts: the worth is in the cart
    "cart_reminder": Preference(accept=0.20, brings=None),
    "cart_voucher": Preference(accept=0.25, brings=None),
    # products: each fits the taste of some people
    "sneaker_drop": _of(0.45, 60, 120, "shoes", "sports"),
    "shoe_care": _of(0.60, 8, 16, "shoes"),
    "rain_jacket": _of(0.40, 70, 140, "jackets", "trousers"),
    "leather_care": _of(0.55, 10, 20, "bags", "shoes"),
    "travel_bag": _of(0.40, 60, 110, "bags", "kids"),
    "sports_bottle": _of(0.55, 12, 22, "sports", "kids"),
    "home_textiles": _of(0.45, 30, 80, "home", "trousers"),
    "sale_preview": _of(0.50, 15, 45, "sale", "kids"),
    "gift_card": _of(0.05, 25, 50),
    # vouchers and cards
    "first_order_voucher": _of(0.20, 25, 60),
    "come_back_voucher": _of(0.15, 30, 70),
    "browse_nudge": _of(0.08, 20, 60),
    "we_miss_you": _of(0.08, 25, 60),
    "birthday_treat": _of(0.25, 20, 40),
    "loyalty_card": _of(0.20, 2, 6),
    "points_reminder": _of(0.15, 10, 30),
}
"""By action; nobody accepts an action that is not in it."""

REACH = {"web": 0.8, "push": 0.8, "email": 0.7, "sms": 0.95, "desk": 0.8}


def character(population: Population, index: int) -> Character:
    """Return the character of person `index`."""
    person = population.person(index)
    return Character(person.name, person.taste, person.home, 0.88 + 0.1 * person.zeal)
