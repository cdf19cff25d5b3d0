"""Dependence of a residual and regressors by kernels: HSIC, and kernel mutual information."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from .functional import Ints, Setting, finish

Floats = NDArray[np.float64]
SOON = 5e7  # kernel values between two looks at the clock
POINTS = 200  # rows from which the bandwidth is taken, about
RANK = 400  # columns of an incomplete Cholesky factor at most
EXACT = 1e-12  # share of the trace that the factor leaves out


class Dependence(NamedTuple):
    """HSIC: n times the biased statistic, its p-value and the logarithm of that."""

    statistic: float
    p: float
    log_p: float


def hsic(x: Floats, y: Floats, run: Run | None = None) -> Dependence | None:
    """Test of independence of x (n,) or (n, p) and y (n,) or (n, q) with Gaussian kernels.

    The bandwidth of each is the median distance of the rows (of about 200 of them, spread evenly
    over the ranks of x's first column), the null distribution a gamma with the moments of the
    statistic. None if the run was spent before.

    Source: Gretton, Fukumizu, Teo, Song, Scholkopf and Smola (2008), section 3.
    """
    from ..kernels.hsic import hsic_sums, hsic_variance
    from ..kernels.special import gamma_log_tail

    a, b = (
        np.ascontiguousarray(np.asarray(v, dtype=np.float64).reshape(len(v), -1).T) for v in (x, y)
    )
    n = a.shape[1]
    rows = np.argsort(a[0], kind="stable")[:: max(1, n // POINTS)]
    wide = np.array([_rate(a[:, rows]), _rate(b[:, rows])])
    means, total = np.zeros((2, n)), np.zeros(2)
    for function in (hsic_sums, hsic_variance):
        for begin in range(0, n, step := max(1, int(SOON / n))):
            if run is not None and run.spent:
                return None
            function(a, b, wide, means, total, begin, min(begin + step, n))
        if function is hsic_sums:
            means /= n
    statistic, variance = total[0] / n, total[1]
    off = (means.sum(axis=1) * n - n) / (n * (n - 1.0))
    mean = (1 + off[0] * off[1] - off[0] - off[1]) / n
    variance *= 72 * (n - 4) * (n - 5) / (n * (n - 1.0) * (n - 2) * (n - 3)) / (36 * n * (n - 1.0))
    log_p = float(gamma_log_tail(mean**2 / variance, statistic * mean / (variance * n)))
    return Dependence(float(statistic), float(np.exp(log_p)), log_p)


def _rate(a: Floats) -> float:
    """1 / (2 width^2) for points (p, m), width^2 half the median squared distance."""
    if len(a) == 1:
        from ..kernels.hsic import median_square_gap

        return 1.0 / (float(median_square_gap(np.sort(a[0]))) or 1.0)
    apart = np.zeros((a.shape[1], a.shape[1]))
    for row in a:
        apart += np.subtract.outer(row, row) ** 2
    far = apart[apart > 0]
    if not len(far):
        return 1.0
    middle = (len(far) - 1) // 2, len(far) // 2
    return 2.0 / float(np.partition(far, middle)[list(middle)].sum())


@dataclass(frozen=True)
class KernelMeasure:
    """Kernel mutual information of a variable and the residuals of the others on it.

    It sees any dependence, at a cost that grows with the square of the rank of the kernel
    matrices; for up to about 20 variables. Kernel matrices are taken as incomplete Cholesky
    factors that leave out 1e-12 of the trace.

    Source: Shimizu et al. (2011), section 3.2; Bach and Jordan (2002), section 3.2 and 4.1. Widths
    and regularisation as in the reference implementation.
    """

    @property
    def cites(self) -> tuple[str, ...]:
        """Where it was published."""
        return ("bach2002",)

    def order(self, setting: Setting, run: Run) -> tuple[Ints, bool]:
        """See `rung.discovery.direct_lingam.Measure`."""
        x, d = setting.x.T.copy(), len(setting.names)
        left, chosen = list(range(d)), list[int]()
        terms = np.abs(x @ x.T / x.shape[1])  # what to look at first
        while len(left) > 1:
            free = [i for i in left if not setting.precedes[left, i].any()]
            part = np.zeros(d)
            m = free[0] if len(free) == 1 else _least_dependent(x, left, free, terms, part, run)
            if m is None:
                return finish(chosen, part, setting.precedes), False
            chosen.append(m)
            left.remove(m)
            for i in left:
                x[i] -= (x[i] @ x[m]) / (x[m] @ x[m]) * x[m]
            run.tick(1 - len(left) / d, f"variable {len(chosen)} of {d}")
        return np.array([*chosen, *left], dtype=np.int64), True


def _least_dependent(
    x: Floats, left: list[int], free: list[int], terms: Floats, part: Floats, run: Run
) -> int | None:
    """The variable with the least sum of information on the residuals of the others.

    Sums are extended only while they are least, as in `next_cause`.
    """
    n = x.shape[1]
    kappa, sigma = (2e-3, 0.5) if n > 1000 else (2e-2, 1.0)
    own = {j: _directions(x[j], sigma, kappa) for j in free}
    todo = {j: sorted((i for i in left if i != j), key=lambda i: terms[j, i]) for j in free}
    while not run.spent:
        j = min(free, key=lambda f: part[f])
        if not todo[j]:
            return j
        i = todo[j].pop()
        r = x[i] - (x[i] @ x[j]) / (x[j] @ x[j]) * x[j]
        s = np.linalg.svd(own[j].T @ _directions(r, sigma, kappa), compute_uv=False)
        terms[j, i] = -0.5 * np.log1p(-np.minimum(s * s, 1 - 1e-15)).sum()
        part[j] += terms[j, i]
    return None


def _directions(x: Floats, sigma: float, kappa: float) -> Floats:
    """(n, m) G with G G' = f(K)^2 for the kernel matrix K of x (n,).

    f(t) = t / (t + n kappa / 2).
    """
    from ..kernels.hsic import incomplete_cholesky

    L = np.zeros((min(RANK, len(x)), len(x)))
    m = incomplete_cholesky(np.ascontiguousarray(x), 0.5 / sigma**2, EXACT, L)
    L = L[:m]
    values, vectors = np.linalg.eigh(L @ L.T)
    fine = values > 1e-14 * values[-1]
    values, vectors = values[fine], vectors[:, fine]
    return np.asarray(L.T @ (vectors * (np.sqrt(values) / (values + 0.5 * len(x) * kappa))))
