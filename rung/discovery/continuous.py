"""What learners that optimise a weight matrix share: moments, knowledge, descent, the result.

Inside, T is the transpose of the weights: row j holds the weights of the parents of j.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.discovery import Discovery
from ..core.errors import InputError, NotSupported
from ..core.graph import Graph
from ..core.knowledge import Knowledge
from ..core.moments import Moments
from ..core.source import Source
from ..core.variable import Kind
from .acyclicity import Bool, Floats, before, smallest_threshold, strongest_dag
from .environments import target_matrix

Penalty = Callable[[Floats], tuple[float, Floats]]
ROUNDS, INNER = 10, 1e-4  # of the model's descent in one step; its share of the tolerance
STEPS = 2000  # of one descent, at most
WORK = 2e7  # multiplications between two looks at the clock


@dataclass(frozen=True, eq=False)
class Setting:
    """Covariances, and which weights are open.

    Parameters
    ----------
    names : tuple of str
    covariances : (m, d, d) float64
        One for each set of rows in use.
    which : (d,) int64
        The covariance that speaks about node j as an effect.
    rows : float
        Number of rows (sum of weights).
    required, closed : (d, d) bool
        [i, j] about i -> j; the diagonal is closed.
    flat : tuple of str
        Columns that do not vary.
    """

    names: tuple[str, ...]
    covariances: Floats
    which: NDArray[np.int64]
    rows: float
    required: Bool
    closed: Bool
    flat: tuple[str, ...]

    @property
    def d(self) -> int:
        """Number of variables."""
        return len(self.names)

    def penalties(self, weight: float | Floats) -> Floats:
        """Transposed (d, d) penalties: infinite where closed, 0 where required."""
        out = np.where(self.closed, np.inf, np.where(self.required, 0.0, weight))
        return np.ascontiguousarray(out.T)

    def times(self, T: Floats) -> Floats:
        """Row j of T times the covariance of node j."""
        if len(self.covariances) == 1:
            return np.asarray(T @ self.covariances[0])
        out = np.empty_like(T)
        for k, s in enumerate(self.covariances):
            out[self.which == k] = T[self.which == k] @ s
        return out

    @property
    def own(self) -> Floats:
        """(d, d): row j is row j of the covariance of node j."""
        return np.asarray(self.covariances[self.which, np.arange(self.d)])


def prepare(source: Source, knowledge: Knowledge, who: str, *, targets: bool = True) -> Setting:
    """The setting of a learner called `who`.

    Raises
    ------
    NotSupported
        For ties, and for targets if `targets` is False.
    InputError
        For categories without an order, fewer than two rows, or values too large to square.
    """
    if knowledge.ties:
        raise NotSupported(f"{who} cannot tie edges; leave out `ties`")
    for v in source.variables:
        if v.shape or v.kind is Kind.CATEGORICAL:
            raise InputError(
                f"{who} regresses on numbers, and {v.name!r} is {v.kind}; leave the column out or "
                "use a learner for categories, such as BOSS(score=ConditionalGaussianBIC())"
            )
    required, forbidden = knowledge.matrices(source.names)
    found = target_matrix(source)
    if found is not None and not targets:
        raise NotSupported(f"{who} cannot use conditions with targets; use NOTEARS or DAGMA")
    parts, which = _parts(source, found, who)
    rows = float(min(m.weight for m in parts))
    if not rows >= 2:
        raise InputError(f"{who} needs at least two rows for each variable, got {rows:g}")
    stack = np.ascontiguousarray(np.stack([m.covariance for m in parts]))
    if not np.isfinite(stack).all():
        raise InputError("the columns are too large to be squared; change their units")
    flat = _flat(parts)
    closed = forbidden | np.eye(len(flat), dtype=bool) | _back(required)
    closed |= (flat[:, None] | flat[None, :]) & ~required
    stack[:, flat] = 0.0
    stack[:, :, flat] = 0.0
    names = source.names
    constant = tuple(names[i] for i in np.flatnonzero(flat))
    return Setting(names, stack, which, rows, required, closed, constant)


def _parts(source: Source, targets: Bool | None, who: str) -> tuple[list[Moments], NDArray[Any]]:
    """Moments of each set of rows in use, and the number of the set for each node."""
    d = len(source.names)
    if targets is None:
        return [source.moments(asker=who)], np.zeros(d, dtype=np.int64)
    groups = source.moments_by_environment(asker=who)
    sets: dict[tuple[int, ...], int] = {}
    which = np.zeros(d, dtype=np.int64)
    for j in range(d):
        key = tuple(e for e in sorted(groups) if not targets[e, j])
        if not key:
            raise InputError(
                f"every row was collected under a condition that targets {source.names[j]!r}: no "
                "row is left to learn its causes from. Leave the variable out."
            )
        which[j] = sets.setdefault(key, len(sets))
    return [_sum([groups[e] for e in key]) for key in sets], which


def _sum(parts: list[Moments]) -> Moments:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _flat(parts: list[Moments]) -> Bool:
    """Columns whose spread is rounding of their mean, in any set of rows."""
    out = np.zeros(len(parts[0].mean), dtype=bool)
    for m in parts:
        spread = np.diag(m.scatter)
        out |= ~(spread > 1e-14 * (spread + m.weight * m.mean**2))
    return out


def _back(required: Bool) -> Bool:
    """[i, j] True where required edges lead from j to i, so that i -> j would close a cycle."""
    reach = required.copy()
    for k in range(len(reach)):
        reach |= np.outer(reach[:, k], reach[k])
    return np.asarray(reach.T)


class Loss(Protocol):
    """A smooth loss of T whose curvature is a[j] times the covariance of node j, about."""

    def at(self, T: Floats) -> tuple[float, Floats, Floats]:
        """Value, gradient (d, d), and a (d,)."""


@dataclass(frozen=True, eq=False)
class SquaredLoss:
    """Sum over nodes of half the residual variance."""

    setting: Setting

    def at(self, T: Floats) -> tuple[float, Floats, Floats]:
        """Value, gradient, curvature; the loss is quadratic, so that the curvature is exact."""
        own = self.setting.own
        product = self.setting.times(T)
        value = 0.5 * float(np.trace(own) + np.sum(T * (product - 2.0 * own)))
        return value, product - own, np.ones(len(T))


@dataclass(frozen=True, eq=False)
class State:
    """A point of a descent: weights (transposed), objective, acyclicity, steps taken."""

    T: Floats
    value: float
    h: float
    steps: int
    finished: bool


def penalised(T: Floats, L: Floats) -> float:
    """Sum of L |T| over open entries."""
    there = T != 0
    return float(np.sum(L[there] * np.abs(T[there])))


def descend(
    setting: Setting,
    loss: Loss,
    penalty: Penalty,
    c: float,
    L: Floats,
    T: Floats,
    run: Run,
    *,
    tolerance: float = 1e-5,
    unit: float | None = None,
) -> State:
    """Minimise loss + c * penalty(T o T) + sum L |T| from T, to a local minimum.

    Proximal Newton steps: the loss by its own curvature, the penalty by its linear term in
    T o T, which is a diagonal curvature with the right gradient; the model falls apart into one
    lasso a node. Steps are halved until the objective falls (Lee, Sun and Saunders 2014). Ends
    when a whole step promises less than `tolerance` times `unit`, by default the objective itself.
    """
    h, inverse = penalty(T * T)
    f, G, a = loss.at(T)
    value = f + c * h + penalised(T, L)
    for step in range(STEPS):
        scale = max(abs(value), 1e-300) if unit is None else unit
        C = np.ascontiguousarray(2.0 * c * inverse.T)
        slope = G + C * T
        D = _propose(setting, a, slope, C, L, T, INNER * tolerance * scale, run)
        if D is None:
            return State(T, value, h, step, False)
        D -= T
        promised = float(np.sum(slope * D)) + penalised(T + D, L) - penalised(T, L)
        if -promised <= tolerance * scale:
            return State(T, value, h, step, True)
        size = 1.0
        while True:
            new = T + size * D
            h, inverse = penalty(new * new)
            if np.isfinite(h):
                f, G, a = loss.at(new)
                now = f + c * h + penalised(new, L)
                if now <= value + 1e-4 * size * promised:
                    break
            size *= 0.5
            if size < 1e-9:
                return State(T, value, penalty(T * T)[0], step, True)
        T, value = new, now
    return State(T, value, h, STEPS, True)


def _propose(
    setting: Setting, a: Floats, G: Floats, C: Floats, L: Floats, T: Floats, enough: float, run: Run
) -> Floats | None:
    """The minimiser of the model, about; None if the run was spent."""
    from ..kernels.descent import lower

    d = len(T)
    if not np.any(L[np.isfinite(L)]):
        return _newton(setting, a, G, C, L, T, run)
    out = T.copy()
    chunk = max(1, int(WORK / (4.0 * max(d, 1) ** 2)))
    for first in range(0, d, chunk):
        if run.spent:
            return None
        last = min(first + chunk, d)
        lower(setting.covariances, setting.which, a, G, C, L, out, first, last, ROUNDS, enough)
    return None if run.spent else out


def _newton(
    setting: Setting, a: Floats, G: Floats, C: Floats, L: Floats, T: Floats, run: Run
) -> Floats | None:
    """The minimiser of a model without a lasso: one linear system a node."""
    out = T.copy()
    for j in range(len(T)):
        if run.spent:
            return None
        free = np.flatnonzero(np.isfinite(L[j]))
        if len(free):
            block = a[j] * setting.covariances[setting.which[j]][np.ix_(free, free)]
            block[np.diag_indices(len(free))] += C[j, free]
            out[j, free] -= _solve(block, G[j, free])
    return out


def _solve(block: Floats, right: Floats) -> Floats:
    """The solution of a symmetric system; of least norm where it is singular."""
    from scipy.linalg.lapack import dposv

    _, out, failed = dposv(block, right)
    scale = np.diag(block)
    if failed or not np.isfinite(out).all():
        root = np.sqrt(np.where(scale > 0, scale, 1.0))
        even = block / np.outer(root, root)
        out = np.linalg.lstsq(even, right / root, rcond=1e-12)[0] / root
    return np.asarray(out)


def within_order(setting: Setting, W: Floats, weight: float | Floats, run: Run) -> Floats:
    """Weights of the penalised least squares among DAGs with the order of the strongest edges.

    Closes what a small h leaves open: given the order, the problem is convex and is solved to
    rounding, so that the result is acyclic with a lower objective than any point near W.
    """
    allowed = before(strongest_dag(W, setting.required))
    L = setting.penalties(weight)
    L[~allowed.T] = np.inf
    T = np.ascontiguousarray(np.where(allowed, W, 0.0).T)
    zero = np.zeros_like(T)
    loss = SquaredLoss(setting)
    last = np.inf
    for _ in range(1000):
        f, G, a = loss.at(T)
        value = f + penalised(T, L)
        if run.spent or last - value <= 1e-13 * abs(value):
            break
        last = value
        new = _propose(setting, a, G, zero, L, T, 1e-16 * max(abs(value), 1e-300), run)
        T = T if new is None else new
    return np.ascontiguousarray(T.T)


def discovery(
    learner: Any,
    setting: Setting,
    W: Floats,
    knowledge: Knowledge,
    *,
    complete: bool,
    details: dict[str, Any],
    cites: tuple[str, ...],
) -> Discovery:
    """The DAG of the weights above the learner's threshold, or the smallest that leaves a DAG."""
    dag, used = smallest_threshold(W, setting.required, learner.threshold)
    return Discovery(
        Graph.from_adjacency(dag.astype(np.int8), setting.names),
        knowledge=knowledge,
        learner=learner,
        complete=complete,
        notes=notes_of(setting, used, learner.threshold),
        details={"weights": np.where(dag, W, 0.0), "threshold": used, **details},
        cites=cites,
    )


def at_least_zero(**numbers: float) -> None:
    """Refuse options that are negative or no numbers."""
    for name, value in numbers.items():
        if not value >= 0 or not np.isfinite(value):
            raise InputError(f"{name}={value}: expected 0 or a positive number")


def notes_of(setting: Setting, used: float, asked: float) -> tuple[str, ...]:
    """What a reader should know of the scale, of constant columns and of the threshold."""
    out = []
    spread = np.diagonal(setting.covariances, axis1=1, axis2=2).max(axis=0)
    spread = spread[spread > 0]
    alike = 1.05 + 8.0 / np.sqrt(setting.rows)  # standardised, but for sampling
    if len(spread) > 1 and spread.max() < alike * spread.min():
        out.append(
            "all columns have about the same variance: least squares over DAGs then has little to "
            "tell the direction of edges by, unless their noise differs in just that way; an order "
            "search such as BOSS is more accurate on standardised columns"
        )
    else:
        out.append(
            "the directions rest on the scale of the columns, as if all noise had one variance; "
            "in other units the answer may differ"
        )
    if setting.flat:
        out.append("left without edges, since they do not vary: " + ", ".join(setting.flat))
    if used > asked:
        out.append(f"edges up to {used:.3g} were cut, so that no cycle is left")
    return tuple(out)
