"""Time as columns: each row beside the rows before it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import Data
from .errors import InputError
from .result import lock
from .variable import Variable


def lagged(data: Data, k: int) -> Data:
    """Rows at times t with columns `X[t-k]` ... `X[t]`; see `Data.lagged`.

    A series ends where the unit or the environment changes; what an environment sets is set at
    every lag.
    """
    if k < 1:
        raise InputError(f"lagged({k}): the number of lags must be at least 1")
    time = np.arange(data.n) if data.time is None else data.time
    unit = np.zeros(data.n, dtype=np.int64) if data.unit is None else data.unit
    order = np.lexsort((time, unit))
    joined = np.ones(max(data.n - k, 0), dtype=np.bool_)
    for group in (unit, data.environment):
        if group is not None:
            for lag in range(1, k + 1):
                joined &= group[order][k:] == group[order][k - lag : data.n - lag]
    here = np.arange(k, data.n)[joined]
    if not len(here):
        raise InputError(
            f"no unit has more than {k} rows in one environment: nothing is left after {k} lags"
        )
    described: list[Variable] = []
    columns: dict[str, NDArray[Any]] = {}
    for lag in range(k, -1, -1):
        for v in data.described:
            name = f"{v.name}[t]" if lag == 0 else f"{v.name}[t-{lag}]"
            described.append(v.renamed(name))
            columns[name] = lock(data.columns[v.name][order[here - lag]])
    rows = {name: array[order[here]] for name, array in data.per_row().items()}
    return Data(
        tuple(described),
        columns,
        environments=data.environments,
        targets=None if data.targets is None else np.tile(data.targets, k + 1),
        missing=data.missing,
        origin=data.origin,
        **rows,
    )
