"""Gaussian kernels of rows as products of thin matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BLOCK = 32  # pivots that are tried together
CLOSE = 0.1  # of the ridge: trace that the factor of a ridge regression may leave out
DROP = 0.1  # of the largest residual among them: smaller ones are left for later


def kernel(x: Floats, y: Floats, rate: float) -> Floats:
    """exp(-rate/2 |x_i - y_j|^2), (n, m), of rows x (n, q) and y (m, q)."""
    left = np.column_stack([rate * x, -0.5 * rate * (x * x).sum(axis=1), np.ones(len(x))])
    right = np.column_stack([y, np.ones(len(y)), -0.5 * rate * (y * y).sum(axis=1)])
    out = left @ right.T
    np.minimum(out, 0.0, out=out)
    np.exp(out, out=out)
    return np.asarray(out)


def factor(x: Floats, rate: float, missing: float, largest: int) -> tuple[Floats, float]:
    """G (n, r) with G G' close to the kernel matrix of rows x (n, q), and the trace left out.

    Incomplete Cholesky decomposition with pivots in blocks: candidates are spread evenly over the
    residual diagonal, and those that the others explain wait. Stops once the residual trace is at
    most `missing`, or at `largest` columns. The kernel less G G' is positive semidefinite, so its
    norm is at most its trace. Cost O(n r^2).

    Source: Fine and Scheinberg (2001); Chen, Epperly, Tropp and Webber (2023), algorithm 2.3, with
    evenly spread in place of random pivots.
    """
    from scipy.linalg import blas, lapack

    n = len(x)
    G = np.empty((n, min(largest, n) + BLOCK), order="F")
    left = np.ones(n)
    r = 0
    while r < min(largest, n):
        sums = np.cumsum(left)
        if sums[-1] <= missing:
            break
        at = np.searchsorted(sums, (np.arange(BLOCK) + 0.5) / BLOCK * sums[-1])
        pick = np.unique(np.minimum(at, n - 1))
        columns = np.asfortranarray(kernel(x, x[pick], rate))
        if r:
            columns -= G[:, :r] @ G[pick, :r].T
        square = columns[pick]
        L, order, k, _ = lapack.dpstrf(square, lower=1, tol=DROP * float(square.diagonal().max()))
        k, chosen = int(k), order[: int(k)] - 1
        if k == 0:
            break
        new = blas.dtrsm(1.0, L[:k, :k], columns[:, chosen], side=1, lower=1, trans_a=1)
        G[:, r : r + k] = new
        r += k
        left -= np.einsum("ij,ij->i", new, new)
        np.maximum(left, 0.0, out=left)
        left[pick[chosen]] = 0.0
    return np.asfortranarray(G[:, :r]), float(left.sum())


def centred(G: Floats) -> Floats:
    """G less its column means: the factor of the centred kernel matrix."""
    G -= G.mean(axis=0)
    return G


class Ridge:
    """What ridge regression on a kernel leaves: r (K + r I)^-1, K the centred kernel of rows z.

    By Woodbury's identity on a thin factor where one of at most n / 6 columns leaves out less
    than a tenth of the ridge, else by the Cholesky factor of K + r I; beyond `DENSE` rows always
    by a thin factor of at most `largest` columns.
    """

    DENSE = 6000

    def __init__(self, z: Floats, rate: float, ridge: float, largest: int) -> None:
        from scipy.linalg import lapack

        n = len(z)
        dense = n <= self.DENSE
        most = min(largest, max(64, n // 6)) if dense else largest
        G, gap = factor(z, rate, CLOSE * ridge, most)
        self.ridge, self.thin = ridge, not dense or gap <= CLOSE * ridge
        if self.thin:
            self.G = centred(G)
            gram = self.G.T @ self.G
            gram[np.diag_indices(len(gram))] += ridge
            self.L = lapack.dpotrf(gram, lower=1, clean=0, overwrite_a=1)[0]
        else:
            K = kernel(z, z, rate)
            mean = K.mean(axis=0)
            K -= mean
            K -= (mean - mean.mean())[:, None]
            K[np.diag_indices(n)] += ridge
            self.G = np.empty((n, 0))
            self.L = lapack.dpotrf(K.T, lower=1, clean=0, overwrite_a=1)[0]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return int(self.G.nbytes + self.L.nbytes)

    def residual(self, F: Floats) -> Floats:
        """r (K + r I)^-1 F for centred columns F (n, q)."""
        from scipy.linalg import lapack

        if not F.shape[1]:
            return F
        if not self.thin:
            out: Any = lapack.dpotrs(self.L, F, lower=1)[0]
            out *= self.ridge
            return np.asarray(out)
        if not self.G.shape[1]:
            return F
        return np.asarray(F - self.G @ lapack.dpotrs(self.L, self.G.T @ F, lower=1)[0])
