"""Tails of the gamma and chi-square distributions, for kernels."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

from numba import njit

from .signatures import INNER, OUTER, float64


@njit(float64(float64, float64), **INNER)
def gamma_factor(a, x):
    """What multiplies x^a e^-x / Gamma(a): in the lower tail below a + 1, in the upper above.

    Power series, and Lentz's continued fraction (Abramowitz and Stegun 1964, 6.5.29 and 6.5.31);
    relative error about 1e-13. a, x > 0.
    """
    if x < a + 1.0:
        term = total = 1.0 / a
        i = a
        while term > total * 1e-16:
            i += 1.0
            term *= x / i
            total += term
        return total
    tiny = 1e-300
    b = x + 1.0 - a
    c = 1.0 / tiny
    d = 1.0 / b
    h = d
    for i in range(1, 10_000):
        an = -i * (i - a)
        b += 2.0
        d = an * d + b
        d = 1.0 / (d if abs(d) > tiny else tiny)
        c = b + an / c
        c = c if abs(c) > tiny else tiny
        step = d * c
        h *= step
        if abs(step - 1.0) < 1e-15:
            break
    return h


@njit(float64(float64, float64), **OUTER)
def gamma_upper(a, x):
    """Regularised upper incomplete gamma function Q(a, x), a > 0."""
    if x <= 0.0:
        return 1.0
    part = math.exp(a * math.log(x) - x - math.lgamma(a)) * gamma_factor(a, x)
    return max(1.0 - part, 0.0) if x < a + 1.0 else part


@njit(float64(float64, float64), **OUTER)
def gamma_log_tail(a, x):
    """log Q(a, x), also where Q underflows."""
    if x <= 0.0:
        return 0.0
    front = a * math.log(x) - x - math.lgamma(a)
    factor = gamma_factor(a, x)
    if x < a + 1.0:
        return math.log(max(1.0 - math.exp(front) * factor, 1e-300))
    return front + math.log(factor)


@njit(float64(float64, float64), **OUTER)
def chi2_sf(x, df):
    """P(chi-square with df degrees of freedom > x); 1 if there are none."""
    if df <= 0.0:
        return 1.0
    return gamma_upper(0.5 * df, 0.5 * x)
