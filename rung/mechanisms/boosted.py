"""BoostedAdditive: a boosted mean of any shape, with additive noise like the residuals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError
from ..core.mechanism import Mechanism, MechanismSpec, Parents
from ..core.result import frozen, lock
from ..core.variable import Kind, Variable
from .additive import Additive
from .features import ready
from .linear import need_number
from .noise import Empirical, Residual

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FEWEST = 40  # rows below which trees make no sense


@dataclass(frozen=True, eq=False)
class Trees:
    """A sum of regression trees as flat arrays.

    Parameters
    ----------
    base : float
        The sum starts here.
    roots : (t,) int
        First node of each tree.
    feature, left, right : (m,) int
        Of each node; feature -1 is a leaf.
    threshold, value : (m,) float
        Go left if the feature is at most the threshold; a leaf adds its value.
    """

    base: float
    roots: Ints
    feature: Ints
    left: Ints
    right: Ints
    threshold: Floats
    value: Floats

    def __post_init__(self) -> None:
        for name in ("roots", "feature", "left", "right", "threshold", "value"):
            object.__setattr__(self, name, frozen(np.ascontiguousarray(getattr(self, name))))

    @classmethod
    def of(cls, fitted: Any) -> Trees:
        """The trees of a fitted HistGradientBoostingRegressor without categorical splits."""
        parts = [stage[0].nodes for stage in fitted._predictors]
        sizes = [len(nodes) for nodes in parts]
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if parts else np.empty(0)
        roots = roots.astype(np.int64)
        base = float(np.ravel(fitted._baseline_prediction)[0])
        if not parts:
            empty = np.empty(0, dtype=np.int64)
            return cls(base, empty, empty, empty, empty, np.empty(0), np.empty(0))
        nodes = np.concatenate(parts)
        shift = np.repeat(roots, sizes)
        leaf = nodes["is_leaf"].astype(bool)
        feature = np.where(leaf, -1, nodes["feature_idx"].astype(np.int64))
        return cls(
            base,
            lock(roots),
            lock(feature.astype(np.int64)),
            lock(nodes["left"].astype(np.int64) + shift),
            lock(nodes["right"].astype(np.int64) + shift),
            lock(nodes["num_threshold"].astype(np.float64)),
            lock(nodes["value"].astype(np.float64)),
        )

    def at(self, x: Floats) -> Floats:
        """Sums (n,) at x (n, p)."""
        from ..kernels.trees import add_trees

        out = np.full(len(x), self.base)
        nodes = (self.feature, self.threshold, self.left, self.right, self.value)
        add_trees(out, np.ascontiguousarray(x), self.roots, *nodes)
        return out


def features(parents: Parents, variables: tuple[Variable, ...], n: int) -> Floats:
    """Columns (n, p): numbers and ordered codes as they are, one for each level of a category."""
    columns: list[Any] = []
    for v in variables:
        column = parents[v.name]
        if v.kind is Kind.CATEGORICAL:
            columns += [column == level for level in range(v.size)]
        else:
            columns.append(column)
    out = np.empty((n, len(columns)))
    for j, column in enumerate(columns):
        out[:, j] = column
    return out


@dataclass(frozen=True, eq=False)
class Boosted(Additive):
    """x = sum of trees of the parents + u.

    Parameters
    ----------
    variable : Variable
    parents : tuple of Variable
    trees : Trees
    residual : Residual
        Distribution of u.
    note : str
        Why this mechanism was chosen, if it was.
    """

    variable: Variable
    parents: tuple[Variable, ...]
    trees: Trees
    residual: Residual
    note: str = ""

    def mean(self, parents: Parents, n: int) -> Floats:
        return self.trees.at(features(parents, self.parents, n))

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "boosted",
            "parents": [p.name for p in self.parents],
            "trees": len(self.trees.roots),
            "sd": float(self.residual.sd),
            "noise": self.residual.describe(),
            "note": self.note,
        }


@dataclass(frozen=True)
class BoostedAdditive(MechanismSpec):
    """Gradient-boosted regression trees (scikit-learn's histogram form) and additive noise.

    Noise is distributed like the residuals of rows held out in turn, as those of the rows fitted
    would be too small.

    Parameters
    ----------
    iterations : int
        Trees at most; fewer if rows held out stop improving for ten.
    rate : float
        Learning rate.
    leaves : int
        Leaves of a tree at most.
    rows : int
        Rows that are used at most, drawn at random.
    folds : int
        Parts that are held out in turn for the noise. With 1, a quarter of the rows is held out
        from the trees themselves: one fit instead of `folds` + 1.
    """

    iterations: int = 100
    rate: float = 0.1
    leaves: int = 15
    rows: int = 20_000
    folds: int = 2

    def fit(
        self,
        x: NDArray[Any],
        parents: Data,
        *,
        variable: Variable,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> Boosted:
        x = ready(x, parents, variable, weights, "BoostedAdditive")
        need_number(variable, "BoostedAdditive")
        if not parents.d or len(x) < FEWEST:
            raise InputError(
                f"BoostedAdditive of {variable.name!r} needs a parent and {FEWEST} rows; it has "
                f"{parents.d} and {len(x)}. Use LinearNonGaussian"
            )
        if len(x) > self.rows:
            kept = np.sort(rng.choice(len(x), self.rows, replace=False))
            x, parents = x[kept], parents.take(kept)
            weights = None if weights is None else weights[kept]
        z = features(parents.columns, parents.variables, len(x))
        seed = int(rng.integers(2**31))
        if self.folds == 1:
            held = rng.permutation(len(x)) < len(x) // 4
            trees = self.trees(z[~held], x[~held], _at(weights, ~held), seed)
            left, w = x[held] - trees.at(z[held]), _at(weights, held)
        else:
            trees = self.trees(z, x, weights, seed)
            fold, w = rng.permutation(len(x)) % self.folds, weights
            left = np.empty(len(x))
            for k in range(self.folds):
                held = fold == k
                part = self.trees(z[~held], x[~held], _at(weights, ~held), seed)
                left[held] = x[held] - part.at(z[held])
        left = left - np.average(left, weights=w)
        sd = float(np.sqrt(np.average(left**2, weights=w)))
        return Boosted(variable, parents.variables, trees, Empirical.of(left, sd, w))

    def refits(
        self, fitted: Mechanism, x: NDArray[Any], parents: Data
    ) -> Callable[[Floats], Boosted]:
        """Fits of the same rows under other weights: the splits and the noise stay as they are."""
        from ..kernels.trees import leaves, reweigh

        assert isinstance(fitted, Boosted)
        old = fitted.trees
        z = features(parents.columns, parents.variables, len(x))
        leaf = leaves(z, old.roots, old.feature, old.threshold, old.left, old.right)

        def fit(weights: Floats) -> Boosted:
            base = float(np.average(x, weights=weights))
            w = np.ascontiguousarray(weights, dtype=np.float64)
            value = reweigh(leaf, np.ascontiguousarray(x - base), w, self.rate, len(old.value))
            return replace(fitted, trees=replace(old, base=base, value=lock(value)))

        return fit

    def trees(self, z: Floats, x: Floats, weights: Floats | None, seed: int) -> Trees:
        """The boosted mean of x (n,) on features z (n, p)."""
        return boost(
            z, x, weights, max_iter=self.iterations, learning_rate=self.rate,
            max_leaf_nodes=self.leaves, early_stopping=True, validation_fraction=0.15,
            n_iter_no_change=10, random_state=seed,
            min_samples_leaf=max(5, min(20, len(x) // 20)),
        )  # fmt: skip


def _at(weights: Floats | None, rows: NDArray[np.bool_]) -> Floats | None:
    return None if weights is None else weights[rows]


def boost(z: Floats, x: Floats, weights: Floats | None, **options: Any) -> Trees:
    """Trees fitted by scikit-learn, in one thread: nodes are what runs in parallel."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1, user_api="openmp"):
        fitted = HistGradientBoostingRegressor(**options).fit(z, x, sample_weight=weights)
    return Trees.of(fitted)


def gain(x: Floats, parents: Data, weights: Floats | None, rng: np.random.Generator) -> float:
    """Share of the variance of residuals x (n,) that a few trees explain in rows held out.

    A quick check, on at most 2,500 rows, of whether an additive fit missed something; 0 if trees
    explain nothing, or if the gain is within two standard errors.
    """
    rows = rng.permutation(len(x))[:2500]
    cut = int(0.6 * len(rows))
    train, test = rows[:cut], rows[cut:]
    if cut < FEWEST:
        return 0.0
    z = features(parents.columns, parents.variables, len(x))
    w = np.ones(len(x)) if weights is None else weights
    trees = boost(
        z[train], x[train], w[train] if weights is not None else None, max_iter=15,
        learning_rate=0.3, max_leaf_nodes=8, early_stopping=False, random_state=0,
    )  # fmt: skip
    centre = np.average(x[train], weights=w[train])
    change = (x[test] - centre) ** 2 - (x[test] - trees.at(z[test])) ** 2
    mean = np.average(change, weights=w[test])
    error = np.sqrt(np.sum((w[test] * (change - mean)) ** 2)) / w[test].sum()
    total = np.average((x[test] - centre) ** 2, weights=w[test])
    return float(mean / total) if mean > 2 * error and total > 0 else 0.0
