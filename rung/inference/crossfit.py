"""Cross-fitting: each row is predicted by a model that has not seen it, nor its unit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError

Floats = NDArray[np.float64]
Rows = NDArray[np.bool_]


def cross_fit(folds: NDArray[np.int64], fit_predict: Callable[[Rows, Rows], Floats]) -> Floats:
    """Out-of-fold predictions (n, ...): `fit_predict(train, test)` gives those of `test`.

    Chernozhukov et al. (2018, definition 3.1). folds : (n,) int as by `resampling.folds`, which
    keeps the rows of a unit together.
    """
    out: Floats | None = None
    for fold in np.unique(folds):
        test = folds == fold
        if test.all():
            raise InputError("cross-fitting needs at least two folds with rows")
        predicted = np.asarray(fit_predict(~test, test), dtype=np.float64)
        if out is None:
            out = np.empty((len(folds), *predicted.shape[1:]))
        out[test] = predicted
    if out is None:
        raise InputError("no rows to cross-fit")
    return out
