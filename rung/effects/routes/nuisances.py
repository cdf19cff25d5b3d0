"""Nuisance models of the routes: a mean and class probabilities, rung's own or the user's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ..estimators import glm
from ..estimators.basis import FORMS, make
from ..estimators.nuisance import RIDGE, Form, choose, fit_mean, predict_mean

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Predict = Callable[[Floats], Floats]
MOST_COLUMNS = 1000
LEAST = 0.005  # probabilities that are divided by are kept above this


def need_room(names: tuple[str, ...], sizes: tuple[int, ...], n: int) -> None:
    """InputError if levels make more columns than the rows can bear (a third of them, or 1000)."""
    width = sum(max(size - 1, 1) for size in sizes)
    if width > min(max(n / 3, 3), MOST_COLUMNS):
        widest = names[int(np.argmax(sizes))]
        raise InputError(
            f"{', '.join(names)} make {width} columns for {n} rows ({widest!r} alone "
            f"{max(*sizes, 1)}): merge rare levels, use fewer columns, or more rows"
        )


def form_of(
    x: Floats, sizes: tuple[int, ...], y: Floats, weights: Floats, folds: Ints,
    *, binary: bool, model: Any = None,
) -> Form:  # fmt: skip
    """The form with the least cross-validated loss; linear where the user's model is used."""
    if model is not None:
        return Form("linear")
    return choose(x, sizes, y, weights, folds, binary=binary, boosting=False)


def steady(
    x: Floats, sizes: tuple[int, ...], y: Floats, weights: Floats, folds: Ints, *, binary: bool
) -> Form:
    """The simplest form that no richer one beats out of fold by more than a standard error.

    A bootstrap keeps the form fixed: one chosen by chance would be outside of its interval. Breiman
    et al. (1984), section 3.4.3, the rule of one standard error; at most 4000 rows.
    """
    if x.shape[1] == 0 or y.min() == y.max():
        return Form("linear")
    step = -(-len(y) // 4000)
    x, y, weights, folds = x[::step], y[::step], weights[::step], folds[::step]
    best, least = Form("linear"), None
    for terms in FORMS:
        width = make(x, sizes, terms).expand(x[:2]).shape[1]
        if terms != "linear" and width > len(y) / 15:
            break
        out = predict_mean(x, sizes, y, weights, folds, Form(terms), binary)
        loss = _losses(y, out, binary)
        if least is None:
            least = loss
            continue
        gain = weights * (least - loss)
        if gain.mean() > gain.std() / np.sqrt(len(y)):
            best, least = Form(terms), loss
    return best


def _losses(y: Floats, fitted: Floats, binary: bool) -> Floats:
    """Loss of each row (n,)."""
    if binary:
        p = np.clip(fitted, 1e-6, 1 - 1e-6)
        return np.asarray(-(y * np.log(p) + (1 - y) * np.log1p(-p)))
    return np.asarray((y - fitted) ** 2)


def mean_model(
    x: Floats, sizes: tuple[int, ...], y: Floats, weights: Floats, form: Form,
    *, binary: bool = False, model: Any = None,
) -> Predict:  # fmt: skip
    """A function from covariates (n, p) to the mean of y, (n,) or (n, q)."""
    if model is None:
        return fit_mean(x, sizes, y, weights, form, binary).mean
    basis = make(x, sizes, "linear", tame=False)
    fitted = _fitted(model, _design(basis, x), y, weights)
    if binary and hasattr(fitted, "predict_proba"):
        return lambda at: np.asarray(fitted.predict_proba(_design(basis, at)))[:, -1]
    return lambda at: np.asarray(fitted.predict(_design(basis, at)), dtype=np.float64)


def class_model(
    x: Floats, sizes: tuple[int, ...], codes: Ints, k: int, weights: Floats, form: Form,
    *, model: Any = None,
) -> Predict:  # fmt: skip
    """A function from covariates (n, p) to probabilities (n, k) of the classes 0 .. k - 1."""
    if model is not None:
        basis = make(x, sizes, "linear", tame=False)
        fitted = _fitted(model, _design(basis, x), codes, weights)
        places = np.asarray(fitted.classes_, dtype=np.int64)

        def by_user(at: Floats) -> Floats:
            out = np.zeros((len(at), k))
            out[:, places] = fitted.predict_proba(_design(basis, at))
            return out

        return by_user
    if x.shape[1] == 0:
        share = np.bincount(codes, weights, k) / weights.sum()
        return lambda at: np.tile(share, (len(at), 1))
    basis = make(x, sizes, form.terms)
    design, ridge = basis.expand(x), RIDGE[form.terms] + 1e-5
    if k == 2:
        fit = glm.logistic(design, (codes == 1).astype(float), weights, ridge)

        def both(at: Floats) -> Floats:
            p = fit.mean(basis.expand(at))
            return np.column_stack([1 - p, p])

        return both
    beta = glm.multinomial(design, codes, weights, k, ridge)
    return lambda at: glm.softmax(basis.expand(at) @ beta)


def kept_up(p: Floats) -> Floats:
    """Probabilities (n, k) kept above `LEAST`, so that they can be divided by."""
    p = np.clip(p, LEAST, None)
    return np.asarray(p / p.sum(axis=-1, keepdims=True))


def _design(basis: Any, x: Floats) -> Floats:
    out: Floats = basis.expand(x)[:, 1:]
    return out if out.shape[1] else np.ones((len(x), 1))


def _fitted(model: Any, x: Floats, y: Any, weights: Floats) -> Any:
    """A fresh copy of a scikit-learn model, fitted."""
    from sklearn.base import clone

    if not hasattr(model, "fit") or not hasattr(model, "predict"):
        raise InputError(
            f"{type(model).__name__} is no scikit-learn model: expected fit(X, y) and predict(X)"
        )
    fresh = clone(model)
    if (weights == weights[0]).all():
        return fresh.fit(x, y)
    return fresh.fit(x, y, sample_weight=weights)
