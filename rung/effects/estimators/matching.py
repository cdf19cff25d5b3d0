"""Matching: each row's missing outcomes are those of the nearest rows of the other arms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, NotSupported
from . import glm
from .basis import make
from .models import plain
from .nuisance import RIDGE, choose
from .problem import Fitted, Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Matching:
    """Nearest neighbours with replacement, corrected for the distance that is left.

    Mahalanobis distance of the covariates, or distance of the estimated log odds of treatment
    (`propensity=True`, two arms). Neighbours at the same place all count. Bias correction by an
    outcome regression in each arm, on terms chosen by cross-validation (Abadie and Imbens 2011,
    equation 2); with propensities on a spline of the log odds. The covariance of
    the means is that of Abadie and Imbens (2006, theorem 7), and with propensities that of Abadie
    and Imbens (2016, theorem 2), which allows for their estimation; influence functions are
    stretched to it.

    Parameters
    ----------
    neighbours : rows matched to each row
    propensity : match on the estimated log odds of treatment
    correct : whether to correct for bias
    """

    neighbours: int = 4
    propensity: bool = False
    correct: bool = True

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise InputError(f"neighbours={self.neighbours}: expected 1 or more")

    def estimate(self, problem: Problem, *, rng: np.random.Generator) -> Fitted:
        """Means of the arms with their influence functions.

        Raises
        ------
        NotSupported
            The treatment is a dose, or has several levels and `propensity` is asked for.
        InputError
            An arm has no more rows than neighbours.
        """
        if not problem.discrete:
            raise NotSupported(
                "rows can be matched by levels of a treatment, not by doses: use DoublyRobust()"
            )
        arm, m = problem.t.astype(np.int64), len(problem.arms)
        least = min(int((arm == a).sum()) for a in range(m))
        if least <= self.neighbours:
            raise InputError(
                f"neighbours={self.neighbours}, but an arm has {least} rows: ask for fewer"
            )
        score: tuple[Floats, Floats] | None = None
        if self.propensity:
            z, score = _log_odds(problem, arm)
        else:
            z = whitened(plain(problem.x, problem.sizes), problem.weights)
        share, slope = population(problem)
        fits = [self._fit(problem, z, arm == a) for a in range(m)]
        matched = [
            match(z, problem.y, arm == a, share, self.neighbours, fits[a][0]) for a in range(m)
        ]
        means = np.array([share @ one.filled / share.sum() for one in matched])
        rows, target = _rows(problem, share, means, matched)
        rows = rows + _of_slope(problem, slope, means, matched, share)
        if score is not None:
            rows, target = _projected(problem, rows, target, score, matched, share)
        rows = stretched(rows, target)
        used = float(min(one.effective for one in matched))
        by = "the estimated log odds of treatment" if self.propensity else "Mahalanobis distance"
        how = ", bias-corrected" if self.correct else ""
        return Fitted(
            means, rows,
            f"matching on {by} ({self.neighbours} neighbours, with replacement{how})",
            effects=np.column_stack([one.smooth for one in matched]),
            details={"forms": sorted({form for _, form in fits if form}), "used": used},
            cites=("abadie2006", "abadie2011", *(("abadie2016",) if self.propensity else ())),
        )  # fmt: skip

    def _fit(self, problem: Problem, z: Floats, mine: NDArray[np.bool_]) -> tuple[Floats, str]:
        """Mean outcome (n,) by a regression in one arm, and its terms; 0 without correction."""
        if not self.correct:
            return np.zeros(problem.n), ""
        if self.propensity:
            return _regression(problem, z, (0,), mine, "spline"), "spline"
        form = _form(problem, mine)
        return _regression(problem, problem.x, problem.sizes, mine, form), form


def _form(problem: Problem, mine: NDArray[np.bool_]) -> str:
    return choose(
        problem.x[mine], problem.sizes, problem.y[mine], problem.weights[mine],
        problem.folds[mine], binary=False, boosting=False,
    ).terms  # fmt: skip


def _regression(
    problem: Problem, x: Floats, sizes: tuple[int, ...], mine: NDArray[np.bool_], form: str
) -> Floats:
    basis = make(x[mine], sizes, form)
    ridge = max(RIDGE[form], 1e-8)
    fit = glm.linear(basis.expand(x[mine]), problem.y[mine], problem.weights[mine], ridge)
    return fit.mean(basis.expand(x))


@dataclass(frozen=True, eq=False)
class Matched:
    """One arm's mean outcome for every row.

    filled : (n,) the row's own outcome in its arm, else that of its neighbours, corrected
    smooth : (n,) fitted mean outcome under this arm, the row itself left out
    residual : (n,) in the arm, the row less its nearest rows of the same arm, with the variance of
        the outcome given the covariates; 0 elsewhere
    shrunk : (n,) what the residual was multiplied by for that
    load : (n,) weight with which the row's outcome enters the sum of `filled` by the population
    noise : (n,) sum of squared weights with which it enters single terms of that sum
    effective : effective number of rows of the arm that are used
    """

    filled: Floats
    smooth: Floats
    residual: Floats
    shrunk: Floats
    load: Floats
    noise: Floats
    effective: float


def whitened(x: Floats, weights: Floats) -> Floats:
    """Columns (n, k) in which Euclidean distance is that of Mahalanobis; constants drop out."""
    centred = x - (weights @ x) / weights.sum()
    cov = (centred * weights[:, None]).T @ centred / weights.sum()
    scale = np.sqrt(np.diag(cov))
    keep = scale > 1e-12 * max(float(np.abs(x).max(initial=0.0)), 1e-300)
    if not keep.any():
        return np.zeros((len(x), 1))
    z = centred[:, keep] / scale[keep]
    values, vectors = np.linalg.eigh(cov[np.ix_(keep, keep)] / np.outer(scale[keep], scale[keep]))
    use = values > 1e-10
    return np.asarray(z @ (vectors[:, use] / np.sqrt(values[use])))


def population(problem: Problem) -> tuple[Floats, Floats]:
    """Weight (n,) of each row in the population, and what estimating it adds (overlap only)."""
    if problem.population == "treated":
        return problem.weights * (problem.t == problem.focus), np.zeros(problem.n)
    if problem.population == "overlap":
        if problem.propensity is None:
            raise InputError("the overlap population needs propensities; see overlap.prepare")
        e = problem.propensity
        slope = (1 - 2 * e[:, 1]) * ((problem.t == 1) - e[:, 1])
        return problem.weights * e[:, 0] * e[:, 1], problem.weights * slope
    return problem.weights, np.zeros(problem.n)


def match(
    z: Floats, y: Floats, mine: NDArray[np.bool_], share: Floats, k: int, mu: Floats
) -> Matched:
    """Match every row to the k nearest rows of one arm; rows at one place all count.

    mu : (n,) mean outcome in the arm by a regression, for the distance that is left
    """
    from scipy.sparse import csr_array
    from scipy.spatial import cKDTree

    places, code = np.unique(z[mine], axis=0, return_inverse=True)
    code = code.ravel()
    counts = np.bincount(code).astype(float)
    left = np.bincount(code, (y - mu)[mine]) / counts
    tree, near = cKDTree(places), min(k + 1, len(places))
    index = tree.query(z, k=near)[1].reshape(len(z), near)
    used = _taken(counts[index], np.zeros(len(z)), k)
    total = (used * counts[index]).sum(axis=1)
    filled = np.where(mine, y, mu + (used * counts[index] * left[index]).sum(axis=1) / total)
    outside = np.where(mine, 0.0, share)
    rows = np.repeat(np.arange(len(z)), near)
    link = csr_array((used.ravel().astype(float), (rows, index.ravel())), (len(z), len(places)))
    load, noise = np.zeros(len(z)), np.zeros(len(z))
    load[mine] = share[mine] + (link.T @ (outside / total))[code]
    noise[mine] = share[mine] ** 2 + (link.T @ (outside / total) ** 2)[code]
    residual, smooth = np.zeros(len(z)), mu + (used * counts[index] * left[index]).sum(1) / total
    shrunk = np.ones(len(z))
    residual[mine], shrunk[mine] = _within(index[mine], code, counts, left, (y - mu)[mine], k)
    smooth[mine] = y[mine] - residual[mine] / shrunk[mine]
    at = np.abs(load[mine])
    effective = float(at.sum() ** 2 / max(float(at @ at), 1e-300))
    return Matched(filled, smooth, residual, shrunk, load, noise, effective)


def _taken(counts: Floats, before: Floats, k: int) -> NDArray[np.bool_]:
    """Places (n, q), nearest first, that are needed until k rows are there."""
    seen = before[:, None] + np.cumsum(counts, axis=1) - counts
    return seen < k


def _within(
    index: Ints, code: Ints, counts: Floats, left: Floats, y: Floats, k: int
) -> tuple[Floats, Floats]:
    """Row less the mean of the nearest in its arm, scaled (Abadie and Imbens 2006, equation 14),
    and the scale."""
    sizes = counts[index].copy()
    sums = sizes * left[index]
    own = index == code[:, None]
    sizes[own] -= 1
    sums -= own * y[:, None]
    used = _taken(sizes, np.zeros(len(y)), k)
    total = np.maximum((used * sizes).sum(axis=1), 1.0)
    shrunk = np.sqrt(total / (total + 1))
    return (y - (used * sums).sum(axis=1) / total) * shrunk, shrunk


def _rows(
    problem: Problem, share: Floats, means: Floats, found: list[Matched]
) -> tuple[Floats, Floats]:
    """Influence functions (n, m) before they are stretched, and the covariance they should have.

    Empirical moments of the filled outcomes, and for the rows that are used again what their
    outcome's variance adds: (load^2 - noise) sigma^2 (Abadie and Imbens 2006, theorem 7).
    """
    scale = problem.n / share.sum()
    plain_rows = scale * share[:, None] * (np.column_stack([f.filled for f in found]) - means)
    target = plain_rows.T @ plain_rows
    rows = np.empty_like(plain_rows)
    for a, one in enumerate(found):
        extra = np.maximum(one.load**2 - one.noise, 0.0) * one.residual**2
        target[a, a] += scale**2 * float(extra.sum())
        rows[:, a] = scale * (share * (one.smooth - means[a]) + one.load * one.residual)
    return rows - rows.mean(axis=0), target


def _of_slope(
    problem: Problem, slope: Floats, means: Floats, found: list[Matched], share: Floats
) -> Floats:
    """What the estimated tilt of the overlap population adds to the influence functions."""
    scale = problem.n / share.sum()
    out = scale * slope[:, None] * (np.column_stack([f.smooth for f in found]) - means)
    return np.asarray(out - out.mean(axis=0))


def stretched(rows: Floats, target: Floats) -> Floats:
    """Rows (n, m), moved as little as may be so that rows' rows equals `target` (m, m)."""
    gram = rows.T @ rows
    values, vectors = np.linalg.eigh(gram)
    if values.min() <= 1e-10 * max(values.max(), 1e-300):
        return rows
    root = (vectors * np.sqrt(values)) @ vectors.T
    inverse = (vectors / np.sqrt(values)) @ vectors.T
    inner, turn = np.linalg.eigh(root @ target @ root)
    middle = (turn * np.sqrt(np.clip(inner, 0, None))) @ turn.T
    return np.asarray(rows @ (inverse @ middle @ inverse))


def _log_odds(problem: Problem, arm: Ints) -> tuple[Floats, tuple[Floats, Floats]]:
    """Log odds (n, 1) of arm 1 by logistic regression; its design and fitted probabilities."""
    if len(problem.arms) != 2 or (arm < 0).any():
        raise NotSupported(
            "matching on the propensity compares two levels: name them with treated= and control=, "
            "keep only their rows, or use Matching()"
        )
    treated = (arm == 1).astype(float)
    form = choose(
        problem.x, problem.sizes, treated, problem.weights, problem.folds, binary=True,
        boosting=False,
    ).terms  # fmt: skip
    design = make(problem.x, problem.sizes, form).expand(problem.x)
    fit = glm.logistic(design, treated, problem.weights, max(RIDGE[form], 1e-8))
    z = design @ fit.beta
    spread = float(z.std())
    return (z / spread if spread > 0 else z)[:, None], (design, fit.mean(design))


def _full(problem: Problem, mine: NDArray[np.bool_]) -> Floats:
    """Mean outcome (n,) given all covariates, by a regression in one arm."""
    form = _form(problem, mine)
    return _regression(problem, problem.x, problem.sizes, mine, form)


def _projected(
    problem: Problem, rows: Floats, target: Floats, score: tuple[Floats, Floats],
    found: list[Matched], share: Floats,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Influence functions and covariance that allow for the estimated propensity.

    With c the covariance with the score of the propensity, c' I^-1 c is taken away (Abadie and
    Imbens 2016, theorem 1); for the treated, whose population the propensity defines, the
    derivative of the estimand comes in (theorem 2).
    """
    design, p = score
    w, scale = problem.weights, problem.n / share.sum()
    s = design * (w * ((problem.t == 1) - p))[:, None]
    information = (design * (w * p * (1 - p))[:, None]).T @ design
    inverse = np.linalg.pinv(information, rcond=1e-11, hermitian=True)
    smooth = np.column_stack([f.smooth for f in found])
    smooth = smooth - share @ smooth / share.sum()
    own = np.column_stack([f.load * f.residual / f.shrunk for f in found])
    moment = scale * (share[:, None] * smooth + own)
    both = s.T @ moment
    itself = np.einsum("ij,jk,ik->i", s, inverse, s)  # a row with itself: noise of c' I^-1 c
    less = target - both.T @ inverse @ both + (moment * itself[:, None]).T @ moment
    if np.linalg.eigvalsh(less).min() < 0.05 * np.linalg.eigvalsh(target).min():
        less = target  # so few rows that the correction is noise
    out = rows - s @ (inverse @ (s.T @ rows))
    if problem.population == "treated":
        towards = 1.0 if problem.focus == 1 else -1.0
        effect = np.column_stack([_full(problem, problem.t == a) for a in problem.arms])
        chance = w * (p if problem.focus == 1 else 1 - p)
        effect = effect - chance @ effect / chance.sum()
        tilt = (design * (w * towards * p * (1 - p))[:, None]).T @ effect * scale
        out = out + s @ (inverse @ tilt)
        less = less + tilt.T @ inverse @ tilt
    return out - out.mean(axis=0), less
