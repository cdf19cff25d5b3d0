"""AutoMechanism: the mechanism of each node by cross-validated log-likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run, start
from ..core.data import Data
from ..core.errors import InputError, RungError
from ..core.mechanism import Mechanism, MechanismSpec
from ..core.variable import Variable
from .linear import LinearGaussian, LinearNonGaussian
from .structural import noted
from .table import DiscreteTable

Floats = NDArray[np.float64]


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
        listed = _candidates(variable, parents.variables)
        if len(listed) == 1 or len(x) < 10 * self.folds:
            only = "the only candidate" if len(listed) == 1 else f"only {len(x)} rows"
            return listed[0], f"{_name(listed[0])}: {only}"
        rows = np.arange(len(x))
        if len(x) > self.rows:
            rows = np.sort(rng.choice(len(x), self.rows, replace=False))
        part = parents.take(rows)
        w = None if weights is None else weights[rows]
        fold = rng.permutation(len(rows)) % self.folds
        best, best_scores, said = listed[0], None, []
        for spec in listed:
            if best_scores is not None and run.spent:
                said.append("stopped by the budget")
                break
            try:
                scores = _scores(spec, x[rows], part, variable, w, fold, rng)
            except RungError as error:
                said.append(f"{_name(spec)} failed ({error})")
                continue
            said.append(f"{_name(spec)} {np.average(scores, weights=w):.4f}")
            if best_scores is None or _better(scores, best_scores, w):
                best, best_scores = spec, scores
        text = f"{_name(best)}: best of {self.folds}-fold log-likelihood a row ({', '.join(said)})"
        return best, text


def _candidates(variable: Variable, parents: Sequence[Variable]) -> list[MechanismSpec]:
    if variable.discrete:
        return [DiscreteTable()]
    return [LinearGaussian(), LinearNonGaussian()]


def _name(spec: MechanismSpec) -> str:
    return type(spec).__name__


def _better(scores: Floats, than: Floats, weights: Floats | None) -> bool:
    """Whether the gain exceeds its standard error."""
    gap = scores - than
    if not np.isfinite(gap).all():
        return bool(np.isneginf(than).any() and not np.isneginf(scores).any())
    mean = np.average(gap, weights=weights)
    w = np.ones(len(gap)) if weights is None else weights
    error = np.sqrt(np.sum((w * (gap - mean)) ** 2)) / w.sum()
    return bool(mean > error)


def _scores(
    spec: MechanismSpec,
    x: Floats,
    parents: Data,
    variable: Variable,
    weights: Floats | None,
    fold: NDArray[np.intp],
    rng: np.random.Generator,
) -> Floats:
    """Log-likelihood (n,) of each row under the fit on the other folds."""
    out = np.empty(len(x))
    for k in range(int(fold.max()) + 1):
        held, rest = np.nonzero(fold == k)[0], np.nonzero(fold != k)[0]
        fitted = spec.fit(
            x[rest],
            parents.take(rest),
            variable=variable,
            weights=None if weights is None else weights[rest],
            rng=rng,
        )
        given = {v.name: parents.column(v.name)[held] for v in parents.variables}
        out[held] = fitted.log_prob(x[held], given)
    return out
