"""How a mechanism moves with a surrogate of what changes it: embeddings, dependence, curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .independence.gaussian_kernel import factor, kernel
from .independence.rows import Rows

Floats = NDArray[np.float64]
MISSING = 0.01  # share of the trace of a kernel that its features may leave out
MOST = 40  # features of one kernel
WIDTHS = (0.05, 0.1, 0.2, 0.4)  # of the kernel on time, in units of the range of time
PENALTIES = 10.0 ** np.arange(-2.0, 4.0, 0.5)  # of the ridge regression
CAUTION = 1.4  # factor on the degrees of freedom in cross-validation (Kim and Gu 2004)
ROWS = 4096  # of products of features that are made at once
FLAT = 1e-12  # trace of a kernel of changes, a point, that counts as no change


@dataclass(frozen=True, eq=False)
class Surrogate:
    """The value of each row of what stands for the unobserved changes.

    Parameters
    ----------
    codes : (n,) int64 or float64
        Number of the environment, or the time.
    points : (m,) float64
        Where changes are looked at: every environment, or times in ascending order.
    categorical : bool
    """

    codes: NDArray[np.float64]
    points: Floats
    categorical: bool

    @cached_property
    def features(self) -> tuple[tuple[Floats, Floats], ...]:
        """For each width of the kernel: features of the rows (n, q) and of the points (m, q).

        Environments have a kernel that is 1 for the same and 0 for different ones, and no width.
        """
        if self.categorical:
            return (((self.codes[:, None] == self.points) * 1.0, np.eye(len(self.points))),)
        span = float(self.points[-1] - self.points[0])
        rows, points = (x[:, None] / span for x in (self.codes, self.points))
        out = []
        for width in WIDTHS:
            value, vector = np.linalg.eigh(kernel(points, points, 1.0 / width**2))
            keep = value > 1e-4 * value[-1]
            there = vector[:, keep] * np.sqrt(value[keep])
            out.append((kernel(rows, points, 1.0 / width**2) @ (there / value[keep]), there))
        return tuple(out)


class Changes:
    """Kernels over the points of a surrogate of how distributions move, kept once computed."""

    def __init__(self, rows: Rows, surrogate: Surrogate) -> None:
        self.rows, self.surrogate = rows, surrogate
        self._known: dict[tuple[tuple[int, ...], tuple[int, ...]], Floats] = {}

    def of(self, effects: Sequence[int], causes: Sequence[int]) -> Floats:
        """M (m, m), the inner products of the embeddings of P(effects | causes) at the points.

        The embedding at c is that of P(effects | causes, c) P(causes), with the causes as they
        are distributed over all rows, so that only the mechanism moves. Kernel ridge regression
        on (1 + K_causes) (1 + K_c): what all points share is not shrunk away. Width of K_c and
        penalty by generalised cross-validation.

        Source: Huang et al. (2020), phase II, the embedding of constructed joint distributions with
        the linear kernel M^L; Kim and Gu (2004).
        """
        y, x = self.rows.sorted(effects), self.rows.sorted(causes)
        if (y, x) not in self._known:
            self._known[y, x] = self._embed(y, x)
        return self._known[y, x]

    def _keep(self, columns: tuple[int, ...]) -> tuple[int, NDArray[np.bool_] | None]:
        return self.rows.usable(columns[0], columns[0], columns)

    def _features(
        self, columns: tuple[int, ...], key: int, keep: NDArray[np.bool_] | None
    ) -> Floats:
        """Features (n, p) of the Gaussian kernel of standardised columns."""
        cells = np.column_stack([self.rows.block(c, key, keep) for c in columns])
        return factor(cells, 1.0 / len(columns), MISSING * len(cells), MOST)[0]

    def _embed(self, effects: tuple[int, ...], causes: tuple[int, ...]) -> Floats:
        key, keep = self._keep(effects + causes)
        F = self._features(effects, key, keep)
        F = F - F.mean(axis=0)
        ones = np.ones((len(F), 1))
        X = np.hstack([ones, self._features(causes, key, keep)]) if causes else ones
        best, found = np.inf, np.zeros((len(self.surrogate.points),) * 2)
        for rows, points in self.surrogate.features:
            C = np.hstack([ones, rows if keep is None else rows[keep]])
            criterion, W = _ridge(X, C, F)
            if criterion < best:
                V = np.tensordot(X.T @ X / len(F), W.reshape(X.shape[1], C.shape[1], -1), 1)
                V = V[:, 1:].transpose(1, 0, 2).reshape(C.shape[1] - 1, -1)
                best, found = criterion, points @ (V @ V.T) @ points.T
        return found


def _ridge(X: Floats, C: Floats, F: Floats) -> tuple[float, Floats]:
    """Ridge regression of F (n, r) on all products of a column of X and one of C.

    The least cross-validation, and the weights (s, r), those of one column of X together.
    """
    n, size = len(F), X.shape[1] * C.shape[1]
    G, B = np.zeros((size, size)), np.zeros((size, F.shape[1]))
    for i in range(0, n, ROWS):
        part = slice(i, i + ROWS)
        Z = (X[part, :, None] * C[part, None, :]).reshape(-1, size)
        G += Z.T @ Z
        B += Z.T @ F[part]
    value, vector = np.linalg.eigh(G)
    value, B = np.maximum(value, 0.0), vector.T @ B
    squares, total = np.einsum("ij,ij->i", B, B), float(np.vdot(F, F))
    inverse = 1.0 / (value + PENALTIES[:, None])
    left = total - ((2.0 - value * inverse) * inverse) @ squares
    used = np.minimum(CAUTION * (inverse @ value) / n, 0.99)
    criterion = np.maximum(left, 0.0) / (1.0 - used) ** 2
    k = int(criterion.argmin())
    return float(criterion[k]), vector @ (inverse[k][:, None] * B)


def gaussian(M: Floats) -> Floats:
    """Centred Gaussian kernel of embeddings with inner products M; width by the median distance."""
    diagonal = np.diag(M)
    D = np.maximum(diagonal[:, None] + diagonal - 2.0 * M, 0.0)
    middle = float(np.median(D[np.tril_indices(len(D), -1)]))
    return centre(np.exp(-D / (2.0 * middle)) if middle > 0 else (D == 0) * 1.0)


def centre(M: Floats) -> Floats:
    """H M H with H = I - 1/m."""
    mean = M.mean(axis=0)
    return np.asarray(M - mean - mean[:, None] + mean.mean())


def dependence(A: Floats, B: Floats) -> float:
    """Normalised HSIC tr(A B) / (|A| |B|) of two centred kernels; 0 if either does not move.

    Huang et al. (2020), phase II, divide by traces; the Frobenius norms (Cortes, Mohri and
    Rostamizadeh 2012) make curves of different dimension comparable.
    """
    size = float(np.linalg.norm(A) * np.linalg.norm(B))
    return float(np.vdot(A, B)) / size if size > (FLAT * len(A)) ** 2 else 0.0


def curves(M: Floats, components: int) -> tuple[Floats, tuple[float, ...]]:
    """Leading principal components (m, k) of the embeddings, and their shares of the movement.

    Each component has standard deviation 1 over the points; its largest entry is positive.

    Source: Huang et al. (2020), phase III; Schoelkopf, Smola and Mueller (1998).
    """
    value, vector = np.linalg.eigh(centre(M))
    value, vector = np.maximum(value[::-1], 0.0), vector[:, ::-1]
    k = min(components, len(M) - 1)
    total = float(value.sum())
    if total <= FLAT * len(M):
        return np.zeros((len(M), k)), (0.0,) * k
    sign = np.sign(vector[np.abs(vector).argmax(axis=0), np.arange(len(M))])
    return vector[:, :k] * sign[:k] * np.sqrt(len(M)), tuple((value[:k] / total).tolist())
