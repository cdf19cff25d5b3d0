"""Which number of an unsupervised code holds which factor: an optimal one-to-one matching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ..core.data import Data
from ..core.errors import InputError
from ..core.result import lock
from ..core.variable import Variable
from .codec import Codes
from .sites import Floats, Place


@dataclass(frozen=True, eq=False)
class Matched(Place):
    """One number of the code, moved along a line: factor = centre + slope * number.

    A factor with levels is the level whose mean number is nearest. Writing the level that is read
    leaves the number as it is; so to write another level and then this one gives its mean number.

    Parameters
    ----------
    variable : Variable
    position : int
    centre, slope : float
    means : (levels,) array
        Mean number of each level; empty for a numeric factor.
    share : float
        Share of the factor's variance that the number explains.
    """

    variable: Variable
    position: int
    centre: float
    slope: float
    means: NDArray[np.float64]
    share: float

    def read(self, values: Codes) -> Floats:
        z = values[:, self.position].astype(np.float64)
        if self.variable.discrete:
            return np.abs(z[:, None] - self.means).argmin(axis=1).astype(np.float64)
        return self.centre + self.slope * z

    def write(self, values: Codes, value: Any) -> Codes:
        out = np.array(values)
        value = np.asarray(value, dtype=np.float64)
        if self.variable.discrete:
            new = self.means[value.astype(np.intp)]
        else:
            new = (value - self.centre) / self.slope
        changed = self.read(values) != value  # a reading written back leaves the code as it is
        out[changed, self.position] = np.broadcast_to(new, changed.shape)[changed]
        return out


def matched(codes: Codes, labels: Data) -> tuple[Matched, ...]:
    """A place for each factor, so that the explained variances are largest in sum.

    Raises
    ------
    InputError
        More factors than numbers, or a number that says nothing at all of its factor.
    """
    names = labels.names
    if codes.shape[1] < len(names):
        raise InputError(
            f"{len(names)} factors cannot be matched to a code of {codes.shape[1]}; raise `size`"
        )
    z = codes.astype(np.float64)
    shares = np.array([[_share(z[:, j], labels, n) for j in range(z.shape[1])] for n in names])
    chosen = linear_sum_assignment(-shares)[1]
    return tuple(_place(z, labels, n, int(j), shares[i, j]) for i, (n, j) in
                 enumerate(zip(names, chosen)))  # fmt: skip


def _share(z: Floats, labels: Data, name: str) -> float:
    """Share of variance: of the factor by a line in z, or of z by the levels of the factor."""
    y = np.asarray(labels.column(name), dtype=np.float64)
    if z.std() < 1e-9:
        return 0.0
    if labels.variable(name).discrete:
        counts = np.bincount(y.astype(np.intp), minlength=labels.variable(name).size)
        sums = np.bincount(y.astype(np.intp), z, len(counts))
        means = sums / np.maximum(counts, 1)
        return float(np.average((means - z.mean()) ** 2, weights=counts) / z.var())
    return float(np.corrcoef(z, y)[0, 1] ** 2)


def _place(z: Floats, labels: Data, name: str, j: int, share: float) -> Matched:
    variable, y = labels.variable(name), np.asarray(labels.column(name), dtype=np.float64)
    if share < 1e-6:
        raise InputError(
            f"no number of the code says anything of {name!r}: train longer, or with labels "
            "(CausalDiffAE, CVAE)"
        )
    if variable.discrete:
        codes = y.astype(np.intp)
        counts = np.bincount(codes, minlength=variable.size)
        means = np.bincount(codes, z[:, j], variable.size) / np.maximum(counts, 1)
        return Matched(variable, j, 0.0, 1.0, lock(means), share)
    slope = float(np.cov(z[:, j], y)[0, 1] / y.var(ddof=1))  # the number a factor's value has
    centre = float(y.mean() - z[:, j].mean() / slope)
    return Matched(variable, j, centre, 1 / slope, lock(np.empty(0)), share)
