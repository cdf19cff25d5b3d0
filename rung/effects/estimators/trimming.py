"""Trimming: the effect among rows that could have had either treatment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, Overlap
from ...core.protocols import Estimator
from .density import optimal_cut
from .doubly_robust import DoublyRobust
from .nuisance import propensities
from .problem import Fitted, Problem

LEAST = 10  # rows of an arm that must be left


@dataclass(frozen=True)
class Trimmed:
    """Another estimator on the rows whose probability of treatment lies in [least, 1 - least].

    The answer is about those rows, and says so in `population`. Propensities are fitted again on
    them. The cut is taken as given: its estimation is not in the interval.

    Parameters
    ----------
    estimator : doubly robust if not given
    least : the cut; None: the one with the smallest variance bound (Crump et al. 2009, theorem 1)

    Raises
    ------
    InputError
        A cut outside of (0, 0.5).
    """

    estimator: Estimator = field(default_factory=DoublyRobust)
    least: float | None = None

    trims = True  # poor overlap is no reason to change the population before

    def __post_init__(self) -> None:
        if self.least is not None and not 0 < self.least < 0.5:
            raise InputError(f"Trimmed(least={self.least}): expected a number between 0 and 0.5")

    def estimate(self, problem: Problem, *, rng: np.random.Generator) -> Fitted:
        """Means of the arms among the rows that are kept.

        Raises
        ------
        InputError
            The treatment does not have exactly two levels.
        Overlap
            Fewer than 10 rows of an arm are left.
        """
        if not problem.discrete or len(problem.arms) != 2 or problem.propensity is None:
            raise InputError("trimming needs a treatment of two levels: name treated= and control=")
        e = problem.propensity[:, 1]
        cut = self.least if self.least is not None else optimal_cut(e, problem.weights)
        kept = np.flatnonzero((e >= cut) & (e <= 1 - cut) & (problem.t >= 0))
        part = _part(problem, kept)
        found = self.estimator.estimate(part, rng=rng)
        influence = np.zeros((problem.n, len(problem.arms)))
        influence[kept] = found.influence * problem.n / len(kept)
        share = float(problem.weights[kept].sum() / problem.weights.sum())
        words = (
            f"the {share:.0%} of rows whose probability of treatment lies between {cut:.3g} and "
            f"{1 - cut:.3g}" if len(kept) < problem.n else "all rows (none had to be trimmed)"
        )  # fmt: skip
        if problem.population == "treated":
            words = f"the treated among {words}"
        trimmed = {"cut": cut, "kept": len(kept), "share": share}
        return replace(
            found, influence=influence, effects=None,
            method=f"{found.method}; trimmed at a probability of treatment of {cut:.3g}",
            details={**found.details, "population": words, "trimmed": trimmed},
            cites=(*found.cites, "crump2009"),
        )  # fmt: skip


def _part(problem: Problem, kept: NDArray[np.intp]) -> Problem:
    from ..refutation import restricted

    part = restricted(problem, kept)
    counts = [int((part.t == a).sum()) for a in (0, 1)]
    if min(counts) < LEAST:
        raise Overlap(
            f"trimming leaves {counts[1]} treated and {counts[0]} control rows; at least {LEAST} "
            "of each are needed: there is nobody to compare with. Adjust for fewer columns"
        )
    weights = part.weights / part.weights.mean()
    arm = part.t.astype(np.int64)
    e, _ = propensities(part.x, part.sizes, arm, 2, weights, part.folds)
    population = "treated" if problem.population == "treated" else "all"
    return replace(part, propensity=np.clip(e, 1e-6, 1), weights=weights, population=population)
