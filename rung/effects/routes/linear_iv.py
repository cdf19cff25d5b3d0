"""Linear instrumental variables with one treatment: k-class estimates, and sets for weak ones.

All columns come with the covariates taken out (Frisch and Waugh 1933), so that y = b x + error,
x = Z p + error with columns of mean 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...inference.intervals import group_sums
from ..estimators import glm

Floats = NDArray[np.float64]
Groups = NDArray[np.int64] | None
Region = tuple[tuple[float, float], ...]
TOLERATED = 0.10  # bias of two-stage least squares relative to the worst case
GRID = 2001


@dataclass(frozen=True, eq=False)
class Reduced:
    """Slopes of y and x on the instruments, and their covariance.

    Parameters
    ----------
    y, x : (n,) and z : (n, k), covariates taken out
    w : (n,) weights with mean 1
    free : rows less the columns of the regression on instruments and covariates
    slopes : (2, k) of y, then of x, on z
    cov : (2k, 2k) of `slopes.ravel()`
    """

    y: Floats
    x: Floats
    z: Floats
    w: Floats
    groups: Groups
    free: float
    slopes: Floats
    cov: Floats
    robust: bool

    @property
    def k(self) -> int:
        """Number of instruments."""
        return self.z.shape[1]

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the residual variance: g - 1 with groups."""
        if self.groups is not None:
            return float(len(np.unique(self.groups)) - 1)
        return self.free


def sandwich(design: Floats, bread: Floats, error: Floats, w: Floats, groups: Groups) -> Floats:
    """Covariance of least-squares slopes (p q, p q), errors (n, q): heteroskedastic or by group."""
    score = (w[:, None, None] * error[:, :, None] * (design @ bread)[:, None, :]).reshape(
        len(design), -1
    )
    sums = group_sums(score, groups)
    count = len(sums)
    return sums.T @ sums * (count / (count - 1) if groups is not None else 1.0)


def reduced_form(
    y: Floats, x: Floats, z: Floats, w: Floats, groups: Groups, taken: int, *, robust: bool
) -> Reduced:
    """The two regressions on the instruments; `taken` counts the columns taken out before."""
    n, k = z.shape
    free = float(n - taken - k)
    if free < 1:
        raise InputError(f"{n} rows for {taken + k} columns of instruments and covariates")
    both = np.column_stack([y, x])
    fit = glm.linear(np.ascontiguousarray(z), both, w, 0.0)
    error = both - z @ fit.beta
    if robust:
        cov = sandwich(z, fit.bread, error, w, groups) * (n / free if groups is None else 1.0)
    else:
        cov = np.kron((error * w[:, None]).T @ error / free, fit.bread)
    return Reduced(y, x, z, w, groups, free, fit.beta.T, cov, robust)


@dataclass(frozen=True, eq=False)
class KClass:
    """A k-class estimate with the error of each row; kappa is 1 for two-stage least squares."""

    value: float
    se: float
    influence: Floats
    kappa: float


def k_class(form: Reduced, *, liml: bool = False) -> KClass:
    """Two-stage least squares, or limited information maximum likelihood.

    Standard errors: heteroskedastic with n / (n - p), by group, or, if the form is not robust,
    from one variance (Theil 1958; Anderson and Rubin 1949 for LIML).
    """
    y, x, w = form.y, form.x, form.w
    fitted = form.z @ form.slopes.T
    kappa = _kappa(form, fitted) if liml else 1.0
    inner = x - kappa * (x - fitted[:, 1])  # (I - kappa M_Z) x
    total = float((w * inner) @ x)
    if abs(total) < 1e-12 * float((w * x) @ x):
        raise InputError(
            "the instruments and the treatment are uncorrelated in the rows: there is no estimate"
        )
    value = float((w * inner) @ y) / total
    error = y - value * x
    n = len(y)
    influence = n * w * inner * error / total
    slack = n / (form.free + form.k - 1)
    if form.robust:
        sums = group_sums(influence, form.groups)
        count = len(sums)
        scale = slack if form.groups is None else count / (count - 1)
        se = float(np.sqrt((sums**2).sum() * scale)) / n
    else:
        se = float(np.sqrt((w * error**2).sum() / n * slack / abs(total)))
    return KClass(value, se, influence, kappa)


def _kappa(form: Reduced, fitted: Floats) -> float:
    both = np.column_stack([form.y, form.x])
    left = both - fitted
    inner = (left * form.w[:, None]).T @ left
    outer = (both * form.w[:, None]).T @ both
    return float(np.min(np.linalg.eigvals(np.linalg.solve(inner, outer)).real))


def anderson_rubin(form: Reduced, b: float | Floats) -> Floats:
    """The statistic (m,) at values b (m,): chi-squared with k degrees of freedom if b is right.

    It does not depend on how strong the instruments are (Anderson and Rubin 1949; Andrews, Stock
    and Sun 2019, section 5.1 for errors of any kind).
    """
    at = np.atleast_1d(np.asarray(b, dtype=np.float64))
    return _on_circle(form, np.ones_like(at), at)


def _on_circle(form: Reduced, c: Floats, s: Floats) -> Floats:
    """The statistic of c y - s x; scaling (c, s) does not change it."""
    k = form.k
    g = c[:, None] * form.slopes[0] - s[:, None] * form.slopes[1]
    yy, yx, xx = form.cov[:k, :k], form.cov[:k, k:], form.cov[k:, k:]
    c, s = c[:, None, None], s[:, None, None]
    v = c * c * yy - c * s * (yx + yx.T) + s * s * xx
    return np.asarray(np.einsum("ij,ij->i", g, np.linalg.solve(v, g[:, :, None])[:, :, 0]))


def critical_value(form: Reduced, level: float) -> float:
    """Of the Anderson-Rubin statistic: k times an F with k and the residual degrees of freedom."""
    from scipy import stats

    return float(form.k * stats.f.ppf(level, form.k, form.freedom))


def conditional_region(form: Reduced, level: float, centre: float, scale: float) -> Region:
    """Values of the effect that the conditional likelihood ratio test accepts.

    Moreira (2003), with errors of any kind by Kleibergen (2005); its distribution given the
    strength of the instruments by Andrews, Moreira and Stock (2007): an
    expectation over the share of the statistic that points in the direction of the first stage.
    With one instrument it is the Anderson-Rubin set.
    """
    from scipy import special, stats

    k = form.k
    if k == 1:
        return region(form, level, centre, scale)
    t, mass = special.roots_jacobi(40, (k - 3) / 2, (k - 3) / 2)
    mass = mass / mass.sum()

    def excess(c: Floats, s: Floats) -> Floats:
        statistic, rank = _conditional(form, c, s)
        m = np.maximum(statistic, 1e-12)[:, None]
        q = (m + rank[:, None]) / (1 + rank[:, None] * t**2 / m)
        return np.asarray(stats.chi2.cdf(q, k) @ mass - level)

    return inverted(excess, centre, scale)


def _conditional(form: Reduced, c: Floats, s: Floats) -> tuple[Floats, Floats]:
    """The likelihood ratio statistic (m,) of c y - s x, and the rank statistic it is given."""
    k = form.k
    g = c[:, None] * form.slopes[0] - s[:, None] * form.slopes[1]
    yy, yx, xx = form.cov[:k, :k], form.cov[:k, k:], form.cov[k:, k:]
    c, s = c[:, None, None], s[:, None, None]
    v = c * c * yy - c * s * (yx + yx.T) + s * s * xx
    # a direction whose covariance with g can be taken out: s y + c x, not parallel to c y - s x
    h = s[:, :, 0] * form.slopes[0] + c[:, :, 0] * form.slopes[1]
    cross = c * s * yy - s * s * yx.T + c * c * yx - c * s * xx  # cov(g, h)
    own = s * s * yy + c * s * (yx + yx.T) + c * c * xx
    whole = np.linalg.solve(v, np.concatenate([g[:, :, None], cross], axis=2))
    solved, gain = whole[:, :, 0], whole[:, :, 1:]
    d = h - np.einsum("ijk,ij->ik", cross, solved)
    left = own - np.einsum("ijk,ijl->ikl", cross, gain)
    rank = np.einsum("ij,ij->i", d, np.linalg.solve(left, d[:, :, None])[:, :, 0])
    total = np.einsum("ij,ij->i", g, solved)
    along = np.linalg.solve(v, d[:, :, None])[:, :, 0]
    part = np.einsum("ij,ij->i", g, along) ** 2 / np.einsum("ij,ij->i", d, along)
    root = np.sqrt(np.maximum((total - rank) ** 2 + 4 * part * rank, 0.0))
    return (total - rank + root) / 2, rank


def region(form: Reduced, level: float, centre: float, scale: float) -> Region:
    """Values of the effect that the Anderson-Rubin test accepts: intervals in order.

    Empty, bounded, two rays, or the whole line. One instrument: exactly (Fieller 1954).
    """
    critical = critical_value(form, level)
    if form.k == 1:
        (dy,), (dx,) = form.slopes
        v = form.cov
        return quadratic_region(
            dx * dx - critical * v[1, 1], -2 * (dy * dx - critical * v[0, 1]),
            dy * dy - critical * v[0, 0],
        )  # fmt: skip
    return inverted(lambda c, s: _on_circle(form, c, s) - critical, centre, scale)


def quadratic_region(a: float, b: float, c: float) -> Region:
    """Where a t^2 + b t + c <= 0."""
    if a == 0:
        if b == 0:
            return ((-np.inf, np.inf),) if c <= 0 else ()
        return ((-np.inf, -c / b),) if b > 0 else ((-c / b, np.inf),)
    root = b * b - 4 * a * c
    if root < 0:
        return () if a > 0 else ((-np.inf, np.inf),)
    ends = sorted(((-b - np.sqrt(root)) / (2 * a), (-b + np.sqrt(root)) / (2 * a)))
    low, high = float(ends[0]), float(ends[1])
    return ((low, high),) if a > 0 else ((-np.inf, low), (high, np.inf))


def inverted(excess: Callable[[Floats, Floats], Floats], centre: float, scale: float) -> Region:
    """Where excess(1, b) <= 0, on the line closed at infinity: found on a grid of angles.

    b = centre + scale tan(angle); ends are refined to full precision.
    """
    from scipy import optimize

    scale = scale if np.isfinite(scale) and scale > 0 else 1.0

    def at(angle: Floats | float) -> Floats:
        a = np.atleast_1d(np.asarray(angle, dtype=np.float64))
        return excess(np.cos(a), centre * np.cos(a) + scale * np.sin(a))

    angles = np.linspace(-np.pi / 2, np.pi / 2, GRID)
    values = at(angles)
    low = int(np.argmin(values))
    around = angles[max(low - 1, 0)], angles[min(low + 1, GRID - 1)]
    best = optimize.minimize_scalar(lambda a: float(at(a)[0]), bounds=around, method="bounded")
    angles = np.sort(np.append(angles, best.x))
    inside = at(angles) <= 0
    if not inside.any():
        return ()

    def back(angle: float) -> float:
        if abs(angle) >= np.pi / 2 - 1e-12:
            return float(np.sign(angle) * np.inf)
        return float(centre + scale * np.tan(angle))

    out = []
    start = float(angles[0]) if inside[0] else None
    for i in np.flatnonzero(inside[1:] != inside[:-1]).tolist():
        turn = optimize.brentq(lambda a: float(at(a)[0]), angles[i], angles[i + 1], xtol=1e-14)
        if start is None:
            start = float(turn)
        else:
            out.append((back(start), back(float(turn))))
            start = None
    if start is not None:
        out.append((back(start), float(np.inf)))
    return tuple(out)


@dataclass(frozen=True)
class Strength:
    """The first stage: effective F with the value that it should exceed, and the plain F."""

    effective: float
    needed: float
    plain: float

    @property
    def weak(self) -> bool:
        """Whether bias above the tolerated one cannot be excluded at 5%."""
        return self.effective < self.needed


def strength(form: Reduced) -> Strength:
    """Montiel Olea and Pflueger (2013): effective F, and its simplified critical value.

    The instruments are made orthonormal first; bias tolerated: 10% of the worst case, at 5%.
    """
    from scipy import stats

    k = form.k
    gram = (form.z * form.w[:, None]).T @ form.z
    root = np.linalg.cholesky(gram)  # p' gram p = |root' p|^2
    slope = root.T @ form.slopes[1]
    cov = root.T @ form.cov[k:, k:] @ root
    trace = float(np.trace(cov))
    effective = float(slope @ slope) / trace
    x = 1 / TOLERATED
    top = float(np.linalg.eigvalsh(cov)[-1])
    count = trace**2 * (1 + 2 * x) / (float(np.trace(cov @ cov)) + 2 * x * trace * top)
    needed = float(stats.ncx2.ppf(0.95, count, count * x)) / count
    plain = float(form.slopes[1] @ np.linalg.solve(form.cov[k:, k:], form.slopes[1])) / k
    return Strength(effective, needed, plain)


def least_statistic(form: Reduced, centre: float, scale: float) -> tuple[float, float]:
    """The least Anderson-Rubin statistic and where it is.

    With k instruments it is chi-squared with k - 1 degrees of freedom if all are valid and one
    effect fits them all (Hansen, Heaton and Yaron 1996, continuously updated).
    """
    from scipy import optimize

    scale = scale if np.isfinite(scale) and scale > 0 else 1.0
    angles = np.linspace(-np.pi / 2, np.pi / 2, GRID)

    def at(a: Floats | float) -> Floats:
        angle = np.atleast_1d(np.asarray(a, dtype=np.float64))
        return _on_circle(form, np.cos(angle), centre * np.cos(angle) + scale * np.sin(angle))

    values = at(angles)
    low = int(np.argmin(values))
    around = angles[max(low - 1, 0)], angles[min(low + 1, GRID - 1)]
    best = optimize.minimize_scalar(
        lambda a: float(at(a)[0]), bounds=around, method="bounded", options={"xatol": 1e-12}
    )
    return float(best.fun), float(centre + scale * np.tan(best.x))
