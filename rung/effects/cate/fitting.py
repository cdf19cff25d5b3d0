"""Models of means inside the learners: any scikit-learn estimator, fitted and cross-fitted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...inference.crossfit import Rows, cross_fit
from .protocol import CateTask

Floats = NDArray[np.float64]
CLIP = 0.01  # least estimated probability of an arm


def boosted(classes: bool = False) -> Any:
    """The default: boosted trees on histograms, 15 leaves, 100 rounds at rate 0.1."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return kind(
        max_iter=100, learning_rate=0.1, max_leaf_nodes=15, min_samples_leaf=20,
        l2_regularization=1.0, early_stopping=False, random_state=0,
    )  # fmt: skip


def smooth(task: CateTask, classes: bool = False) -> Any:
    """The default for effects and propensities, which vary less than outcomes.

    Boosted trees of 6 leaves of many rows, 100 rounds at rate 0.05.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return kind(
        max_iter=100, learning_rate=0.05, max_leaf_nodes=6,
        min_samples_leaf=max(20, min(100, task.n // 50)), early_stopping=False, random_state=0,
    )  # fmt: skip


@cache
def _threads() -> Any:
    """The thread pools of the process; to find them takes milliseconds."""
    import sklearn.ensemble  # noqa: F401  (loads its own pool)
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def one_thread() -> Any:
    """A context in which boosted trees use one thread."""
    return _threads().limit(limits=1, user_api="openmp")


def fitted(model: Any, x: Floats, y: NDArray[Any], weights: Floats | None) -> Any:
    """A clone of a scikit-learn estimator fitted to rows; one thread.

    Raises
    ------
    InputError
        It is no scikit-learn estimator, or takes no weights where rows weigh differently.
    """
    from sklearn.base import clone
    from sklearn.utils.validation import has_fit_parameter

    if not (hasattr(model, "fit") and hasattr(model, "get_params")):
        raise InputError(f"{model!r} is no scikit-learn estimator: it needs fit and predict")
    fresh = clone(model)
    if len(y) == 0:
        raise InputError("no rows to fit a model on; use more rows")
    if hasattr(fresh, "predict_proba") and (y == y[0]).all():
        return Constant(float(y[0]))
    with one_thread():
        if weights is None:
            return fresh.fit(x, y)
        if not has_fit_parameter(fresh, "sample_weight"):
            raise InputError(
                f"{type(model).__name__} takes no weights, but the rows weigh differently; use an "
                "estimator whose fit has sample_weight"
            )
        return fresh.fit(x, y, sample_weight=weights)


@dataclass(frozen=True)
class Constant:
    """What a classifier says that was shown one class only."""

    value: float

    def predict(self, x: Floats) -> Floats:
        """The class (n,)."""
        return np.full(len(x), self.value)


def predicted(model: Any, x: Floats) -> Floats:
    """Mean (n,) by a fitted model; the probability of 1 for a classifier."""
    with one_thread():
        if not hasattr(model, "predict_proba"):
            return np.asarray(model.predict(x), dtype=np.float64).reshape(len(x))
        shares = np.asarray(model.predict_proba(x), dtype=np.float64)
    classes = np.asarray(model.classes_, dtype=np.float64)
    return np.asarray(shares @ classes) if len(classes) > 1 else np.full(len(x), classes[0])


def outcome_model(given: Any, task: CateTask) -> Any:
    """The estimator given, or the default for the kind of the outcome."""
    return boosted(task.binary) if given is None else given


def fit_rows(model: Any, x: Floats, y: Floats, task: CateTask, rows: Rows | None = None) -> Any:
    """The model on rows of a task, with its weights where they differ."""
    weights = None if task.even else task.weights
    if rows is None:
        return fitted(model, x, y, weights)
    return fitted(model, x[rows], y[rows], None if weights is None else weights[rows])


def cross_mean(model: Any, y: Floats, task: CateTask, folds: NDArray[np.int64]) -> Floats:
    """Out-of-fold means (n,) of y given z."""

    def fit_predict(train: Rows, test: Rows) -> Floats:
        return predicted(fit_rows(model, task.z, y, task, train), task.z[test])

    return cross_fit(folds, fit_predict)


def coded(t: Floats, arms: int) -> Floats:
    """One column (n, arms - 1) of 0 and 1 an arm but the first."""
    return np.column_stack([t == a for a in range(1, arms)]).astype(np.float64)


def under(x: Floats, arm: int, arms: int) -> Floats:
    """Covariates beside the columns of one arm."""
    return np.column_stack([x, coded(np.full(len(x), float(arm)), arms)])


def cross_arms(model: Any, task: CateTask, folds: NDArray[np.int64]) -> Floats:
    """Out-of-fold means (n, arms) of the outcome in each arm given z; one model of all arms."""
    design = np.column_stack([task.z, coded(task.t, task.arms)])

    def fit_predict(train: Rows, test: Rows) -> Floats:
        one, z = fit_rows(model, design, task.y, task, train), task.z[test]
        return np.column_stack([predicted(one, under(z, a, task.arms)) for a in range(task.arms)])

    return cross_fit(folds, fit_predict)


def cross_chances(given: Any, task: CateTask, folds: NDArray[np.int64]) -> Floats:
    """Out-of-fold probabilities (n, arms) of the arms given z, none below 0.01."""
    model = smooth(task, True) if given is None else given
    arm = task.t.astype(np.int64)

    def fit_predict(train: Rows, test: Rows) -> Floats:
        weights = None if task.even else task.weights[train]
        one = fitted(model, task.z[train], arm[train], weights)
        if not hasattr(one, "predict_proba"):
            p = predicted(one, task.z[test])
            if task.arms > 2:
                raise InputError(
                    f"{type(model).__name__} gives no probabilities; several levels of the "
                    "treatment need a classifier"
                )
            return np.column_stack([1 - p, p])
        with one_thread():
            shares = np.asarray(one.predict_proba(task.z[test]), dtype=np.float64)
        out = np.zeros((len(shares), task.arms))
        out[:, one.classes_] = shares
        return out

    p = np.clip(cross_fit(folds, fit_predict), CLIP, 1 - CLIP)
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def cross_treatment(given: Any, task: CateTask, folds: NDArray[np.int64]) -> Floats:
    """Out-of-fold mean (n,) of the treatment given z: a probability with two arms, else a dose."""
    if task.arms == 2:
        return cross_chances(given, task, folds)[:, 1]
    return cross_mean(boosted() if given is None else given, task.t, task, folds)
