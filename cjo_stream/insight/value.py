"""The value of customers: BG/NBD for how often they buy, Gamma-Gamma for what they spend.

BG/NBD: Fader, Hardie and Lee 2005, "Counting Your Customers" the Easy Way, Marketing Science 24.
A customer buys at a rate that is Gamma(r, alpha) over customers, a week, and leaves for good after
each purchase with a probability that is Beta(a, b).

Gamma-Gamma: Fader, Hardie and Lee 2005, RFM and CLV, Journal of Marketing Research 42; Fader and
Hardie 2013, The Gamma-Gamma Model of Monetary Value. A purchase's value is Gamma(p, nu), with nu
Gamma(q, v) over customers, and has nothing to do with how often they buy.

Arrays have one place a customer. `frequency` counts repeat purchases. `recency` and `age` are
weeks from the first purchase, to the last one and to the end of the calibration. `monetary` is the
mean value of the repeat purchases. Sums are NumPy's own, which take the same order on any machine;
those of a BLAS depend on its threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.optimize import minimize
from scipy.special import expit, gammaln, psi

from cjo_stream.errors import UsageError
from cjo_stream.insight.estimate import LEVEL

Numbers = NDArray[np.float64]
_Scored = tuple[float, Numbers]
"""A mean log-likelihood, and its slopes."""

EDGE: Final = math.log(1e5)
"""The search ends at this logarithm of a parameter, up and down; time and value in their means."""
_STEP: Final = 1e-4
_POINTS: Final = 64
_LEAST: Final = 1e-200
_ERROR_MAX: Final = 5.0
"""A logarithm with a larger standard error says nothing: the interval spans 8 powers of ten."""
_FLAT: Final = 1e-8


class Fit(NamedTuple):
    """Parameters at the maximum of the likelihood, with 95 % intervals.

    The intervals are normal for the logarithms, by the observed information. A parameter that
    the data leave open has none; where one lies at the edge of the search, no other has any.
    """

    names: tuple[str, ...]
    estimates: tuple[float, ...]
    lows: tuple[float | None, ...]
    highs: tuple[float | None, ...]
    log_likelihood: float
    customers: int
    open: tuple[str, ...]
    """Parameters that the data leave open: the likelihood hardly changes far from the estimate."""
    covariance: tuple[tuple[float, ...], ...] | None
    """Of the logarithms of the parameters; None where one lies at the edge of the search."""


def fit_purchases(frequency: Numbers, recency: Numbers, age: Numbers) -> Fit:
    """Return r, alpha (weeks), a and b of BG/NBD. Raises UsageError if nobody bought twice."""
    if not frequency.any():
        raise UsageError(
            "no customer bought again on another day, so nothing shows how often they return: "
            "take a longer period, or check --on"
        )
    unit = float(age.mean())
    (x, t, whole), weights = _distinct(frequency, recency / unit, age / unit)
    places = np.unique(x, return_inverse=True)

    def score(parameters: Numbers) -> _Scored:
        logs, slopes = purchase_scores(parameters, x, t, whole, places)
        return float((weights * logs).sum()), (weights * slopes).sum(axis=1)

    fit = _fit(("r", "alpha", "a", "b"), score, frequency.size, {"alpha": unit})
    return fit._replace(log_likelihood=fit.log_likelihood - float(frequency.sum() * np.log(unit)))


def fit_spend(frequency: Numbers, monetary: Numbers) -> Fit:
    """Return p, q and v (in the unit of values) of Gamma-Gamma.

    Customers without a repeat purchase, or with a mean of 0 or below, are left out. Raises
    UsageError if fewer than two are left.
    """
    of = (frequency > 0) & (monetary > 0)
    if of.sum() < 2:
        raise UsageError(
            "fewer than two customers bought again, on another day, for more than nothing, so no "
            "value can be expected: take a longer period, or check --value"
        )
    unit = float(monetary[of].mean())
    (x, m), weights = _distinct(frequency[of], monetary[of] / unit)

    def score(parameters: Numbers) -> _Scored:
        logs, slopes = spend_scores(parameters, x, m)
        return float((weights * logs).sum()), (weights * slopes).sum(axis=1)

    fit = _fit(("p", "q", "v"), score, int(of.sum()), {"v": unit})
    return fit._replace(log_likelihood=fit.log_likelihood - fit.customers * float(np.log(unit)))


def purchase_scores(
    parameters: Numbers,
    frequency: Numbers,
    recency: Numbers,
    age: Numbers,
    places: tuple[Numbers, NDArray[np.intp]],
) -> tuple[Numbers, Numbers]:
    """Return each customer's log-likelihood under BG/NBD (its equation 6), and the slopes.

    The slopes have a row for each of r, alpha, a, b, and are by the parameter itself. `places`:
    the different frequencies, and each customer's place in them.
    """
    r, alpha, a, b = parameters
    counts, place = places
    log_gone, log_here = np.log(alpha + recency), np.log(alpha + age)
    is_repeat = frequency > 0
    left = np.where(is_repeat, b + frequency - 1.0, 1.0)
    stayed = -(r + frequency) * log_here
    went = np.where(is_repeat, np.log(a / left) - (r + frequency) * log_gone, -np.inf)
    both = np.logaddexp(stayed, went)
    share = np.exp(went - both)
    of_counts = gammaln(r + counts) - gammaln(r) + gammaln(a + b) - gammaln(a + b + counts)
    of_counts += gammaln(b + counts) - gammaln(b) + r * np.log(alpha)
    of_sum = psi(a + b) - psi(a + b + counts)
    slopes = [
        (psi(r + counts) - psi(r))[place]
        + np.log(alpha)
        - ((1.0 - share) * log_here + share * log_gone),
        r / alpha - (r + frequency) * ((1.0 - share) / (alpha + age) + share / (alpha + recency)),
        of_sum[place] + share / a,
        (of_sum + psi(b + counts) - psi(b))[place] - share / left,
    ]
    return of_counts[place] + both, np.stack(slopes)


def spend_scores(
    parameters: Numbers, frequency: Numbers, monetary: Numbers
) -> tuple[Numbers, Numbers]:
    """Return each customer's log-likelihood under Gamma-Gamma (its equation 1a), and the slopes.

    The slopes have a row for each of p, q, v, and are by the parameter itself.
    """
    p, q, v = parameters
    shape = p * frequency
    total = frequency * monetary
    log_all, log_total = np.log(v + total), np.log(total)
    logs = gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v)
    logs += shape * log_total - np.log(monetary) - (shape + q) * log_all
    of_all = psi(shape + q)
    slopes = [
        frequency * (of_all - psi(shape) + log_total - log_all),
        of_all - psi(q) + np.log(v) - log_all,
        q / v - (shape + q) / (v + total),
    ]
    return logs, np.stack(slopes)


def probability_alive(
    fit: Sequence[float], frequency: Numbers, recency: Numbers, age: Numbers
) -> Numbers:
    """Return the probability that each customer has not left: 1 without a repeat purchase."""
    r, alpha, a, b = fit
    is_repeat = frequency > 0
    left = np.where(is_repeat, b + frequency - 1.0, 1.0)
    odds = np.log(a / left) + (r + frequency) * np.log((alpha + age) / (alpha + recency))
    alive: Numbers = np.where(is_repeat, expit(-odds), 1.0)
    return alive


def expected_purchases(
    fit: Sequence[float], frequency: Numbers, recency: Numbers, age: Numbers, weeks: float
) -> Numbers:
    """Return the purchases that are expected of each customer in the next `weeks`.

    Equation 10 of Fader, Hardie and Lee as the integral that it comes from: with k = r + frequency
    and u = weeks / (alpha + age), the mean of (1 - (1 + p u)^-k) / p over a customer's p, which is
    Beta(a, b + frequency). The hypergeometric function of the closed form overflows where
    parameters are large.
    """
    r, alpha, a, b = fit
    counts, place = np.unique(frequency, return_inverse=True)
    ages, of_age = np.unique(age, return_inverse=True)
    pairs, of_pair = np.unique(place * ages.size + of_age, return_inverse=True)
    count, spans = counts[pairs // ages.size], weeks / (alpha + ages[pairs % ages.size])
    expected = np.empty(pairs.size)
    for one in counts:
        of = count == one
        points, shares = _beta_points(a, b + one)
        bought = -np.expm1(-(r + one) * np.log1p(np.outer(spans[of], points))) / points
        expected[of] = (bought * shares).sum(axis=1)
    found: Numbers = expected[of_pair] * probability_alive(fit, frequency, recency, age)
    return found


def expected_value(fit: Sequence[float], frequency: Numbers, monetary: Numbers) -> Numbers:
    """Return the mean value that is expected of each customer's purchases.

    It lies between the customer's own mean and that of all, p v / (q - 1). Where q is at most 1
    there is no such mean, and customers without a repeat purchase have NaN.
    """
    p, q, v = fit
    below = p * frequency + q - 1.0
    above = p * (v + frequency * monetary)
    found: Numbers = np.where(below > 0.0, above / np.where(below > 0.0, below, 1.0), np.nan)
    return found


def factors_of_interval(
    fits: Sequence[Fit], functions: Sequence[Callable[[Sequence[float]], Numbers]]
) -> tuple[Numbers, float]:
    """Return the factors of the 95 % intervals of products, and of the product's sum.

    A product has a factor for each fit, which is a function of its parameters. The limits are the
    product divided by and times its factor: the delta method for its logarithm. NaN where the
    data leave it open.
    """
    at = [function(fit.estimates) for fit, function in zip(fits, functions, strict=True)]
    product = np.prod(at, axis=0)
    total = float(np.nansum(product))
    variance, of_total = np.zeros(product.size), 0.0
    for fit, function, value in zip(fits, functions, at, strict=True):
        if fit.covariance is None:
            return np.full(product.size, np.nan), math.nan
        slopes = _log_slopes(fit.estimates, function, value)
        sums = [float(np.nansum(product * one)) / total if total else math.nan for one in slopes]
        for row, one, all_one in zip(fit.covariance, slopes, sums, strict=True):
            for covariance, other, all_other in zip(row, slopes, sums, strict=True):
                variance += covariance * one * other
                of_total += covariance * all_one * all_other
    errors = np.sqrt(np.append(variance, of_total))
    half = NormalDist().inv_cdf((1.0 + LEVEL) / 2.0)
    factors = np.exp(half * np.where(errors > _ERROR_MAX, np.nan, errors))
    return factors[:-1], float(factors[-1])


def _log_slopes(
    estimates: Sequence[float], function: Callable[[Sequence[float]], Numbers], at: Numbers
) -> list[Numbers]:
    """Return the slopes of a function's logarithm by the logarithm of each parameter."""
    slopes = []
    for place in range(len(estimates)):
        up, down = (
            function(
                [one * math.exp(step) if n == place else one for n, one in enumerate(estimates)]
            )
            for step in (_STEP, -_STEP)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes.append((up - down) / (2.0 * _STEP * at))
    return slopes


def _beta_points(a: float, b: float) -> tuple[Numbers, Numbers]:
    """Return points of 0..1 and their shares that integrate over Beta(a, b).

    Gauss-Jacobi quadrature by Golub and Welsch 1969, Mathematics of Computation 23.
    """
    above, below = b - 1.0, a - 1.0
    k = np.arange(1.0, _POINTS)
    total = 2.0 * k + above + below
    middle = np.append(
        (below - above) / (above + below + 2.0),
        (below * below - above * above) / (total * (total + 2.0)),
    )
    beside = k * (k + above) * (k + below) * (k + above + below)
    beside[0] = (1.0 + above) * (1.0 + below)  # total - 1 is k + above + below, and may be 0
    over = total * total * (total + 1.0) * (total - 1.0)
    over[0] = total[0] ** 2 * (total[0] + 1.0)
    roots, axes = eigh_tridiagonal(middle, 2.0 * np.sqrt(beside / over))
    return np.maximum((1.0 + roots) / 2.0, _LEAST), axes[0] ** 2


def _distinct(*columns: Numbers) -> tuple[tuple[Numbers, ...], Numbers]:
    """Return the different rows of some columns, in order, with the share of each."""
    order = np.lexsort(columns)
    rows = np.stack(columns)[:, order]
    is_new = np.append(True, (rows[:, 1:] != rows[:, :-1]).any(axis=0))
    starts = np.flatnonzero(is_new)
    counts = np.diff(np.append(starts, order.size))
    return tuple(rows[:, starts]), counts / order.size


def _fit(
    names: tuple[str, ...],
    score: Callable[[Numbers], _Scored],
    customers: int,
    units: dict[str, float],
) -> Fit:
    """Return the maximum of a mean log-likelihood over positive parameters."""

    def loss(logs: Numbers) -> _Scored:
        mean, slopes = score(np.exp(logs))
        return -mean, -slopes * np.exp(logs)

    logs, curve = _peak(loss, len(names))
    covariance = _covariance(logs, curve * customers)
    errors = _errors(logs, covariance)
    scale = np.array([units.get(name, 1.0) for name in names])
    half = NormalDist().inv_cdf((1.0 + LEVEL) / 2.0) * errors
    return Fit(
        names=names,
        estimates=tuple((np.exp(logs) * scale).tolist()),
        lows=_finite(np.exp(logs - half) * scale),
        highs=_finite(np.exp(logs + half) * scale),
        log_likelihood=-loss(logs)[0] * customers,
        customers=customers,
        open=tuple(name for name, one in zip(names, errors, strict=True) if np.isinf(one)),
        covariance=None if covariance is None else tuple(map(tuple, covariance.tolist())),
    )


def _peak(loss: Callable[[Numbers], _Scored], size: int) -> tuple[Numbers, Numbers]:
    """Return where a loss is least, and how it curves there.

    The search begins with all parameters at 1, since the data are in units of means. A step of
    Newton's method ends it, so that all digits of an estimate that are shown are of the data.
    """
    options: dict[str, Any] = {"maxiter": 1_000, "maxcor": 20, "ftol": 0.0, "gtol": 1e-9}
    bounds = [(-EDGE, EDGE)] * size
    logs: Numbers = minimize(
        loss, np.zeros(size), jac=True, method="L-BFGS-B", bounds=bounds, options=options
    ).x
    sides = [
        (loss(logs + step)[1] - loss(logs - step)[1]) / (2.0 * _STEP)
        for step in _STEP * np.eye(size)
    ]
    curve = (np.stack(sides) + np.stack(sides).T) / 2.0
    slopes = loss(logs)[1]
    if np.linalg.eigvalsh(curve)[0] > 0.0:
        nearer = np.clip(logs - np.linalg.solve(curve, slopes), -EDGE, EDGE)
        if np.abs(loss(nearer)[1]).max() < np.abs(slopes).max():
            logs = nearer
    return logs, curve


def _covariance(logs: Numbers, curve: Numbers) -> Numbers | None:
    """Return the inverse of the observed information; None if a parameter lies at an edge."""
    if (np.abs(logs) > EDGE - 1e-6).any():
        return None
    values, axes = np.linalg.eigh(curve)
    found: Numbers = (axes[:, None] * axes[None] / np.maximum(values, _FLAT)).sum(axis=2)
    return found


def _errors(logs: Numbers, covariance: Numbers | None) -> Numbers:
    """Return the standard errors of log parameters: infinite of those that are open.

    NaN of the others, if one lies at an edge.
    """
    if covariance is None:
        return np.where(np.abs(logs) > EDGE - 1e-6, np.inf, np.nan)
    variances = np.diag(covariance)
    return np.where(variances > _ERROR_MAX**2, np.inf, np.sqrt(variances))


def _finite(numbers: Numbers) -> tuple[float | None, ...]:
    return tuple(one if 0.0 < one < float("inf") else None for one in numbers.tolist())
