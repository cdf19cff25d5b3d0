"""AutoMechanism: the mechanism of each node by cross-validated log-likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run, start
from ..core.data import Data
from ..core.errors import InputError, RungError
from ..core.mechanism import Mechanism, MechanismSpec
from ..core.variable import Kind, Variable
from .boosted import FEWEST, BoostedAdditive, gain
from .linear import LinearGaussian, LinearNonGaussian
from .logit import Multinomial
from .negative_binomial import NegativeBinomial
from .poisson import Poisson
from .spline import SplineAdditive
from .structural import noted
from .table import DiscreteTable

Floats = NDArray[np.float64]
CELLS = 100_000  # cells of a table that is tried


@dataclass(frozen=True)
class AutoMechanism(MechanismSpec):
    """Choose a mechanism by cross-validated log-likelihood, simplest first.

    Candidates follow from the kinds of the node and its parents. A richer candidate replaces a
    simpler one only if its gain exceeds its standard error over the rows held out.

    Parameters
    ----------
    rows : int
        Rows that the comparison uses at most, drawn at random.
    folds : int
    """

    rows: int = 5000
    folds: int = 3
    missed: float = 0.01

    def __post_init__(self) -> None:
        if self.folds < 2 or self.rows < 10:
            raise InputError("AutoMechanism needs at least 2 folds and 10 rows")

    def fit(
        self,
        x: NDArray[Any],
        parents: Data,
        *,
        variable: Variable,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> Mechanism:
        spec, note = self.choose(
            x, parents, variable=variable, weights=weights, rng=rng, run=start(None)
        )
        return noted(spec.fit(x, parents, variable=variable, weights=weights, rng=rng), note)

    def choose(
        self,
        x: NDArray[Any],
        parents: Data,
        *,
        variable: Variable,
        weights: Floats | None,
        rng: np.random.Generator,
        run: Run,
    ) -> tuple[MechanismSpec, str]:
        """The spec and the reason for it."""
        listed = candidates(x, variable, parents.variables)
        if len(listed) == 1 or len(x) < 10 * self.folds:
            only = "the only candidate" if len(listed) == 1 else f"only {len(x)} rows"
            return listed[0], f"{_name(listed[0])}: {only}"
        rows = np.arange(len(x))
        if len(x) > self.rows:
            rows = np.sort(rng.choice(len(x), self.rows, replace=False))
        table = Trial(x[rows], parents.take(rows), variable, _at(weights, rows), self.folds, rng)
        best, best_scores, said = listed[0], None, []
        while listed:
            spec = listed.pop(0)
            if best_scores is not None and run.spent:
                said.append("stopped by the budget")
                break
            try:
                scores = table.scores(spec)
            except RungError as error:
                said.append(f"{_name(spec)} failed: {error}")
                continue
            said.append(f"{_name(spec)} {np.average(scores, weights=table.weights):.4f}")
            if best_scores is None or table.better(scores, best_scores):
                best, best_scores = spec, scores
            if not listed and _additive(variable, x) and not isinstance(spec, BoostedAdditive):
                share = self._missed(table, best)
                if share > self.missed:
                    said.append(f"trees explain {share:.1%} of its residuals")
                    listed.append(BoostedAdditive())
        text = f"{_name(best)}: best of {self.folds}-fold log-likelihood a row ({', '.join(said)})"
        return best, text

    def _missed(self, table: Trial, spec: MechanismSpec) -> float:
        """Share of the residual variance that trees explain and the best additive fit did not."""
        if not table.parents.d or len(table.x) < FEWEST:
            return 0.0
        values = {name: table.parents.column(name) for name in table.parents.names}
        left = table.x - table.fit(spec).mean(values, len(table.x))
        return gain(left, table.parents, table.weights, table.rng)


def _additive(variable: Variable, x: Floats) -> bool:
    """Whether noise may be added to the node: a count must stay a whole number from 0 up."""
    return not variable.discrete and not _counts(variable, x)


def _counts(variable: Variable, x: Floats) -> bool:
    return variable.kind is Kind.COUNT and bool((x >= 0).all() and (x == np.floor(x)).all())


def candidates(x: Floats, variable: Variable, parents: Sequence[Variable]) -> list[MechanismSpec]:
    """What may fit a node, simplest first."""
    numeric = any(not v.discrete for v in parents)
    curves: list[MechanismSpec]
    if variable.discrete:
        cells = float(np.prod([float(v.size) for v in parents])) * variable.size
        table: list[MechanismSpec] = [DiscreteTable()] if cells <= CELLS and not numeric else []
        if not parents:
            return table
        curves = [Multinomial(smooth=True)] if numeric else []
        return [Multinomial(), *curves, *table]
    smooth: list[MechanismSpec] = [SplineAdditive()] if numeric else []
    if _counts(variable, x):
        curves = [Poisson(smooth=True), NegativeBinomial(smooth=True)] if numeric else []
        return [Poisson(), NegativeBinomial(), *curves]
    return [LinearGaussian(), LinearNonGaussian(), *smooth]


@dataclass(frozen=True, eq=False)
class Trial:
    """The rows on which candidates are compared."""

    x: Floats
    parents: Data
    variable: Variable
    weights: Floats | None
    folds: int
    rng: np.random.Generator

    @cached_property
    def _fold(self) -> NDArray[np.intp]:
        return self.rng.permutation(len(self.x)) % self.folds

    @cached_property
    def _parts(self) -> list[tuple[NDArray[np.intp], NDArray[np.intp], Data, dict[str, Floats]]]:
        """Rows held out and the rest, with the parents of each."""
        out = []
        for k in range(self.folds):
            held, rest = np.nonzero(self._fold == k)[0], np.nonzero(self._fold != k)[0]
            given = {name: self.parents.column(name)[held] for name in self.parents.names}
            out.append((held, rest, self.parents.take(rest), given))
        return out

    def fit(self, spec: MechanismSpec) -> Mechanism:
        """The spec fitted on all rows."""
        return spec.fit(
            self.x, self.parents, variable=self.variable, weights=self.weights, rng=self.rng
        )

    def scores(self, spec: MechanismSpec) -> Floats:
        """Log-likelihood (n,) of each row under the fit on the other folds."""
        if isinstance(spec, BoostedAdditive):
            spec = replace(spec, folds=1)  # a comparison needs no better
        out = np.empty(len(self.x))
        for held, rest, parents, given in self._parts:
            w = _at(self.weights, rest)
            fitted = spec.fit(
                self.x[rest], parents, variable=self.variable, weights=w, rng=self.rng
            )
            out[held] = fitted.log_prob(self.x[held], given)
        return out

    def better(self, scores: Floats, than: Floats) -> bool:
        """Whether the gain in log-likelihood exceeds its standard error."""
        if not np.isfinite(scores).all() or not np.isfinite(than).all():
            return bool(np.isneginf(scores).sum() < np.isneginf(than).sum())
        gap = scores - than
        w = np.ones(len(gap)) if self.weights is None else self.weights
        mean = np.average(gap, weights=w)
        error = np.sqrt(np.sum((w * (gap - mean)) ** 2)) / w.sum()
        return bool(mean > error)


def _at(weights: Floats | None, rows: NDArray[np.intp]) -> Floats | None:
    return None if weights is None else weights[rows]


def _name(spec: MechanismSpec) -> str:
    name = type(spec).__name__
    return f"{name} with curves" if getattr(spec, "smooth", False) else name
