"""Preferences of subscribers: the hidden model behind `topologies/telco`."""

from __future__ import annotations

from cjo_stream.simulate.response import Preference


def _of(accept: float, least: float, most: float, *tastes: str) -> Preference:
    return Preference(accept=accept, brings=(least, most), tastes=frozenset(tastes))


PREFERENCES = {
    "fibre_upgrade": _of(0.12, 150, 250, "gamer", "streamer"),
    "speed_boost": _of(0.20, 40, 80, "gamer"),
    "mesh_wifi": _of(0.18, 40, 70, "family"),
    "mobile_plan": _of(0.14, 120, 200, "traveller", "saver"),
    "roaming_pack": _of(0.25, 15, 35, "traveller"),
    "data_pack": _of(0.22, 10, 20, "streamer", "traveller"),
    "tv_pack": _of(0.14, 100, 180, "family", "streamer"),
    "sports_pack": _of(0.16, 60, 120, "streamer"),
    "family_bundle": _of(0.12, 150, 220, "family"),
    "renewal": _of(0.20, 80, 140),
    "loyalty_discount": _of(0.30, 20, 50, "saver"),
}
"""By action, with a year's margin; nobody accepts an action that is not in it."""

REACH = {"portal": 0.7, "app": 0.6, "email": 0.45, "sms": 0.9, "call": 0.5}
