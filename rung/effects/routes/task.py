"""Task: what an estimator of an identified formula is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.data import Data
from ...core.graph import Graph
from ...graphs.identification.formula import Formula
from ..contrast import Contrast

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Task:
    """Mean outcomes under the arms of a treatment by a formula of the observed distribution.

    Parameters
    ----------
    data : complete rows of the columns that the formula needs
    contrast : treatment, outcome, arms (internal values)
    formula : P(outcome | do(treatment))
    graph : ADMG over the measured columns
    weights : (n,) frequency weights with mean 1
    groups : (n,) int or None; rows of one group may depend on each other
    """

    data: Data
    contrast: Contrast
    formula: Formula
    graph: Graph
    weights: Floats
    groups: NDArray[np.int64] | None = None
