"""Tables with known direct causes of one column, for the evidence of DRCFS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data

Floats = NDArray[np.float64]
PARENTS = 5
DEGREE = 3.0  # mean number of edges a feature has


@dataclass(frozen=True)
class Case:
    """How the rows are made.

    shape : "linear" or "nonlinear"; features are linear in their own causes in both
    cycles : pairs of features that cause each other
    child : whether the target causes a feature, which breaks an assumption
    """

    d: int
    n: int
    shape: str = "linear"
    cycles: bool = False
    child: bool = False


@dataclass(frozen=True, eq=False)
class World:
    """Rows, the names of the target's direct causes, and of its effects."""

    data: Data
    causes: frozenset[str]
    effects: frozenset[str]


def drawn(case: Case, seed: int) -> World:
    """A random table: features from a random linear graph, a target with 5 causes among them.

    Features have standard deviation 1; causes are drawn at random, so that their own causes
    (ancestors of the target) and their other effects (siblings) are correlated with the target and
    no direct causes. The noise of the target has the variance of its mean; columns are shuffled.
    """
    kind = ["linear", "nonlinear"].index(case.shape)
    code = [2306, case.d, case.n, kind, int(case.cycles), int(case.child), seed]
    rng = np.random.default_rng(code)
    x = _features(case, rng)
    causes = rng.choice(case.d, PARENTS, replace=False)
    f = _linear(x[:, causes], rng) if case.shape == "linear" else _nonlinear(x[:, causes])
    y = f / f.std() + rng.normal(size=case.n)
    names = [f"x{j}" for j in range(case.d)]
    effects = []
    if case.child:
        other = rng.normal(size=case.n)
        child = 0.8 * y + other + 0.6 * rng.normal(size=case.n)
        x = np.column_stack([x, child / child.std(), other])
        names += ["child", "spouse"]
        effects = ["child", "spouse"]
    order = rng.permutation(len(names) + 1)
    matrix = np.column_stack([x, y])[:, order]
    data = Data.from_matrix(matrix, [[*names, "y"][j] for j in order])
    return World(data, frozenset(names[j] for j in causes), frozenset(effects))


def _features(case: Case, rng: np.random.Generator) -> Floats:
    """Columns (n, d) of a random linear graph; with cycles solved as x = W x + noise."""
    d, n = case.d, case.n
    edges = np.tril(rng.random((d, d)) < DEGREE / max(d - 1, 1), -1)
    W = edges * rng.uniform(0.5, 1.0, (d, d)) * rng.choice([-1, 1], (d, d))
    if case.cycles:
        for j in range(0, d - 1, 4):
            W[j, j + 1], W[j + 1, j] = rng.choice([-1, 1], 2) * rng.uniform(0.3, 0.6, 2)
        return _standard(np.linalg.solve(np.eye(d) - W, rng.normal(size=(d, n))).T)
    x = np.zeros((n, d))
    for j in range(d):
        x[:, j] = x @ W[j] + rng.normal(size=n)
        x[:, j] /= x[:, j].std()
    return x


def _standard(x: Floats) -> Floats:
    return np.asarray(x / x.std(axis=0))


def _linear(x: Floats, rng: np.random.Generator) -> Floats:
    return np.asarray(x @ (rng.uniform(0.4, 1.0, PARENTS) * rng.choice([-1, 1], PARENTS)))


def _nonlinear(x: Floats) -> Floats:
    """A wave, a product, a bend and a step of the five causes."""
    a, b, c, d, e = x.T
    return np.asarray(np.sin(2 * a) + 0.8 * b * c + 0.7 * np.abs(d) + 0.6 * np.tanh(3 * e))
