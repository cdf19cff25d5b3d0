"""CAM: causal additive models by a greedy search over edges."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.errors import InputError, NotSupported
from ..core.graph import Graph
from ..core.graph_checks import order as topological
from ..core.knowledge import Knowledge
from ..core.source import Basis, Source
from .basis import NaturalSpline
from .functional import Bool, Floats, nested, reach
from .scores.basis_function_bic import BasisFunctionBIC
from .scores.bound import KernelScore

U8 = NDArray[np.uint8]
STEPS = 20  # searches of one column between two looks at the clock


@dataclass(frozen=True)
class CAM:
    """Each variable is a sum of curves of its parents plus Gaussian noise; find the DAG.

    Candidate parents are selected for each variable by forward selection; edges are then added in
    the order of their gain in likelihood, as long as they close no cycle and gain more than
    the penalty; last, each parent's curve is tested given the others'. Curves are splines without
    a penalty on roughness, so that every step works on moments of the features. Assumes no
    hidden common cause. With curved relations and Gaussian noise the DAG is identified; linear
    relations leave directions open.

    Works on Data, or on `data.moments(basis)`. Where conditions have targets, a variable is fitted
    on the rows whose condition does not target it.

    Parameters
    ----------
    basis : Basis
        Features of a parent; the first is the variable itself.
    candidates : int, optional
        Candidate parents of each variable; None for all others.
    penalty : float
        An edge must gain penalty/2 log(n) for each feature (1: BIC); near 0 for the original,
        which adds edges until the order is full.
    alpha : float
        Level of the F-test of each parent at the end; 1 to leave it out.

    Source: Buehlmann, Peters and Ernest (2014), section 3: preliminary neighbourhood selection,
    IncEdge, and pruning.
    """

    basis: Basis = field(default_factory=NaturalSpline)
    candidates: int | None = 10
    penalty: float = 1.0
    alpha: float = 0.001

    def __post_init__(self) -> None:
        if self.candidates is not None and self.candidates < 1:
            raise InputError(f"candidates={self.candidates}: expected 1 or more, or None")
        if not self.penalty > 0:
            raise InputError(f"penalty={self.penalty}: expected a positive number, such as 1")
        if not 0 < self.alpha <= 1:
            raise InputError(f"alpha={self.alpha}: expected a level up to 1, such as 0.001")

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`. Nothing is random."""
        run, known = start(budget), knowledge or Knowledge()
        began = run.seconds
        if known.ties:
            raise NotSupported("CAM cannot tie edges; leave out `ties`")
        required, forbidden = known.matrices(source.names)
        bound = self._bound(source)
        may = ~(forbidden | required).T
        np.fill_diagonal(may, False)
        may, complete = _neighbourhoods(bound, may, self.candidates, run)
        dag, added = _grow(bound, may, required, run)
        kept, p = _prune(bound, dag, self.alpha)
        kept |= required
        total = sum(bound.local(v, np.nonzero(kept[:, v])[0].tolist()) for v in range(bound.size))
        names = source.names
        return Discovery(
            Graph.from_adjacency(kept.astype(np.int8), names),
            knowledge=known,
            learner=self,
            complete=complete and added,
            seconds=run.seconds - began,
            score=float(total),
            details={
                "order": tuple(names[i] for i in topological(dag)),
                "p": nested(p, names, kept),
            },
            cites=("buehlmann2014",),
        )

    def _bound(self, source: Source) -> KernelScore:
        """The score on the source; columns that no curve can be fitted to are refused."""
        bad = [v for v in source.variables if v.discrete]
        if bad:
            raise InputError(
                f"CAM needs numbers, but {bad[0].name!r} is {bad[0].kind}; leave it out, or use "
                "BOSS(BasisFunctionBIC()), which takes levels"
            )
        if source.n <= max(len(source.names), 2):
            raise InputError(
                f"CAM: {source.n} rows for {len(source.names)} columns; it needs more rows than "
                "columns"
            )
        bound = BasisFunctionBIC(self.penalty, self.basis).on(source)
        flat = np.diag(bound.F[0])[bound.I[0, :-1]] == 0
        if flat.any():
            raise InputError(
                f"CAM: column {source.names[int(flat.argmax())]!r} is constant: nothing can be "
                "learned about it; leave it out"
            )
        return bound


def _neighbourhoods(bound: KernelScore, may: Bool, most: int | None, run: Run) -> tuple[Bool, bool]:
    """[v, c]: c is a candidate parent of v. A variable that was not reached has none."""
    from ..kernels.additive import neighbours

    d = bound.size
    if most is None or d - 1 <= most:
        return may, True
    out, work = np.zeros_like(may), np.empty(bound.scratch)
    allowed = np.ascontiguousarray(may).astype(np.uint8)
    for v in range(d):
        if run.spent:
            return out, False
        chosen = np.zeros(d + 1, dtype=np.int64)
        k = neighbours(
            bound.gains_function, v, allowed[v], most, chosen, bound.F, bound.I, bound.P, work
        )
        out[v, chosen[:k]] = True
        run.tick(0.5 * v / d, "candidate parents")
    return out, True


def _grow(bound: KernelScore, may: Bool, required: Bool, run: Run) -> tuple[Bool, bool]:
    """The DAG of all edges that gain, the best first; False if the run was spent before."""
    from ..kernels.additive import add_edges

    d = bound.size
    dag, paths = required.astype(np.uint8), reach(required).astype(np.uint8)
    gain, fresh = np.full((d, d), -np.inf), np.zeros(d, dtype=np.uint8)
    work, done = np.empty(bound.scratch), False
    allowed = np.ascontiguousarray(may).astype(np.uint8)
    while not done:
        if run.spent:
            return dag > 0, False
        done = bool(
            add_edges(
                bound.gains_function, allowed, dag, paths, gain, fresh, STEPS,
                bound.F, bound.I, bound.P, work,
            )
        )  # fmt: skip
        run.tick(0.5 + 0.4 * float(fresh.mean()), f"{int(dag.sum())} edges")
    return dag > 0, True


def _prune(bound: KernelScore, dag: Bool, alpha: float) -> tuple[Bool, Floats]:
    """Edges whose curves are significant given the other parents, and the p-values (d, d)."""
    from scipy.special import fdtrc

    out, p, offsets = dag.copy(), np.ones(dag.shape), bound.I[0]
    for v in np.nonzero(dag.any(axis=0))[0].tolist():
        C, n = bound.F[bound.I[1, v]], bound.P[bound.I[1, v]]
        parents = np.nonzero(dag[:, v])[0].tolist()
        blocks = [np.arange(offsets[i], offsets[i + 1]) for i in parents]
        full, rank = _residual(C, np.concatenate(blocks), int(offsets[v]))
        for i, parent in enumerate(parents):
            rest = [b for j, b in enumerate(blocks) if j != i]
            less, fewer = _residual(
                C, np.concatenate(rest) if rest else blocks[0][:0], int(offsets[v])
            )
            df, free = rank - fewer, n - rank - 1
            if df <= 0 or free <= 0:
                continue
            f = (less - full) / df / max(full / free, 1e-300)
            p[parent, v] = fdtrc(df, free, max(f, 0.0))
        out[:, v] &= (p[:, v] <= alpha) | (alpha == 1)
    return out, p


def _residual(C: Floats, columns: NDArray[np.intp], v: int) -> tuple[float, int]:
    """Residual variance of column v on the columns, and their rank."""
    if len(columns) == 0:
        return float(C[v, v]), 0
    beta, _, rank, _ = np.linalg.lstsq(C[np.ix_(columns, columns)], C[columns, v], rcond=1e-9)
    return float(max(C[v, v] - beta @ C[columns, v], 0.0)), int(rank)
