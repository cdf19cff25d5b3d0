"""Problems built by hand for the estimator tests."""

import numpy as np

from rung.effects.estimators.overlap import prepare
from rung.effects.estimators.problem import Problem
from rung.inference.resampling import folds


def problem(x, t, y, *, binary=False, discrete=True, arms=None, groups=None, weights=None, k=5,
            population="all", sizes=None, ready=True):  # fmt: skip
    rng = np.random.default_rng(5)
    x = np.asarray(x, dtype=float).reshape(len(y), -1)
    arms = np.unique(t) if arms is None else np.asarray(arms, dtype=float)
    made = Problem(
        y=np.asarray(y, dtype=float), t=np.asarray(t, dtype=float),
        arms=np.arange(len(arms), dtype=float) if discrete else arms, x=x,
        sizes=sizes or (0,) * x.shape[1], names=tuple(f"x{j}" for j in range(x.shape[1])),
        weights=np.ones(len(y)) if weights is None else weights,
        folds=folds(rng, len(y), k, unit=groups,
                    strata=t.astype(int) if discrete and groups is None else None),
        groups=groups, binary=binary, discrete=discrete, population=population,
    )  # fmt: skip
    return prepare(made).problem if ready else made
