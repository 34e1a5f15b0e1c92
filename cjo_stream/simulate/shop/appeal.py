"""What the shop's people like: the hidden model behind `topologies/shop`."""

from __future__ import annotations

from cjo_stream.simulate.response import Appeal, Character
from cjo_stream.simulate.shop.population import Population


def _of(accept: float, least: float, most: float, *tastes: str) -> Appeal:
    return Appeal(accept=accept, brings=(least, most), tastes=frozenset(tastes))


APPEALS = {
    # carts: the worth is in the cart
    "cart_reminder": Appeal(accept=0.14, brings=None),
    "cart_voucher": Appeal(accept=0.18, brings=None),
    # things to buy: each is somebody's taste
    "sneaker_drop": _of(0.16, 60, 120, "shoes"),
    "shoe_care": _of(0.28, 8, 16, "shoes"),
    "rain_jacket": _of(0.14, 70, 140, "jackets"),
    "denim_fit": _of(0.15, 50, 90, "trousers"),
    "leather_care": _of(0.24, 10, 20, "bags", "shoes"),
    "travel_bag": _of(0.14, 60, 110, "bags"),
    "team_kit": _of(0.16, 40, 90, "sports"),
    "sports_bottle": _of(0.26, 12, 22, "sports", "kids"),
    "home_textiles": _of(0.15, 30, 80, "home"),
    "kids_bundle": _of(0.16, 40, 80, "kids"),
    "sale_preview": _of(0.20, 15, 45, "sale"),
    "gift_card": _of(0.03, 25, 50),
    # vouchers and cards
    "first_order_voucher": _of(0.12, 25, 60),
    "come_back_voucher": _of(0.09, 30, 70),
    "browse_nudge": _of(0.05, 20, 60),
    "we_miss_you": _of(0.05, 25, 60),
    "birthday_treat": _of(0.15, 20, 40),
    "loyalty_card": _of(0.12, 2, 6),
    "points_reminder": _of(0.10, 10, 30),
}
"""By action; nobody can accept what is not in it."""

REACH = {"web": 0.7, "push": 0.6, "email": 0.5, "sms": 0.9, "desk": 0.8}


def character(population: Population, index: int) -> Character:
    """Return what the answers of person `index` depend on."""
    person = population.person(index)
    return Character(person.name, person.taste, person.home, 0.72 + 0.24 * person.zeal)
