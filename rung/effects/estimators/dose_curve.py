"""DoseCurve: a doubly robust curve of a dose, without assuming its shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import NotSupported
from ...inference.crossfit import Rows
from .density import stabilised
from .models import check_model, fitted, is_classifier, name_of, plain
from .nuisance import Form, choose, fit_mean, require_rows
from .problem import Fitted, Problem

Floats = NDArray[np.float64]
PLACES = 80  # doses at which local fits are made for choosing the bandwidth
# Times sd n^(-1/5). None is so wide that the local fit would have fewer bends than the outcome
# model: what that model's curve gets wrong by chance would then not be in the interval.
WIDTHS = (0.5, 0.7, 1.0, 1.4)
MOST_WEIGHT = 50.0


@dataclass(frozen=True)
class DoseCurve:
    """Mean outcome at doses, right if the outcome model or the density of the dose is.

    The outcome model averaged over the covariates at the dose, plus a local fit of the weighted
    residuals (y - mu(t, x)) f(t) / f(t | x) over the dose: the pseudo-outcome of Kennedy, Ma,
    McHugh and Small (2017, equation 4), smoothed only where the outcome model leaves something, as
    by Colangelo and Lee (2020). Nuisances are out of fold. The bandwidth is that of a local
    linear fit with the least leave-one-out error; the fit at that bandwidth is local quadratic, so
    that its bias does not count in the interval (Calonico, Cattaneo and Farrell 2018).

    Parameters
    ----------
    outcome : scikit-learn regressor of the outcome on covariates and dose (the last column)
    treatment : scikit-learn regressor for the mean of the ranked dose
    bandwidth : of the local fit, in units of the dose; None: chosen
    n_jobs : folds of the treatment model fitted side by side
    """

    outcome: Any = None
    treatment: Any = None
    bandwidth: float | None = None
    n_jobs: int = 1

    def __post_init__(self) -> None:
        check_model(self.outcome, "outcome")
        check_model(self.treatment, "treatment")

    def estimate(self, problem: Problem, *, rng: np.random.Generator) -> Fitted:
        """Means at the doses `problem.arms` with their influence functions.

        Raises
        ------
        NotSupported
            The treatment has levels, or the effect on another population than all rows.
        """
        if problem.discrete:
            raise NotSupported("DoseCurve needs a dose; for levels use DoublyRobust() or TMLE()")
        ratio = problem.ratio
        if ratio is None or self.treatment is not None:
            ratio = stabilised(problem, model=self.treatment, rng=rng, n_jobs=self.n_jobs)[0]
        ratio = np.minimum(ratio, MOST_WEIGHT)
        mu, table, words = self._outcome(problem, rng)
        w = problem.weights
        average = w @ table / w.sum()
        rest = (problem.y - mu) * ratio
        h = self.bandwidth or bandwidth(problem.t, rest, w)
        more, load = local(problem.t, rest, w, problem.arms, h)
        own = problem.n * load * _left(problem.t, rest, w, h)
        influence = own.T + w[:, None] / w.mean() * (table - average)
        return Fitted(
            average + more, influence - influence.mean(axis=0),
            f"doubly robust curve (residuals local quadratic, bandwidth {h:.3g}), "
            f"{len(np.unique(problem.folds))}-fold cross-fitting; outcome model: {words}",
            details={"forms": [words], "bandwidth": h, "curve": "local"},
            cites=("kennedy2017", "colangelo2020", "calonico2018"),
        )  # fmt: skip

    def _outcome(self, problem: Problem, rng: np.random.Generator) -> tuple[Floats, Floats, str]:
        """Out-of-fold means at the own dose (n,) and at the doses asked for (n, m), and words."""
        form = Form("linear")
        if self.outcome is None:
            both = np.column_stack([problem.x, problem.t])
            require_rows(both, (*problem.sizes, 0), problem.n, "the outcome model")
            form = choose(
                both, (*problem.sizes, 0), problem.y, problem.weights, problem.folds,
                binary=problem.binary,
            )  # fmt: skip
        mu, table = np.empty(problem.n), np.empty((problem.n, len(problem.arms)))
        for fold in np.unique(problem.folds):
            test = problem.folds == fold
            mean = self._fit(problem, ~test, form, int(rng.integers(2**31 - 1)))
            mu[test] = mean(test, problem.t[test])
            for k, dose in enumerate(problem.arms):
                table[test, k] = mean(test, np.full(int(test.sum()), dose))
        return mu, table, form.words if self.outcome is None else name_of(self.outcome)

    def _fit(
        self, problem: Problem, train: Rows, form: Form, seed: int
    ) -> Callable[[Rows, Floats], Floats]:
        """Mean outcome (k,) of rows at doses (k,), by a model of the training rows."""
        y, w = problem.y[train], problem.weights[train]
        if self.outcome is None:
            x = np.column_stack([problem.x, problem.t])[train]
            fit = fit_mean(x, (*problem.sizes, 0), y, w, form, problem.binary)
            return lambda rows, t: fit.mean(np.column_stack([problem.x[rows], t]))
        covariates = plain(problem.x, problem.sizes)
        design = np.column_stack([covariates, problem.t])[train]
        predict = fitted(self.outcome, "outcome", design, y, w, seed)
        column = 1 if is_classifier(self.outcome) else None

        def mean(rows: Rows, t: Floats) -> Floats:
            out = predict(np.column_stack([covariates[rows], t]))
            return out if column is None else out[:, column]

        return mean


def local(
    t: Floats, y: Floats, w: Floats, at: Floats, h: float, degree: int = 2
) -> tuple[Floats, Floats]:
    """Local polynomial fits at doses (m,): values, and loads (m, n) with values = loads y.

    Normal kernel with standard deviation h; columns that a fit cannot tell apart share.
    """
    u = (t[None, :] - at[:, None]) / h
    kernel = w * np.exp(-0.5 * u**2)
    powers = np.stack([u**p for p in range(degree + 1)], axis=2)
    gram = np.einsum("mn,mnp,mnq->mpq", kernel, powers, powers)
    first = np.linalg.pinv(gram, rcond=1e-10, hermitian=True)[:, 0]
    load = kernel * np.einsum("mnp,mp->mn", powers, first)
    return load @ y, load


def _places(t: Floats) -> Floats:
    return np.unique(np.quantile(t, np.linspace(0, 1, PLACES)))


def bandwidth(t: Floats, y: Floats, w: Floats) -> float:
    """Bandwidth of a local linear fit with the least leave-one-out error.

    Candidates are multiples of sd n^(-1/5); fits are made at 80 quantiles and joined.
    """
    unit = min(float(t.std()), float(np.subtract(*np.quantile(t, [0.75, 0.25]))) / 1.34 or np.inf)
    unit = (unit or 1.0) * len(t) ** -0.2
    best, least = WIDTHS[-1] * unit, np.inf
    for width in WIDTHS:
        loss = float(w @ _left(t, y, w, width * unit, degree=1) ** 2)
        if loss < least:
            best, least = width * unit, loss
    return best


def _left(t: Floats, y: Floats, w: Floats, h: float, degree: int = 2) -> Floats:
    """Residuals (n,) as if each row had been left out, from fits at quantiles, joined."""
    at = _places(t)
    u = (t[None, :] - at[:, None]) / h
    kernel = w * np.exp(-0.5 * u**2)
    powers = [np.ones_like(u)]
    for _ in range(2 * degree):
        powers.append(powers[-1] * u)
    sums = np.stack([(kernel * p).sum(axis=1) for p in powers], axis=1)
    gram = np.stack([sums[:, p : p + degree + 1] for p in range(degree + 1)], axis=1)
    right = np.stack([(kernel * p) @ y for p in powers[: degree + 1]], axis=1)
    first = np.linalg.pinv(gram, rcond=1e-10, hermitian=True)[:, 0]
    fit = np.interp(t, at, (first * right).sum(axis=1))
    own = w * np.interp(t, at, first[:, 0])
    return (y - fit) / (1 - np.clip(own, 0.0, 0.5))
