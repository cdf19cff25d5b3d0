"""The condition (environment) that rows were collected under, for comparisons within it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.environments import environment_name, with_environment
from ..core.variable import Kind, Variable

SMALLEST = 20  # rows of a condition, to rank or compare within it


def several(data: Data) -> bool:
    """Whether rows come from two or more conditions, each large enough to compare within."""
    if data.environment is None:
        return False
    counts = np.unique(data.environment, return_counts=True)[1]
    return len(counts) > 1 and bool(counts.min() >= SMALLEST)


def codes_of(data: Data) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The environments that occur (k,), and the place of each row's among them (n,)."""
    codes, small = np.unique(np.asarray(data.environment), return_inverse=True)
    return codes, small


def with_condition(data: Data) -> tuple[Data, str]:
    """Data with the condition of each row as a column, and the column's name."""
    codes, _ = codes_of(data)
    name = "condition"
    while name in data.names:
        name += "_"
    kind = Kind.BINARY if len(codes) == 2 else Kind.CATEGORICAL
    variable = Variable(name, kind, tuple(environment_name(data, int(c)) for c in codes))
    return with_environment(data, name, variable), name
