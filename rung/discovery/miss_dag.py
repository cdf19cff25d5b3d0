"""MissDAG: a graph and the missing cells learned in turns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.errors import InputError, MissingCells, NotSupported
from ..core.expected import Expected, Incomplete
from ..core.graph import Graph
from ..core.knowledge import Knowledge
from ..core.mechanism import MechanismSpec
from ..core.protocols import Learner
from ..core.source import Source
from ..core.variable import Kind
from ..mechanisms.expectation import Ascent, GaussianEM
from .boss import BOSS
from .environments import target_matrix
from .inspection import independent
from .members import one_dag
from .missingness import describe

Bool = NDArray[np.bool_]
STEPS = 200  # of EM on one graph, at most
LIMIT = 20  # columns, beyond which draws of missing cells are too few to stand for them
MNAR = (
    "MissDAG assumes that, given what is seen of a row, which of its cells are missing does not "
    "depend on their values; where it does (MNAR) the graph may be wrong, and no data can tell"
)


@dataclass(frozen=True)
class MissDAG:
    """EM around a learner: what is missing is expected under the model, then the graph is learned.

    Linear Gaussian, without `mechanisms`: the learner searches on the moments that the model at
    hand expects; on the graph it finds, weights and noise variances are brought to the maximum of
    the likelihood of the cells that are there, by EM whose E-step costs one factorisation for each
    pattern of missing cells; then the next search follows. The answer is the graph with the
    greatest penalised likelihood of those cells. Any learner that works on Moments serves; of a
    CPDAG any member is fitted, since all imply the same Gaussians.

    With `mechanisms`: an SCM of those mechanisms is fitted on the graph, and the learner searches
    on rows whose missing cells are drawn from their posterior under it (Monte Carlo EM). An
    incomplete row stands there `draws` times with weight 1 / draws, for learners that take
    weights; others get one new draw for each search (stochastic EM). Up to `LIMIT` columns.

    Takes Data with their missing cells, without a policy or under `EM()`. Assumes what the learner
    assumes, and that cells are missing at random.

    Ours, where the paper does otherwise: the first moments are those of EM without any structure,
    in place of a random start without edges, since a first graph learned from the paper's start
    is hard to leave; the first search counts rows as the share in which a pair is seen, so that it
    finds no edges by cells that nobody saw; parameters are brought to their maximum between two
    searches; of all graphs met the best is returned and not the last. Draws come from `impute`, in
    place of rejection sampling, whose acceptance falls with the number of missing cells of a row.

    Parameters
    ----------
    learner : Learner
    equal_variances : bool
        One noise variance for all variables, as learners of weights assume (`NotearsAL`).
    mechanisms : MechanismSpec, optional
        `SplineAdditive()` for curved relations, `LinearNonGaussian()` for other noise.
    searches : int
        At most.
    draws : int
        Completed copies of an incomplete row, with `mechanisms`.
    penalty : float
        Factor of log(n) / 2 for each edge, by which graphs are compared.
    tolerance : float
        EM ends when the mean log-likelihood of a row rises by less.

    Source: Gao, Ng, Gong, Shen, Huang, Liu, Zhang and Bondell (2022), sections 3.2 to 3.4;
    Friedman (1997) for searches inside EM.
    """

    learner: Learner = field(default_factory=BOSS)
    equal_variances: bool = False
    mechanisms: MechanismSpec | None = None
    searches: int = 10
    draws: int = 10
    penalty: float = 2.0
    tolerance: float = 1e-6

    takes_missing: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("searches", "draws"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)}: expected 1 or more")
        for name in ("tolerance", "penalty"):
            value = getattr(self, name)
            if not (value > 0 and np.isfinite(value)):
                raise InputError(f"{name}={value}: expected a positive number")
        if self.mechanisms is not None and not isinstance(self.mechanisms, MechanismSpec):
            raise InputError(
                f"mechanisms: {self.mechanisms!r} is no mechanism spec; pass rung.SplineAdditive()"
            )

    @property
    def few_rows(self) -> bool:
        """Whether the learner accepts no more rows than columns."""
        return bool(getattr(self.learner, "few_rows", False))

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`. The knowledge goes to the learner inside.

        `details` has `searches`, `patterns` (kinds of rows), `missing` (share of cells),
        `converged`, and for linear models `log_likelihood` (of the cells that are there, for each
        search the heights of EM), `penalised` (one for each graph), `mean`, `covariance`,
        `weights` (d, d) and `noise`, the parameters of the graph.

        Raises
        ------
        MissingCells
            A column without any value.
        InputError
            Categories; more than `LIMIT` columns with `mechanisms`.
        NotSupported
            Conditions with targets; a graph with hidden common causes.
        """
        run, known = start(budget), knowledge or Knowledge()
        began = run.seconds
        if not isinstance(source, Data) or not source.has_missing:
            found = self.learner.learn(source, knowledge=known, budget=run, rng=rng)
            return found.replacing(
                learner=replace(self, learner=found.learner or self.learner),
                notes=(*found.notes, "no cell is missing: MissDAG is the learner inside"),
            )
        self._check(source)
        return self._turns(source, known, run, rng).replacing(
            knowledge=known, seconds=run.seconds - began
        )

    def _turns(
        self, source: Data, known: Knowledge, run: Run, rng: np.random.Generator | int
    ) -> Discovery:
        """The searches, with what is said of the missing cells."""
        some = ~source.mask.all(axis=1)
        data = source if some.all() else source.take(np.flatnonzero(some))
        root = int(np.random.default_rng(rng).integers(2**63))
        search = _Search(self, data, known, run, root)
        if self.mechanisms is None:
            found = search.linear()
        else:
            from .sampled_em import search_drawn

            found = search_drawn(self, search)
        notes = [MNAR, *describe(data)]
        if data.n < source.n:
            notes.append(f"{source.n - data.n} rows without any value say nothing: left out")
        return found.replacing(
            learner=replace(self, learner=found.learner or self.learner),
            notes=tuple(dict.fromkeys([*found.notes, *notes])),
            details={
                **found.details,
                "missing": float(data.mask.mean()),
                "patterns": len(np.unique(data.mask[data.mask.any(axis=1)], axis=0)),
            },
            cites=tuple(dict.fromkeys([*found.cites, "gao2022", "friedman1997"])),
        )

    def _check(self, data: Data) -> None:
        for v in data.variables:
            drawn = self.mechanisms is not None and v.discrete
            if v.shape or v.kind is Kind.CATEGORICAL or drawn:
                raise InputError(
                    f"MissDAG models numbers, and {v.name!r} is {v.kind}: leave the column out, or "
                    "declare CompleteCases() or TestWise() and use another learner"
                )
        empty = data.mask.all(axis=0)
        if empty.any():
            name = data.names[int(empty.argmax())]
            raise MissingCells(
                f"column {name!r} has no value at all; leave it out: data.drop([{name!r}])"
            )
        if target_matrix(data) is not None:
            raise NotSupported(
                "MissDAG pools all rows, and these have conditions with targets: take the rows of "
                "one condition, or declare CompleteCases()"
            )
        if self.mechanisms is not None and data.d > LIMIT:
            raise InputError(
                f"MissDAG with mechanisms draws missing cells, which is sound up to {LIMIT} "
                f"columns; these are {data.d}: leave columns out, or leave out `mechanisms`"
            )


@dataclass(eq=False)
class _Search:
    """The searches of one call."""

    plan: MissDAG
    data: Data
    known: Knowledge
    run: Run
    root: int

    def find(self, source: Source, i: int) -> Discovery:
        """The learner's answer, under the same random numbers each time."""
        left = self.plan.searches - i
        part = self.run.share(1 / max(left, 1) if i else 0.5, what=f"search {i + 1}")
        rng = np.random.default_rng(self.root)
        return self.plan.learner.learn(source, knowledge=self.known, budget=part, rng=rng)

    def linear(self) -> Discovery:
        """Searches on expected moments until a graph comes again."""
        plan, data = self.plan, self.data
        rows = Incomplete(data.matrix(), data.weights)
        now = rows.saturated(tolerance=plan.tolerance)
        moments = rows.moments(now, data.variables, share=rows.seen)
        independent(moments)
        best: tuple[float, Discovery, Ascent] | None = None
        met, trace = dict[Any, float](), list[tuple[float, ...]]()
        converged = complete = False
        for i in range(plan.searches):
            found = self.find(moments, i)
            dag = one_dag(found.graph, data.names)
            key = dag.tobytes()
            complete = found.complete
            if key in met:
                converged = True
                break
            fit = self._fit(dag, now)
            edges = plan.penalty * np.log(max(rows.total, 2.0)) / 2 * int(dag.sum())
            met[key] = value = fit.heights[-1] - edges
            trace.append(fit.heights)
            if best is None or value > best[0]:
                best = value, found, fit
            if self.run.spent:
                complete = False
                break
            now = fit.expected[0]
            moments = rows.moments(now, data.variables)
            self.run.tick((i + 1) / plan.searches, f"search {i + 1}")
        assert best is not None
        return self._result(best[1], best[2], tuple(met.values()), trace, converged, complete)

    def _fit(self, dag: Bool, now: Expected) -> Ascent:
        plan, data = self.plan, self.data
        graph = Graph.from_adjacency(dag.astype(np.int8), data.names)
        em = GaussianEM(graph, data, plan.tolerance, plan.equal_variances)
        return em.ascend(data.weights, now, run=self.run, iterations=STEPS)

    def _result(
        self,
        found: Discovery,
        fit: Ascent,
        penalised: tuple[float, ...],
        trace: list[tuple[float, ...]],
        converged: bool,
        complete: bool,
    ) -> Discovery:
        names, expected = self.data.names, fit.expected[0]
        noise = fit.parameters.sd**2
        return found.replacing(
            complete=complete,
            score=max(penalised),
            notes=tuple(found.notes),
            details={
                **found.details,
                "searches": len(penalised),
                "converged": converged,
                "log_likelihood": tuple(trace),
                "penalised": penalised,
                "mean": dict(zip(names, expected.mean.tolist(), strict=True)),
                "covariance": expected.covariance,
                "weights": fit.parameters.slopes.T,
                "noise": dict(zip(names, noise.tolist(), strict=True)),
            },
        )
