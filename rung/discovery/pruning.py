"""Which of the earlier variables of a causal order are parents, in a linear model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.errors import InputError
from ..inference.multiplicity import holm
from .functional import Setting
from .threads import threads

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SOON = 4e7  # products between two looks at the clock


class Pruning(Protocol):
    """How parents are chosen among the variables that precede a variable."""

    def weights(self, setting: Setting, order: Ints, run: Run) -> tuple[Floats, bool]:
        """Coefficients (d, d) of i in j of the standardised columns; whether all were done.

        Required edges keep a coefficient even if it is 0 by chance; of a variable that was not
        reached only the required ones are fitted.
        """


@dataclass(frozen=True)
class LassoPruning:
    """Adaptive lasso with its penalty by BIC, then least squares on what was chosen.

    Parameters
    ----------
    gamma : float
        Power of the least-squares coefficients that weight the penalty.

    Source: Zou (2006); the criterion of Zou, Hastie and Tibshirani (2007), as in DirectLiNGAM's
    reference implementation.
    """

    gamma: float = 1.0

    def __post_init__(self) -> None:
        if not self.gamma > 0:
            raise InputError(f"gamma={self.gamma}: expected a positive power, such as 1")

    def weights(self, setting: Setting, order: Ints, run: Run) -> tuple[Floats, bool]:
        """See `Pruning`."""
        from ..kernels.lasso import prune

        d, n = len(order), float(len(setting.x))
        R = _correlations(setting.x)
        out = np.zeros((d, d))
        may, must = (
            np.ascontiguousarray(a).astype(np.uint8) for a in (setting.allowed, setting.required)
        )
        order = np.asarray(order, dtype=np.int64)

        def work(part: list[int]) -> bool:
            for place in part:
                if run.spent:
                    return False
                prune(R, order, may, must, n, self.gamma, out, place, place + 1)
            return True

        count = min(threads(), d) if d**4 > 8 * SOON else 1
        with ThreadPoolExecutor(count) as pool:
            done = all(list(pool.map(work, [list(range(t, d, count)) for t in range(count)])))
        if not done:
            _only_required(R, out, setting)
        return out, done


@dataclass(frozen=True)
class WaldPruning:
    """Least squares on all that precedes; a coefficient stays if its test says so.

    Parameters
    ----------
    alpha : float
        Level of the t-test of each coefficient, shared among the pairs by Holm's method.

    Source: Shimizu et al. (2006), section 5 (pruning by tests of the coefficients); Holm (1979).
    """

    alpha: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha={self.alpha}: expected a level between 0 and 1, such as 0.05")

    def weights(self, setting: Setting, order: Ints, run: Run) -> tuple[Floats, bool]:
        """See `Pruning`."""
        from scipy.special import stdtr

        R, (n, d) = _correlations(setting.x), setting.x.shape
        p, out, done = np.ones((d, d)), np.zeros((d, d)), True
        for place in range(1, d):
            if run.spent:
                done = False
                break
            v = int(order[place])
            P = order[:place][(setting.allowed | setting.required)[order[:place], v]]
            if len(P) == 0:
                continue
            inverse = np.linalg.inv(R[np.ix_(P, P)])
            b = inverse @ R[P, v]
            left, free = max(1 - b @ R[P, v], 1e-300), max(n - len(P) - 1, 1)
            t = b / np.sqrt(np.diag(inverse) * left / free)
            p[P, v] = 2 * stdtr(free, -np.abs(t))
        tested = p < 1
        keep = setting.required.copy()
        keep[tested] |= holm(p[tested]) <= self.alpha
        for v in range(d):
            _fit(R, out, np.nonzero(keep[:, v])[0], v)
        return out, done


def _correlations(x: Floats) -> Floats:
    R = np.ascontiguousarray(x.T @ x / len(x))
    np.fill_diagonal(R, 1.0)
    return R


def _fit(R: Floats, out: Floats, parents: NDArray[np.intp], v: int) -> None:
    out[:, v] = 0.0
    if len(parents):
        out[parents, v] = np.linalg.lstsq(R[np.ix_(parents, parents)], R[parents, v], rcond=None)[0]


def _only_required(R: Floats, out: Floats, setting: Setting) -> None:
    """Coefficients of required edges where none were fitted."""
    for v in np.nonzero((setting.required & (out == 0)).any(axis=0))[0].tolist():
        _fit(R, out, np.nonzero(setting.required[:, v])[0], v)
