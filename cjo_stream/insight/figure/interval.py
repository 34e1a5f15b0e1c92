"""95 % intervals as SQL, for figures that are counted there."""

from __future__ import annotations

from statistics import NormalDist
from typing import Final

from cjo_stream.insight.estimate import LEVEL

_Z: Final = NormalDist().inv_cdf((1.0 + LEVEL) / 2.0)


def wilson(hits: str, number: str) -> tuple[str, str]:
    """Return the limits of the share `hits / number`: Wilson 1927, valid for small numbers too."""
    share = f"({hits} / {number})"
    middle = f"{share} + {_Z**2 / 2.0!r} / {number}"
    spread = f"greatest({share} * (1 - {share}), 0) / {number}"
    half = f"{_Z!r} * sqrt({spread} + {_Z**2 / 4.0!r} / ({number} * {number}))"
    scale = f"(1 + {_Z**2!r} / {number})"
    return f"({middle} - {half}) / {scale}", f"({middle} + {half}) / {scale}"


def half_width(off: str, number: str) -> str:
    """Return half the interval of a mean of values, over one row a customer; null with one.

    `off` is what a customer's sum is above `number` times the mean, where `number` is how many
    values the customer has. The values of one customer resemble each other, so the customers are
    the sample (Cochran 1977, Sampling Techniques, section 6.3).
    """
    squares = f"fsum({off} * {off}) * count(*) / nullif(count(*) - 1, 0)"
    return f"{_Z!r} * sqrt({squares}) / sum({number})"
