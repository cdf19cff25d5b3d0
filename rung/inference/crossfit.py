"""Cross-fitting: each row is predicted by a model that has not seen it, nor its unit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError

Floats = NDArray[np.float64]
Rows = NDArray[np.bool_]


def cross_fit(
    folds: NDArray[np.int64], fit_predict: Callable[[Rows, Rows], Floats], *, n_jobs: int = 1
) -> Floats:
    """Out-of-fold predictions (n, ...): `fit_predict(train, test)` gives those of `test`.

    Chernozhukov et al. (2018, definition 3.1). folds : (n,) int as by `resampling.folds`, which
    keeps the rows of a unit together. n_jobs : folds fitted side by side, in threads unless
    `joblib.parallel_config` says otherwise; the answer does not depend on it.
    """
    tests = [folds == fold for fold in np.unique(folds)]
    if not tests:
        raise InputError("no rows to cross-fit")
    if any(test.all() for test in tests):
        raise InputError("cross-fitting needs at least two folds with rows")
    if n_jobs == 1:
        found = [fit_predict(~test, test) for test in tests]
    else:
        from joblib import Parallel, delayed

        work = Parallel(n_jobs=n_jobs, prefer="threads")
        found = work(delayed(fit_predict)(~test, test) for test in tests)
    parts = [np.asarray(part, dtype=np.float64) for part in found]
    out = np.empty((len(folds), *parts[0].shape[1:]))
    for test, part in zip(tests, parts, strict=True):
        out[test] = part
    return out
