"""FrontDoor: the effect through mediators that intercept it, by a cross-fitted one-step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, NotIdentified
from ...core.graph import Graph
from ...graphs.identification.expression import Probability, product, summed
from ...graphs.identification.formula import Formula
from ...graphs.identification.query import Interventional
from ...inference.resampling import folds as deal
from ..estimators.density import effective_size
from ..estimators.problem import Fitted, covariates
from .criteria import FrontDoorSet, front_door, over_measured
from .nuisances import class_model, form_of, kept_up, mean_model, need_room
from .task import Task

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FEWEST = 20  # rows of each level of the treatment


@dataclass(frozen=True)
class FrontDoor:
    """The front-door formula with covariates, estimated from its efficient influence function.

    Levels: Fulcher, Shpitser, Marealle and Tchetgen Tchetgen (2020), theorem 1, cross-fitted
    (Chernozhukov et al. 2018); the density ratio of the mediators is a ratio of propensities with
    and without them, so that they may be several and continuous, and the means over the mediators
    are regressions. Doses: products of slopes from partially linear models of each mediator on the
    dose and of the outcome on the mediators (Robinson 1988), linear in both.

    Parameters
    ----------
    outcome, treatment : scikit-learn regressor and classifier to use instead of rung's own
    folds : of the cross-fitting
    """

    outcome: Any = None
    treatment: Any = None
    folds: int = 5

    def __post_init__(self) -> None:
        if not isinstance(self.folds, int) or self.folds < 2:
            raise InputError(f"folds={self.folds!r}: expected an int >= 2")

    def formula_on(self, graph: Graph, asked: Interventional, hidden: bool) -> Formula:
        """The front-door formula.

        Raises
        ------
        NotIdentified
            No set of nodes of the graph intercepts the effect as the criterion asks.
        """
        graph = over_measured(graph, graph.names, hidden, "the front-door criterion")
        (y,), (x,) = asked.outcomes, asked.do
        found = front_door(graph, x, y)
        if found is None:
            raise NotIdentified(
                f"no front-door set: no measured columns intercept every directed path from {x} to "
                f"{y} and are free of confounding with {x} and, given {x}, with {y}"
            )
        return front_door_formula(asked, found)

    def reach(self, task: Task, *, rng: np.random.Generator) -> Fitted:
        """Means of the arms with their influence functions."""
        found = set_of(task)
        if found is None:
            raise NotIdentified(f"{task.formula.text} is no front-door formula: use PlugIn()")
        if not task.contrast.discrete:
            from .front_door_dose import partially_linear_front_door

            return partially_linear_front_door(task, found, folds=self.folds, rng=rng)
        return self._levels(task, found, rng)

    def _levels(self, task: Task, found: FrontDoorSet, rng: np.random.Generator) -> Fitted:
        levels, code = np.unique(task.data.column(task.contrast.treatment), return_inverse=True)
        code = code.astype(np.int64)
        rows = np.bincount(code)
        if rows.min() < FEWEST:
            raise InputError(
                f"only {rows.min()} rows have the level {levels[rows.argmin()]:g} of "
                f"{task.contrast.treatment}; the front-door formula averages over all levels and "
                f"needs {FEWEST} rows of each: merge rare ones"
            )
        parts = _Parts.of(task, found, code, len(levels), self, rng)
        arms = np.searchsorted(levels, np.asarray(task.contrast.arms))
        signal, ratio = parts.signals(arms)
        w = task.weights
        means = (w @ signal) / w.sum()
        names = f"through {', '.join(found.mediators)}"
        given = f" given {', '.join(found.given)}" if found.given else ""
        return Fitted(
            means, w[:, None] * (signal - means),
            f"front-door one-step {names}{given}, {parts.count}-fold cross-fitting; "
            f"outcome model: {parts.words}",
            effective_n=min(effective_size(w * r) for r in ratio.T),
            cites=("fulcher2020", "chernozhukov2018"),
        )  # fmt: skip


def front_door_formula(asked: Interventional, found: FrontDoorSet) -> Formula:
    """sum over c, m of P(c) P(m | x, c) sum over x' of P(y | x', m, c) P(x' | c)."""
    m, c, x = found.mediators, found.given, asked.do
    inner = summed(x, product([Probability(asked.outcomes, (*x, *m, *c)), Probability(x, c)]))
    middle = summed(m, product([Probability(m, (*x, *c)), inner]))
    whole = summed(c, product([Probability(c), middle])) if c else middle
    return Formula(asked, whole, "front-door", adjust=c, mediators=m)


def set_of(task: Task) -> FrontDoorSet | None:
    """The front-door set behind a task, or None."""
    formula = task.formula
    if formula.rule == "front-door" and formula.mediators:
        return FrontDoorSet(formula.mediators, formula.adjust)
    if formula.rule != "ID":
        return None
    try:
        graph = over_measured(task.graph, task.data.names, False, "the front-door criterion")
        found = front_door(graph, task.contrast.treatment, task.contrast.outcome)
    except (NotIdentified, InputError):
        return None
    return found


@dataclass(frozen=True, eq=False)
class _Parts:
    """Columns of a front-door problem, with what its models are.

    y (n,), code (n,) level of the treatment, m (n, p) mediators, c (n, q) covariates.
    """

    y: Floats
    code: Ints
    k: int
    m: Floats
    m_sizes: tuple[int, ...]
    c: Floats
    c_sizes: tuple[int, ...]
    w: Floats
    folds: Ints
    binary: bool
    plug: FrontDoor
    words: str = ""

    @classmethod
    def of(
        cls, task: Task, found: FrontDoorSet, code: Ints, k: int, plug: FrontDoor,
        rng: np.random.Generator,
    ) -> _Parts:  # fmt: skip
        y = np.asarray(task.data.column(task.contrast.outcome), dtype=np.float64)
        m, m_sizes = covariates(task.data, found.mediators)
        c, c_sizes = covariates(task.data, found.given)
        n = len(y)
        for name, column in zip(found.mediators, m.T, strict=True):
            if column.min() == column.max():
                raise InputError(f"the mediator {name!r} is constant: nothing can go through it")
        need_room((*found.mediators, *found.given), (*m_sizes, *c_sizes), n)
        units = n if task.groups is None else len(np.unique(task.groups))
        dealt = deal(rng, n, min(plug.folds, units), unit=task.groups, strata=code)
        return cls(
            y, code, k, m, m_sizes, c, c_sizes, task.weights, dealt.astype(np.int64),
            task.contrast.binary, plug,
        )  # fmt: skip

    @property
    def count(self) -> int:
        return len(np.unique(self.folds))

    def signals(self, arms: Ints) -> tuple[Floats, Floats]:
        """Uncentred influence functions (n, arms) and density ratios (n, arms)."""
        mc, sizes = np.column_stack([self.m, self.c]), (*self.m_sizes, *self.c_sizes)
        plug, first = self.plug, (self.code == 1).astype(float)
        outer = form_of(mc, sizes, self.y, self.w, self.folds, binary=self.binary,
                        model=plug.outcome)  # fmt: skip
        narrow = form_of(self.c, self.c_sizes, first, self.w, self.folds, binary=True,
                         model=plug.treatment)  # fmt: skip
        wide = form_of(mc, sizes, first, self.w, self.folds, binary=True, model=plug.treatment)
        inner = form_of(self.c, self.c_sizes, self.y, self.w, self.folds, binary=False)
        object.__setattr__(self, "words", "yours" if plug.outcome is not None else outer.words)
        signal, ratio = (np.empty((len(self.y), len(arms))) for _ in range(2))
        for fold in np.unique(self.folds):
            test = self.folds == fold
            signal[test], ratio[test] = self._fold(
                arms, ~test, test, mc, sizes, (outer, narrow, wide, inner)
            )
        return signal, ratio

    def _fold(
        self, arms: Ints, train: NDArray[np.bool_], test: NDArray[np.bool_], mc: Floats,
        sizes: tuple[int, ...], forms: tuple[Any, ...],
    ) -> tuple[Floats, Floats]:  # fmt: skip
        """Of the rows `test`, with models fitted on `train`."""
        outer, narrow, wide, inner = forms
        code, k, w, plug = self.code, self.k, self.w, self.plug
        alone = kept_up(class_model(
            self.c[train], self.c_sizes, code[train], k, w[train], narrow, model=plug.treatment
        )(self.c[test]))  # fmt: skip
        seen = kept_up(class_model(
            mc[train], sizes, code[train], k, w[train], wide, model=plug.treatment
        )(mc[test]))  # fmt: skip
        mu = [
            mean_model(mc[use], sizes, self.y[use], w[use], outer, binary=self.binary,
                       model=plug.outcome)
            for use in (train & (code == a) for a in range(k))
        ]  # fmt: skip
        at_train = np.column_stack([f(mc[train]) for f in mu])
        at_test = np.column_stack([f(mc[test]) for f in mu])
        own = np.arange(int(test.sum()))
        a_own = code[test]
        residual = self.y[test] - at_test[own, a_own]
        over = (at_test * alone).sum(axis=1)  # xi(m, c) = sum_a' mu(m, a', c) p(a' | c)
        out, ratios = np.empty((len(own), len(arms))), np.empty((len(own), len(arms)))
        for j, a in enumerate(arms.tolist()):
            use = code[train] == a
            kappa = mean_model(
                self.c[train][use], self.c_sizes, at_train[use], w[train][use], inner
            )(self.c[test])  # fmt: skip
            eta = (kappa * alone).sum(axis=1)
            ratio = seen[:, a] / seen[own, a_own] * alone[own, a_own] / alone[:, a]
            here = (a_own == a) / alone[:, a]
            out[:, j] = ratio * residual + here * (over - eta) + kappa[own, a_own]
            ratios[:, j] = ratio
        return out, ratios
