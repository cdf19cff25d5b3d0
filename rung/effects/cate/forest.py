"""CausalForest: an honest generalised random forest for the effect given covariates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...kernels.causal_forest import BINS, SUMS, grow_tree, read_forest
from .protocol import CateTask
from .r_learner import residuals

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
DECAY = 2.0
DEEPEST = 4  # levels of splits that count for the importance
BLOCK = 64


@dataclass(frozen=True)
class CausalForest:
    """Honest causal forest (Wager and Athey 2018; Athey, Tibshirani and Wager 2019).

    Outcome and treatment are centred by cross-fitted means. Each tree splits by one half of its
    sample where the slope of outcome on treatment differs most, and the other half fills the
    leaves; a point's effect is the slope of the rows that share leaves with it. `bag` trees share
    a half-sample: the bootstrap of little bags gives pointwise intervals. Levels (each against the
    first) and doses, whose effect is taken as linear in the dose.

    Parameters
    ----------
    trees : number of trees, a multiple of `bag`
    share : of the rows (units, where rows are clustered) that a tree sees, at most 0.5
    least : rows of each half that a leaf keeps
    balance : least share of the rows and of the variation of the treatment on each side of a split
    tried : covariates tried at a split; default ceil(sqrt(p) + 20), at most p
    bag : trees that share a half-sample, 2 or more
    outcome, treatment : scikit-learn estimators for the centring; default boosted trees
    folds : of the cross-fitting

    Raises
    ------
    InputError
        Settings out of range.
    """

    trees: int = 500
    share: float = 0.45
    least: int = 5
    balance: float = 0.05
    tried: int | None = None
    bag: int = 2
    outcome: Any = None
    treatment: Any = None
    folds: int = 5

    def __post_init__(self) -> None:
        if self.bag < 2 or self.trees < 2 * self.bag or self.trees % self.bag:
            raise InputError(
                f"trees={self.trees}, bag={self.bag}: expected bag >= 2 and two bags or more"
            )
        if not 0 < self.share <= 0.5 or not 0 <= self.balance < 0.5 or self.least < 1:
            raise InputError(
                f"share={self.share}, balance={self.balance}, least={self.least}: expected share "
                "in (0, 0.5], balance in [0, 0.5), least >= 1"
            )
        if self.tried is not None and self.tried < 1:
            raise InputError(f"tried={self.tried}: expected 1 covariate or more")

    @property
    def words(self) -> str:
        """The method in the field's words."""
        return f"honest causal forest of {self.trees} trees"

    @property
    def cites(self) -> tuple[str, ...]:
        """Keys of the works it rests on."""
        return ("atheytibshirani2019", "wager2018", "robinson1988")

    def conditional(self, task: CateTask, *, rng: np.random.Generator) -> ForestRule:
        """The fitted rule, one forest a contrast."""
        forests, seen = [], []
        for arm in range(1, task.contrasts + 1):
            pair = task.pair(arm)
            y, t = residuals(pair, self.outcome, self.treatment, self.folds, rng)
            forest, drawn = grow(self, pair.x, y, t, pair.weights, pair.groups, rng)
            forests.append(forest)
            own = forest.read(pair.x, drawn)
            every = own if pair is task else forest.read(task.x)
            if pair is not task:
                every[(task.t == 0) | (task.t == arm)] = own
            seen.append(every)
        return ForestRule(tuple(forests), np.stack(seen, axis=2))


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees in one table of nodes.

    Parameters
    ----------
    cuts : (p, 63) upper ends of the bins of each covariate, padded with infinity
    roots : (trees,) first node of each tree
    nodes : (N, 5) covariate (-1: leaf), cut, left, right (within the tree), depth
    leaf : (N, 5) means of w, w t, w y, w t t, w t y over the estimation rows
    bag : trees that share a half-sample
    """

    cuts: Floats
    roots: Ints
    nodes: Ints
    leaf: Floats
    bag: int

    def read(self, x: Floats, drawn: Bytes | None = None) -> Floats:
        """Effect and variance (n, 2); `drawn` (n, trees) marks trees to leave out at a row."""
        out = np.empty((len(x), 2))
        use = np.zeros((0, 0), dtype=np.uint8) if drawn is None else drawn
        bins = binned(x, self.cuts)
        roots, nodes, leaf = (np.array(a) for a in (self.roots, self.nodes, self.leaf))
        read_forest(bins, roots, nodes, leaf, use, self.bag, out)
        return out

    @property
    def importance(self) -> Floats:
        """Share (p,) of the splits on each covariate, over four levels weighted by level^-2."""
        p, split = len(self.cuts), self.nodes[self.nodes[:, 0] >= 0]
        total = np.zeros(p)
        for level in range(DEEPEST):
            here = np.bincount(split[split[:, 4] == level, 0], minlength=p).astype(np.float64)
            total += (level + 1) ** -DECAY * here / max(here.sum(), 1.0)
        return total / total.sum() if total.sum() > 0 else total


@dataclass(frozen=True, eq=False)
class ForestRule:
    """Fitted forests, one a contrast."""

    forests: tuple[Forest, ...]
    own: Floats = field(repr=False)

    def effect(self, x: Floats) -> Floats:
        """Effects (n, contrasts)."""
        return np.column_stack([f.read(x)[:, 0] for f in self.forests])

    def variance(self, x: Floats) -> Floats:
        """Variances (n, contrasts) of the effects."""
        return np.column_stack([f.read(x)[:, 1] for f in self.forests])

    def seen(self) -> tuple[Floats, Floats]:
        """Effects and variances at the rows learned from, by the trees that did not see them."""
        return self.own[:, 0], self.own[:, 1]

    @property
    def importance(self) -> Floats:
        """Importance (p,) of the covariates, averaged over the contrasts."""
        return np.asarray(np.mean([f.importance for f in self.forests], axis=0))


def cuts_of(x: Floats) -> Floats:
    """Quantiles (p, 63) of each column that bound its bins; repeated ones become infinite."""
    out = np.full((x.shape[1], BINS - 1), np.inf)
    for j, column in enumerate(x.T):
        values = np.unique(column)
        if len(values) <= BINS:
            cuts = (values[:-1] + values[1:]) / 2
        else:
            cuts = np.unique(np.quantile(column, np.arange(1, BINS) / BINS))
        out[j, : len(cuts)] = cuts
    return out


def binned(x: Floats, cuts: Floats) -> Bytes:
    """Bin (n, p) of each cell."""
    out = np.empty(x.shape, dtype=np.uint8)
    for j in range(x.shape[1]):
        out[:, j] = np.searchsorted(cuts[j], x[:, j], side="left")
    return out


def grow(
    spec: CausalForest,
    x: Floats,
    y: Floats,
    t: Floats,
    weights: Floats,
    groups: Ints | None,
    rng: np.random.Generator,
) -> tuple[Forest, Bytes]:
    """A forest on centred y and t, and which tree (n, trees) drew which row."""
    n, p = x.shape
    cuts = cuts_of(x)
    bins = binned(x, cuts)
    units, of = members(n, groups)
    size = max(int(spec.share * len(units)), 4)
    if len(units) < 20:
        raise InputError(f"{len(units)} independent units are too few for a forest; use 20 or more")
    tried = min(p, spec.tried or int(np.ceil(np.sqrt(p) + 20)))
    drawn = np.zeros((n, spec.trees), dtype=np.uint8)
    nodes = np.empty((2 * n + 2, SUMS), dtype=np.int64)
    leaf = np.empty((2 * n + 2, SUMS))
    kept: list[tuple[Ints, Floats]] = []
    half = units
    for b in range(spec.trees):
        if b % spec.bag == 0:
            half = rng.permutation(units)[: max(len(units) // 2, size)]
        sample = rng.permutation(half)[:size]
        first, second = (expand(s, of) for s in (sample[: size // 2], sample[size // 2 :]))
        rows = np.concatenate([first, second])
        drawn[rows, b] = 1
        seed = np.uint64(rng.integers(1, 2**63))
        count = grow_tree(
            bins, y, t, weights, rows, len(first), tried, spec.least, spec.balance, BLOCK, seed,
            nodes, leaf,
        )  # fmt: skip
        kept.append((nodes[:count].copy(), leaf[:count].copy()))
    sizes = [len(a) for a, _ in kept]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    table = np.concatenate([a for a, _ in kept])
    return Forest(cuts, roots, table, np.concatenate([b for _, b in kept]), spec.bag), drawn


def members(n: int, groups: Ints | None) -> tuple[Ints, list[Ints] | None]:
    """Units to draw from and the rows of each; rows themselves where none depend."""
    if groups is None:
        return np.arange(n), None
    _, code = np.unique(groups, return_inverse=True)
    order = np.argsort(code, kind="stable")
    return np.arange(code.max() + 1), list(np.split(order, np.cumsum(np.bincount(code))[:-1]))


def expand(units: Ints, of: list[Ints] | None) -> Ints:
    """Rows of units."""
    return units if of is None else np.concatenate([of[u] for u in units.tolist()])
