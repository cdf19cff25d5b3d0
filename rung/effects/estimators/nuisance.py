"""Nuisance models: terms chosen by cross-validated loss, boosted where residuals ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...inference.crossfit import Rows, cross_fit
from . import glm
from .basis import FORMS, Basis, make

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RIDGE = {"linear": 1e-8, "spline": 1e-5, "products": 1e-4}
GAIN = 0.01  # share of the residual variance that a tree must explain out of sample
CHECK_ROWS = 3000
CHOICE_ROWS = 8000
MOST_ROWS = 5000  # for boosting
MOST_TERMS = 0.5  # a row


@dataclass(frozen=True)
class Form:
    """How a nuisance is modelled: the terms, and whether boosted trees model what they leave.

    `terms` is the name of the model where the user gave one.
    """

    terms: str
    boosted: bool = False

    @property
    def words(self) -> str:
        """The form in words."""
        text = {
            "linear": "linear terms",
            "spline": "splines",
            "products": "splines and products",
        }.get(self.terms, self.terms)
        return text + (" with boosted residuals" if self.boosted else "")


@dataclass(frozen=True, eq=False)
class Regressor:
    """A fitted mean function of covariates."""

    basis: Basis
    fit: glm.Fit
    trees: Any = None

    def mean(self, x: Floats) -> Floats:
        """Fitted mean (n,) or (n, q)."""
        out = self.fit.mean(self.basis.expand(x))
        if self.trees is not None:
            out = out + self.trees.predict(x)
            out = np.clip(out, 1e-4, 1 - 1e-4) if self.fit.logit else out
        return out


def fit_mean(
    x: Floats, sizes: tuple[int, ...], y: Floats, weights: Floats, form: Form, binary: bool
) -> Regressor:
    """Mean of y (n,) or (n, q) given x in this form."""
    basis = make(x, sizes, form.terms)
    design = basis.expand(x)
    ridge = RIDGE[form.terms]
    if binary:
        fit = glm.logistic(design, y, weights, max(ridge, 1e-5))
    else:
        fit = glm.linear(design, y, weights, ridge)
    trees = _trees(x, y - fit.mean(design), weights) if form.boosted and y.ndim == 1 else None
    return Regressor(basis, fit, trees)


def require_rows(x: Floats, sizes: tuple[int, ...], rows: int, what: str) -> None:
    """InputError if the simplest terms are so many that a model would fit chance.

    x : (n, p) covariates, of which `rows` are fitted on
    """
    terms = make(x, sizes, "linear").expand(x[:1]).shape[1]
    if terms > MOST_TERMS * rows:
        raise InputError(
            f"{rows} rows for {terms} terms of {what}: adjust for fewer columns, merge rare "
            "levels, or give outcome= a penalised model such as sklearn.linear_model.LassoCV()"
        )


def predict_mean(
    x: Floats,
    sizes: tuple[int, ...],
    y: Floats,
    weights: Floats,
    folds: Ints,
    form: Form,
    binary: bool,
    *,
    n_jobs: int = 1,
) -> Floats:
    """Out-of-fold means of y (n,) or (n, q) given x in this form."""

    def fit_predict(train: Rows, test: Rows) -> Floats:
        return fit_mean(x[train], sizes, y[train], weights[train], form, binary).mean(x[test])

    return cross_fit(folds, fit_predict, n_jobs=n_jobs)


def _trees(x: Floats, residual: Floats, weights: Floats) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    model = HistGradientBoostingRegressor(
        max_iter=100, learning_rate=0.1, max_leaf_nodes=15, min_samples_leaf=20,
        l2_regularization=1.0, early_stopping=False, random_state=0,
    )  # fmt: skip
    rows = np.arange(len(x))[:: -(-len(x) // MOST_ROWS)]
    with threadpool_limits(1, user_api="openmp"):
        return model.fit(x[rows], residual[rows], sample_weight=weights[rows])


def _loss(y: Floats, fitted: Floats, weights: Floats, binary: bool) -> float:
    if binary:
        p = np.clip(fitted, 1e-6, 1 - 1e-6)
        return float(-np.average(y * np.log(p) + (1 - y) * np.log1p(-p), weights=weights))
    return float(np.average((y - fitted) ** 2, weights=weights))


def choose(
    x: Floats,
    sizes: tuple[int, ...],
    y: Floats,
    weights: Floats,
    folds: Ints,
    *,
    binary: bool,
    boosting: bool = True,
) -> Form:
    """The form with the least cross-validated loss on at most 8000 rows; of equals the simplest.

    Boosted trees join where a tree explains more than 1 per cent of the out-of-fold residuals.
    """
    if x.shape[1] == 0 or not len(y) or y.min() == y.max():
        return Form("linear")
    step = -(-len(y) // CHOICE_ROWS)
    x, y, weights, folds = x[::step], y[::step], weights[::step], folds[::step]
    best, least, residual = Form("linear"), np.inf, np.zeros_like(y)
    for terms in FORMS:
        form = Form(terms)
        width = make(x, sizes, terms).expand(x[:2]).shape[1]
        if terms != "linear" and width > len(y) / 15:
            break
        out = predict_mean(x, sizes, y, weights, folds, form, binary)
        loss = _loss(y, out, weights, binary)
        if loss < least * (1 - 1e-9):
            best, least, residual = form, loss, y - out
    if boosting and len(y) >= 500 and _structure_left(x, residual, weights, folds) > GAIN:
        return Form(best.terms, True)
    return best


def _structure_left(x: Floats, residual: Floats, weights: Floats, folds: Ints) -> float:
    """Out-of-sample R2 of a tree on residuals, on at most 3000 rows, two halves."""
    from sklearn.tree import DecisionTreeRegressor

    rows = np.arange(len(residual))[:: -(-len(residual) // CHECK_ROWS)]
    half = (folds[rows] % 2).astype(np.int64)
    if half.all() or not half.any():
        return 0.0

    def fit_predict(train: Rows, test: Rows) -> Floats:
        tree = DecisionTreeRegressor(
            max_leaf_nodes=12, min_samples_leaf=max(20, len(rows) // 100), random_state=0
        )
        tree.fit(x[rows][train], left[train], sample_weight=weights[rows][train])
        return np.asarray(tree.predict(x[rows][test]))

    left = residual[rows]
    out = cross_fit(half, fit_predict)
    total = float(np.average(left**2, weights=weights[rows]))
    return 1 - float(np.average((left - out) ** 2, weights=weights[rows])) / max(total, 1e-300)


def propensities(
    x: Floats,
    sizes: tuple[int, ...],
    arm: Ints,
    m: int,
    weights: Floats,
    folds: Ints,
    *,
    form: Form | None = None,
) -> tuple[Floats, Form]:
    """Out-of-fold probabilities (n, m) of the arms given x; arm -1 is another level.

    Two arms and no other level: logistic; else multinomial. The form is chosen if not given.
    """
    others = bool((arm < 0).any())
    k = m + others
    classes = np.where(arm < 0, m, arm)
    if x.shape[1] == 0:

        def shares(train: Rows, test: Rows) -> Floats:
            share = np.bincount(classes[train], weights[train], k) / weights[train].sum()
            return np.tile(share[:m], (int(test.sum()), 1))

        return cross_fit(folds, shares), Form("linear")
    first = (classes == 1).astype(float)
    if form is None:
        form = choose(x, sizes, first, weights, folds, binary=True, boosting=k == 2)
    terms = form.terms
    if k == 2:
        p = predict_mean(x, sizes, first, weights, folds, form, True)
        return np.column_stack([1 - p, p]), form

    def fit_predict(train: Rows, test: Rows) -> Floats:
        basis = make(x[train], sizes, terms)
        ridge = RIDGE[terms] + 1e-5
        beta = glm.multinomial(basis.expand(x[train]), classes[train], weights[train], k, ridge)
        return glm.softmax(basis.expand(x[test]) @ beta)[:, :m]

    return cross_fit(folds, fit_predict), form
