"""Linear programmes over distributions that differ in their right-hand sides only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_DENSE = 1_000_000  # cells of a matrix for which bases are kept
MOST_KEPT = 30  # bases a direction


class Solver:
    """Least and largest cost @ q over distributions q with matrix @ q = rhs.

    Optimal bases are kept: one that is feasible for a new right-hand side, and whose reduced costs
    stay right for a new cost, is optimal again, which takes two products instead of a programme.

    Parameters
    ----------
    matrix : (m, types) sparse
    """

    def __init__(self, matrix: Any) -> None:
        from scipy import sparse

        whole = sparse.vstack([matrix, np.ones((1, matrix.shape[1]))], format="csr")
        self.matrix = whole
        small = whole.shape[0] * whole.shape[1] <= MOST_DENSE
        self._dense: Floats | None = whole.toarray() if small else None
        self._rank = 0 if self._dense is None else int(np.linalg.matrix_rank(self._dense))
        self._kept: dict[float, list[tuple[NDArray[np.intp], Floats, Floats]]] = {1.0: [], -1.0: []}

    def extremes(self, rhs: Floats, cost: Floats) -> tuple[float, float, float]:
        """Least and largest cost; NaN in rhs leaves a row out.

        If no distribution fits, over those that miss rhs by as little as possible; the third value
        says by how much, in total variation a block of rows.
        """
        known = np.isfinite(rhs)
        full = bool(known.all())
        rows = np.flatnonzero(np.append(known, True))
        a = self.matrix if full else self.matrix[rows]
        b = np.append(rhs[known], 1.0)
        ends = [self._end(sign, sign * cost, a, b, full) for sign in (1.0, -1.0)]
        if ends[0] is not None and ends[1] is not None:
            return ends[0], -ends[1], 0.0
        return nearest(a, b, cost)

    def _end(self, sign: float, cost: Floats, a: Any, b: Floats, full: bool) -> float | None:
        if full and self._dense is not None:
            for basis, inverse, columns in self._kept[sign]:
                x = inverse @ b
                if x.min() < -1e-11 or np.abs(columns @ x - b).max() > 1e-9:
                    continue
                duals = inverse.T @ cost[basis]
                if (cost - duals @ self._dense).min() >= -1e-9:
                    return float(cost[basis] @ x)
        found = solved(cost, a, b)
        if found is None:
            return None
        basis = np.flatnonzero(found[1] > 1e-9)
        room = len(self._kept[sign]) < MOST_KEPT
        if full and self._dense is not None and len(basis) == self._rank and room:
            columns = self._dense[:, basis]
            inverse = np.asarray(np.linalg.pinv(columns), dtype=np.float64)
            self._kept[sign].append((basis, inverse, columns))
        return found[0]


def nearest(a: Any, b: Floats, cost: Floats) -> tuple[float, float, float]:
    """The extremes over distributions that miss b, but for its last entry, by the least."""
    from scipy import sparse

    m = a.shape[0]
    slack = sparse.vstack([sparse.eye_array(m - 1), sparse.csr_array((1, m - 1))])
    wide = sparse.hstack([a, slack, -slack], format="csr")
    miss = np.concatenate([np.zeros(a.shape[1]), np.ones(2 * (m - 1))])
    least = solved(miss, wide, b)
    assert least is not None
    more = np.concatenate([cost, np.zeros(2 * (m - 1))])
    limit = least[0] + 1e-9
    ends = [solved(sign * more, wide, b, miss, limit) for sign in (1.0, -1.0)]
    assert ends[0] is not None
    assert ends[1] is not None
    mass = float(b[:-1].sum())  # one for each block of rows
    return ends[0][0], -ends[1][0], least[0] / 2 / max(mass, 1.0)


def solved(
    cost: Floats, a: Any, b: Floats, row: Floats | None = None, limit: float = 0.0
) -> tuple[float, Floats] | None:
    """Least cost @ x over x >= 0 with a @ x = b (and row @ x <= limit), and x; None if none."""
    from scipy.optimize import linprog

    extra = {} if row is None else {"A_ub": row[None], "b_ub": [limit]}
    found = linprog(cost, A_eq=a, b_eq=b, bounds=(0, None), method="highs", **extra)
    return (float(found.fun), np.asarray(found.x)) if found.status == 0 else None
