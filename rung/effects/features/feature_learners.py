"""Regressions for feature selection: sparse terms by the lasso, or any scikit-learn regressor.

A learner is bound to features once; it is then fitted on many subsets of rows, with all features
or without one, to the target or to what a fit owes to one feature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, NotSupported
from .candidate_features import Columns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.bool_]
MOST_TERMS = 6000
LEVELS = 30
TOLERANCE = 1e-7


class FeatureFit(Protocol):
    """A fitted regression."""

    @property
    def mean(self) -> Floats:
        """(n,) for all rows, also those not fitted."""

    @property
    def uses(self) -> NDArray[np.bool_]:
        """(d,) features that it depends on."""

    def part(self, j: int) -> Floats:
        """A function (n,) of all features in which feature j plays a part."""


class BoundFeatureLearner(Protocol):
    """A regression bound to features."""

    def tune(self, y: Floats, folds: Ints) -> float:
        """Choose what is to be chosen; the cross-validated mean squared error."""

    def fit(self, rows: Rows, y: Floats, without: int | None = None) -> FeatureFit:
        """The target's regression on these rows, without one feature."""

    def projection(self, rows: Rows, z: Floats, without: int) -> Floats:
        """The regression (n,) of another response on all features but one."""


@dataclass(frozen=True)
class SparseTerms:
    """Least squares on terms chosen by the lasso, its penalty by cross-validation.

    A feature that the lasso leaves out changes nothing when it is left out, so that only those
    kept are refitted without themselves: hundreds of features cost as much as the few that
    matter. With no more columns than a fifth of the rows, what other features say about one comes
    from one inverse for all.

    Parameters
    ----------
    curves : bool
        A restricted cubic spline of each number, not only a line.
    products : bool
        The products of all pairs of numbers and indicators; up to 6000 terms.

    Source: Tibshirani (1996); least squares after it, Belloni and Chernozhukov (2013).
    """

    curves: bool = False
    products: bool = False

    @property
    def words(self) -> str:
        """The terms in words."""
        lines = "curves" if self.curves else "lines"
        return f"{lines} and products" if self.products else lines

    def bind(self, columns: Columns, rng: np.random.Generator) -> BoundTerms:
        """Bind to features.

        Raises
        ------
        NotSupported
            More than 6000 products.
        """
        main = columns if self.curves else columns.only_linear()
        values, pairs = main.values, np.column_stack([main.owner, main.owner])
        if self.products:
            line = columns.only_linear()
            k = len(line.values)
            if k * (k - 1) // 2 > MOST_TERMS:
                raise NotSupported(
                    f"{k} columns have {k * (k - 1) // 2} products, more than {MOST_TERMS}; use "
                    "SparseTerms(curves=True), or fewer columns"
                )
            first, second = np.triu_indices(k, 1)
            keep = line.owner[first] != line.owner[second]
            first, second = first[keep], second[keep]
            both = line.values[first] * line.values[second]
            both -= both.mean(axis=1, keepdims=True)
            both /= np.maximum(both.std(axis=1, keepdims=True), 1e-12)
            values = np.vstack([values, both])
            more = np.column_stack([line.owner[first], line.owner[second]])
            pairs = np.vstack([pairs, more])
        return BoundTerms(np.ascontiguousarray(values), pairs, int(columns.owner.max()) + 1)


@dataclass(frozen=True, eq=False)
class TermFit:
    """Coefficients of terms."""

    mean: Floats
    uses: NDArray[np.bool_]
    terms: Floats
    pairs: Ints
    active: Ints
    beta: Floats
    lasso: Floats

    def part(self, j: int) -> Floats:
        """The terms with feature j, at their coefficients."""
        mine = (self.pairs[self.active] == j).any(axis=1)
        return np.asarray(self.beta[mine] @ self.terms[self.active[mine]])


class BoundTerms:
    """`SparseTerms` on the terms (p, n) of the features `pairs` (p, 2)."""

    def __init__(self, terms: Floats, pairs: Ints, d: int) -> None:
        self.terms, self.pairs, self.d = terms, pairs, d
        self.level, self.size = 0.0, 0
        self.kept: dict[bytes, TermFit] = {}

    def tune(self, y: Floats, folds: Ints) -> float:
        """See `BoundFeatureLearner`; ends once four more penalties did not lower the error."""
        p, n = self.terms.shape
        top = float(np.abs(self.terms @ y).max()) / n
        levels = top * np.geomspace(1.0, 0.03 if p > n / 2 else 0.002, LEVELS)
        parts = [self._centred(folds != k, y) for k in np.unique(folds)]
        starts = [np.zeros(p) for _ in parts]
        losses: list[float] = []
        for at in range(0, LEVELS, 3):
            some = levels[at : at + 3]
            loss = np.zeros(len(some))
            for i, (k, (X, c, _, ybar)) in enumerate(zip(np.unique(folds), parts, strict=True)):
                B = _path(X, c, starts[i], some, np.zeros(p, np.uint8))
                starts[i], test = B[-1], folds == k
                for m, b in enumerate(B):
                    fit = self._relaxed(folds != k, X, c, ybar, b)
                    loss[m] += float(((y[test] - fit.mean[test]) ** 2).sum()) / n
            losses += loss.tolist()
            best = int(np.argmin(losses))
            if at + len(some) - best > 6:
                break
        self.level, self.size = float(levels[best]), n - n // len(parts)
        return losses[best]

    def fit(self, rows: Rows, y: Floats, without: int | None = None) -> TermFit:
        """See `BoundFeatureLearner`."""
        key = rows.tobytes()
        X, c, _, ybar = self._centred(rows, y)
        skip = self._skip(without)
        level = self.level * float(np.sqrt(self.size / rows.sum()))
        if key in self.kept:
            start, levels = self.kept[key].lasso, np.array([level])
        else:
            top = float(np.abs(X @ c).max(initial=0.0)) / X.shape[1]
            start = np.zeros(len(X))
            levels = np.geomspace(max(top, 1.001 * level), level, 6)
        found = self._relaxed(rows, X, c, ybar, _path(X, c, start, levels, skip)[-1])
        if without is None:
            self.kept[key] = found
        return found

    def projection(self, rows: Rows, z: Floats, without: int) -> Floats:
        """See `BoundFeatureLearner`; the penalty is the universal one of Sun and Zhang (2012)."""
        X, c, _, zbar = self._centred(rows, z)
        p, n = X.shape
        universal = float(np.sqrt(2 * np.log(max(p, 2)) / n))
        sigma, b = float(c.std()), np.zeros(p)
        if sigma < 1e-12:
            return np.full(len(z), zbar)
        for _ in range(2):
            levels = np.array([sigma * universal])
            b = _path(X, c, b, levels, self._skip(without), 1e-7 * sigma**2)[-1]
            sigma = max(float((c - b @ X).std()), 1e-6 * sigma)
        return self._relaxed(rows, X, c, zbar, b).mean

    def _skip(self, without: int | None) -> NDArray[np.uint8]:
        if without is None:
            return np.zeros(len(self.terms), np.uint8)
        return (self.pairs == without).any(axis=1).astype(np.uint8)

    def _centred(self, rows: Rows, y: Floats) -> tuple[Floats, Floats, Floats, float]:
        key = (rows.tobytes(), "x")
        if getattr(self, "_last", (None,))[0] != key:
            X = self.terms[:, rows]
            means = X.mean(axis=1)
            X -= means[:, None]
            self._last = (key, np.ascontiguousarray(X), means)
        _, X, means = self._last
        return X, y[rows] - y[rows].mean(), means, float(y[rows].mean())

    def _relaxed(self, rows: Rows, X: Floats, c: Floats, ybar: float, b: Floats) -> TermFit:
        """Least squares on the terms with a coefficient, if there are few enough."""
        active = np.flatnonzero(b)
        beta, n = b[active], X.shape[1]
        if 0 < len(active) <= n / 3:
            A = X[active]
            G = A @ A.T / n
            G[np.diag_indices(len(active))] += 1e-8 + 1e-8 * np.diag(G)
            beta = np.linalg.solve(G, A @ c / n)
        inside = self.terms[active]
        mean = ybar + beta @ (inside - inside[:, rows].mean(axis=1, keepdims=True))
        uses = np.zeros(self.d, dtype=bool)
        uses[self.pairs[active].ravel()] = True
        return TermFit(mean, uses, self.terms, self.pairs, active, beta, b)


def _path(
    X: Floats,
    c: Floats,
    start: Floats,
    levels: Floats,
    skip: NDArray[np.uint8],
    tolerance: float | None = None,
) -> Floats:
    from ...kernels.coordinate import lasso_path

    B = np.empty((len(levels), len(X)))
    small = TOLERANCE * float(c @ c) / len(c) if tolerance is None else tolerance
    lasso_path(X, np.ascontiguousarray(c), start, levels, skip, B, small)
    return B


@dataclass(frozen=True)
class Refit:
    """Any scikit-learn regressor, refitted without each feature it uses: slow, and general.

    Parameters
    ----------
    model : an object with `fit(X, y)` and `predict(X)` that `sklearn.base.clone` can copy
        Boosted trees, a kernel ridge, a forest ... on the features' columns. Importances
        (`feature_importances_`, `coef_`), where it has them, tell which features it uses.
    """

    model: Any

    def __post_init__(self) -> None:
        if not (hasattr(self.model, "fit") and hasattr(self.model, "predict")):
            raise InputError(f"model={self.model!r}: expected a regressor with fit and predict")

    @property
    def words(self) -> str:
        """The regressor's name."""
        return type(self.model).__name__

    def bind(self, columns: Columns, rng: np.random.Generator) -> BoundRefit:
        """Bind to features."""
        return BoundRefit(self.model, columns.only_linear(), rng)


@dataclass(frozen=True, eq=False)
class AnyFit:
    """A fitted scikit-learn regressor."""

    mean: Floats
    uses: NDArray[np.bool_]
    model: Any
    columns: Columns
    orders: Ints

    def part(self, j: int) -> Floats:
        """Its prediction, less the mean of those with the values of feature j dealt out anew."""
        x = self.columns.values.T.copy()
        mine, other = self.columns.owner == j, np.zeros(len(x))
        for order in self.orders:
            x[:, mine] = self.columns.values.T[order][:, mine]
            other += self.model.predict(x)
        return np.asarray(self.mean - other / len(self.orders))


class BoundRefit:
    """`Refit` on the columns of the features."""

    def __init__(self, model: Any, columns: Columns, rng: np.random.Generator) -> None:
        self.model, self.columns = model, columns
        n = columns.values.shape[1]
        self.orders = np.array([rng.permutation(n) for _ in range(5)])

    def tune(self, y: Floats, folds: Ints) -> float:
        """See `BoundFeatureLearner`; nothing is chosen."""
        out = np.empty(len(y))
        for k in np.unique(folds):
            out[folds == k] = self.fit(folds != k, y).mean[folds == k]
        return float(((y - out) ** 2).mean())

    def fit(self, rows: Rows, y: Floats, without: int | None = None) -> AnyFit:
        """See `BoundFeatureLearner`."""
        x = self.columns.values.T
        d = int(self.columns.owner.max()) + 1
        keep = np.ones(len(self.columns.owner), bool)
        if without is not None:
            keep = self.columns.owner != without
        if not keep.any():
            return AnyFit(
                np.full(len(y), y[rows].mean()), np.zeros(d, bool), None, self.columns, self.orders
            )
        model = self._fitted(x[np.ix_(rows, keep)], y[rows])
        shares = getattr(model, "feature_importances_", getattr(model, "coef_", None))
        uses = np.ones(d, dtype=bool)
        if shares is not None and np.shape(shares) == (int(keep.sum()),):
            uses[:] = False
            uses[self.columns.owner[keep][np.asarray(shares) != 0]] = True
        return AnyFit(np.asarray(model.predict(x[:, keep])), uses, model, self.columns, self.orders)

    def projection(self, rows: Rows, z: Floats, without: int) -> Floats:
        """See `BoundFeatureLearner`."""
        return self.fit(rows, z, without).mean

    def _fitted(self, x: Floats, y: Floats) -> Any:
        from sklearn.base import clone
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        model = clone(self.model)
        if "random_state" in model.get_params() and model.get_params()["random_state"] is None:
            model.set_params(random_state=0)
        with threadpool_limits(1, user_api="openmp"):
            return model.fit(x, y)
