"""Any scikit-learn estimator as a nuisance: one adapter, out of fold."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, NotSupported
from ...inference.crossfit import Rows, cross_fit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAST = 0.01  # probability of an arm by a classifier, which may say 0 (a forest)


def check_model(model: Any, role: str) -> None:
    """InputError unless `model` is None or has `fit` and `predict` (or `predict_proba`)."""
    if model is None:
        return
    if inspect.isclass(model):
        raise InputError(
            f"{role}= is the class {model.__name__}; pass an object: {role}={model.__name__}()"
        )
    says = any(callable(getattr(model, m, None)) for m in ("predict", "predict_proba"))
    if not says or not callable(getattr(model, "fit", None)):
        raise InputError(
            f"{role}={model!r} has no fit and predict: expected a scikit-learn estimator, such as "
            "RandomForestRegressor() or LogisticRegression()"
        )


def check_least(least: float) -> None:
    """InputError unless it can be a least propensity."""
    if not 0 <= least < 0.5:
        raise InputError(f"least={least}: expected a least propensity from 0 to 0.5, such as 0.01")


def is_classifier(model: Any) -> bool:
    """Whether a model gives probabilities of classes."""
    return callable(getattr(model, "predict_proba", None))


def plain(x: Floats, sizes: tuple[int, ...]) -> Floats:
    """Covariates as a model gets them: numbers as they are, levels as indicators but the first."""
    columns = [
        (x[:, [j]] == np.arange(1, size)).astype(float) if size else x[:, [j]]
        for j, size in enumerate(sizes)
    ]
    return np.hstack(columns) if columns else np.zeros((len(x), 1))


def name_of(model: Any) -> str:
    """What a method text calls a model."""
    return type(model).__name__


def fitted(
    model: Any, role: str, x: Floats, y: Floats, weights: Floats, seed: int
) -> Callable[[Floats], Floats]:
    """A clone fitted to y (n,) given x (n, p); returns its predictions (n,) or (n, classes).

    Free `random_state`s are set to the seed. Classes are the numbers 0 .. k-1 in y.

    Raises
    ------
    NotSupported
        Rows have unequal weights and the model takes none.
    InputError
        The model fails on the rows, or does not predict finite numbers.
    """
    from sklearn.base import clone

    made = clone(model, safe=False)
    free: dict[str, Any] = getattr(made, "get_params", dict)()
    seeds = {k: seed for k, v in free.items() if k.split("__")[-1] == "random_state" and v is None}
    if seeds:
        made.set_params(**seeds)
    classes = is_classifier(made)
    if classes and (y == y[0]).all():
        return lambda new: np.tile(np.eye(int(y[0]) + 1)[-1], (len(new), 1))
    given = y.astype(np.int64) if classes else y
    try:
        made.fit(x, given, **_weighted(made, role, weights))
    except NotSupported:
        raise
    except Exception as error:
        raise InputError(f"{role}={name_of(model)} failed on {len(x)} rows: {error}") from error

    def predict(new: Floats) -> Floats:
        out = np.asarray(made.predict_proba(new) if classes else made.predict(new), dtype=float)
        if not np.isfinite(out).all():
            raise InputError(f"{role}={name_of(model)} predicts values that are not finite")
        if not classes:
            return out.reshape(len(new), -1)[:, 0]
        wide = np.zeros((len(new), int(given.max()) + 1))
        wide[:, np.asarray(made.classes_, dtype=np.intp)] = out
        return wide

    return predict


def _weighted(made: Any, role: str, weights: Floats) -> dict[str, Any]:
    from sklearn.utils.validation import has_fit_parameter

    if (weights == weights[0]).all():
        return {}
    if not has_fit_parameter(made, "sample_weight"):
        raise NotSupported(
            f"{role}={name_of(made)} takes no sample_weight, but the rows have weights: use "
            "another model, or rows with equal weights"
        )
    return {"sample_weight": weights}


def out_of_fold(
    model: Any,
    role: str,
    x: Floats,
    y: Floats,
    weights: Floats,
    folds: Ints,
    *,
    rng: np.random.Generator,
    use: Rows | None = None,
    n_jobs: int = 1,
    width: int | None = None,
) -> Floats:
    """Out-of-fold predictions of all rows (n,), or (n, width) probabilities of a classifier.

    use : (n,) rows that may be trained on
    """
    seeds = dict(zip(np.unique(folds), rng.integers(2**31 - 1, size=len(np.unique(folds)))))

    def fit_predict(train: Rows, test: Rows) -> Floats:
        rows = train if use is None else train & use
        if not rows.any():
            raise InputError("an arm lies within one unit: clustered folds leave it empty")
        seed = int(seeds[folds[test][0]])
        out = fitted(model, role, x[rows], y[rows], weights[rows], seed)(x[test])
        if width is None:
            return out
        return np.pad(out, ((0, 0), (0, max(width - out.shape[1], 0))))[:, :width]

    return cross_fit(folds, fit_predict, n_jobs=n_jobs)


def predicted_mean(
    model: Any,
    x: Floats,
    y: Floats,
    weights: Floats,
    folds: Ints,
    *,
    binary: bool,
    rng: np.random.Generator,
    role: str = "outcome",
    use: Rows | None = None,
    n_jobs: int = 1,
) -> Floats:
    """Out-of-fold mean (n,) of y given x; a classifier's probability where y is 0 or 1."""
    more: dict[str, Any] = {"rng": rng, "use": use, "n_jobs": n_jobs}
    if is_classifier(model):
        if not binary:
            raise InputError(
                f"{role}={name_of(model)} is a classifier, but the {role} is a number: use a "
                "regressor"
            )
        return out_of_fold(model, role, x, y, weights, folds, width=2, **more)[:, 1]
    out = out_of_fold(model, role, x, y, weights, folds, **more)
    return np.clip(out, 1e-4, 1 - 1e-4) if binary else out


def predicted_arms(
    model: Any,
    x: Floats,
    arm: Ints,
    m: int,
    weights: Floats,
    folds: Ints,
    *,
    rng: np.random.Generator,
    n_jobs: int = 1,
) -> Floats:
    """Out-of-fold probabilities (n, m) of the arms, at least 0.01; arm -1 is another level.

    A regressor serves two arms, as a model of the probability of the second.
    """
    others = bool((arm < 0).any())
    classes = np.where(arm < 0, m, arm).astype(float)
    if is_classifier(model):
        p = out_of_fold(
            model, "treatment", x, classes, weights, folds, rng=rng, n_jobs=n_jobs,
            width=m + others,
        )  # fmt: skip
        return np.clip(p[:, :m], LEAST, 1 - LEAST)
    if m + others > 2:
        raise InputError(
            f"treatment={name_of(model)} gives no probabilities of {m + others} levels: use a "
            "classifier"
        )
    p = out_of_fold(model, "treatment", x, classes, weights, folds, rng=rng, n_jobs=n_jobs)
    p = np.clip(p, LEAST, 1 - LEAST)
    return np.column_stack([1 - p, p])
