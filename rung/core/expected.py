"""Moments expected under a Gaussian, of rows in which cells are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .climb import climb
from .errors import InputError, MissingCells
from .moments import Moments
from .result import frozen, lock
from .variable import Variable

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
PART = 2_000_000  # numbers of a stack of small matrices that is worked on at once


@dataclass(frozen=True, eq=False)
class Expected:
    """What a Gaussian expects of incomplete rows.

    Parameters
    ----------
    mean : (d,) float64
    covariance : (d, d) float64
        Second moments about that mean, divided by the weight: the maximum-likelihood covariance
        that the rows are expected to have.
    log_likelihood : float
        Of the cells that are there.
    """

    mean: Floats
    covariance: Floats
    log_likelihood: float


@dataclass(frozen=True)
class _Group:
    """Patterns with the same number m of missing cells.

    Parameters
    ----------
    rows : (r,) rows of these patterns
    pattern : (r,) number of each row's pattern in the group
    missing : (k, m) columns that are missing, ascending
    weight : (k,) weight of the rows of each pattern
    """

    rows: Ints
    pattern: Ints
    missing: Ints
    weight: Floats


@dataclass(frozen=True, eq=False)
class Incomplete:
    """Rows with missing cells, their patterns found once; the E-step of an EM algorithm.

    Rows with the same pattern share one factorisation (Little and Rubin 2019, section 11.2), and
    patterns with as many missing cells are factorised together.

    Parameters
    ----------
    rows : (n, d) float64
        NaN where missing. No column may be missing throughout.
    weights : (n,) float64, optional
        Frequency weights.

    Raises
    ------
    MissingCells
        A column without any value.
    InputError
        Infinite cells.
    """

    rows: Floats
    weights: Floats | None = None

    def __post_init__(self) -> None:
        rows = np.asarray(self.rows, dtype=np.float64)
        if np.isinf(rows).any():
            raise InputError("cells that are infinite have no moments; mark them as missing")
        if len(rows) and np.isnan(rows).all(axis=0).any():
            j = int(np.isnan(rows).all(axis=0).argmax())
            raise MissingCells(f"column {j} has no value at all; leave it out")
        object.__setattr__(self, "rows", frozen(rows))

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """True where missing: (n, d)."""
        return lock(np.isnan(self.rows))

    @cached_property
    def _weight(self) -> Floats:
        return np.ones(len(self.rows)) if self.weights is None else np.asarray(self.weights)

    @cached_property
    def total(self) -> float:
        """Sum of the row weights."""
        return float(self._weight.sum())

    @cached_property
    def seen(self) -> float:
        """Mean share of the rows in which a pair of columns is seen."""
        there = (~self.mask).astype(np.float64)
        pairs = (there.T @ there) / max(len(there), 1)
        return float(pairs[np.triu_indices(len(pairs), 1)].mean()) if len(pairs) > 1 else 1.0

    @cached_property
    def groups(self) -> tuple[_Group, ...]:
        """Patterns by their number of missing cells."""
        count = self.mask.sum(axis=1)
        out = []
        for m in np.unique(count[count > 0]).tolist():
            rows = np.flatnonzero(count == m)
            kinds, pattern = np.unique(
                np.packbits(self.mask[rows], axis=1), axis=0, return_inverse=True
            )
            pattern = np.asarray(pattern).ravel()
            first = np.full(len(kinds), -1, dtype=np.intp)
            first[pattern[::-1]] = rows[::-1]
            missing = np.nonzero(self.mask[first])[1].reshape(len(kinds), m)
            weight: Floats = np.zeros(len(kinds))
            np.add.at(weight, pattern, self._weight[rows])
            out.append(_Group(rows, pattern, missing, weight))
        return tuple(out)

    @cached_property
    def patterns(self) -> int:
        """Number of different patterns with a missing cell."""
        return sum(len(g.missing) for g in self.groups)

    def start(self) -> tuple[Floats, Floats]:
        """Mean (d,) and diagonal covariance (d, d) of the cells that are there."""
        w = np.where(self.mask, 0.0, self._weight[:, None])
        x = np.where(self.mask, 0.0, self.rows)
        total = w.sum(axis=0)
        mean = (w * x).sum(axis=0) / total
        variance = (w * (x - mean) ** 2 * ~self.mask).sum(axis=0) / total
        return mean, np.diag(np.where(variance > 0, variance, 1.0))

    def expect(self, mean: Floats, covariance: Floats) -> Expected:
        """One E-step: expected mean and covariance under N(mean, covariance).

        With precision K and a row's missing cells m, E[x_m | x_o] = mean_m - K_mm^-1 K_mo
        (x_o - mean_o), and their covariance K_mm^-1 is added to the second moments (Gao et al.
        2022, equation 5; Little and Rubin 2019, section 11.2.1).
        """
        d = self.rows.shape[1]
        precision, logdet = _inverse(covariance)
        filled = np.where(self.mask, 0.0, self.rows - mean)
        spread = np.zeros(d * d)
        likelihood = -0.5 * float(self._weight @ (d - self.mask.sum(axis=1))) * np.log(2 * np.pi)
        likelihood -= 0.5 * self.total * logdet
        given = filled @ precision
        square = np.einsum("ij,ij->i", given, filled)
        for group in self.groups:
            for rows, pattern, missing, weight in _parts(group):
                block = precision[missing[:, :, None], missing[:, None, :]]
                inverse = np.linalg.inv(block)
                at = missing[pattern]
                pull = np.take_along_axis(given[rows], at, axis=1)
                step = -np.einsum("rij,rj->ri", inverse[pattern], pull)
                filled[rows[:, None], at] = step
                square[rows] += np.einsum("ij,ij->i", step, pull)
                where = (missing[:, :, None] * d + missing[:, None, :]).ravel()
                many = (inverse * weight[:, None, None]).ravel()
                spread += np.bincount(where, weights=many, minlength=d * d)
                likelihood -= 0.5 * float(weight @ np.linalg.slogdet(block)[1])
        likelihood -= 0.5 * float(self._weight @ square)
        shift = (self._weight @ filled) / self.total
        second = (filled * self._weight[:, None]).T @ filled + spread.reshape(d, d)
        covariance = second / self.total - np.outer(shift, shift)
        return Expected(mean + shift, (covariance + covariance.T) / 2, likelihood)

    def draw(self, mean: Floats, covariance: Floats, *, rng: np.random.Generator) -> Floats:
        """The rows (n, d), missing cells drawn given those that are there."""
        precision, _ = _inverse(covariance)
        filled = np.where(self.mask, 0.0, self.rows - mean)
        given = filled @ precision
        out = np.array(self.rows)
        for group in self.groups:
            for rows, pattern, missing, _ in _parts(group):
                block = precision[missing[:, :, None], missing[:, None, :]]
                inverse, factor = np.linalg.inv(block), np.linalg.cholesky(block)
                at = missing[pattern]
                pull = np.take_along_axis(given[rows], at, axis=1)
                step = -np.einsum("rij,rj->ri", inverse[pattern], pull)
                # L^-T z has covariance (L L^T)^-1
                z = rng.normal(size=at.shape)
                noise = np.linalg.solve(factor.transpose(0, 2, 1)[pattern], z[:, :, None])[:, :, 0]
                out[rows[:, None], at] = mean[at] + step + noise
        return out

    def moments(
        self, expected: Expected, variables: Sequence[Variable], *, share: float = 1.0
    ) -> Moments:
        """Expected moments as a Source, counted as that share of the rows."""
        square = float(self._weight @ self._weight) * share
        return Moments(
            tuple(variables),
            (1,) * len(expected.mean),
            len(self.rows),
            self.total * share,
            square,
            lock(expected.mean),
            lock(expected.covariance * self.total * share),
        )

    def saturated(self, *, tolerance: float = 1e-6, iterations: int = 500) -> Expected:
        """Maximum-likelihood mean and covariance without any structure, by accelerated EM.

        Ends when the mean log-likelihood of a row rises by less than `tolerance`.
        """
        mean, covariance = self.start()
        if not self.groups:
            return self.expect(mean, covariance)
        scale = np.sqrt(np.diag(covariance))
        inner = Incomplete((self.rows - mean) / scale, self.weights)

        def step(point: Floats) -> tuple[Floats, float]:
            found = inner.expect(*_gaussian(point))
            return _point(found.mean, found.covariance), found.log_likelihood

        d = len(mean)
        top = climb(
            step,
            _point(np.zeros(d), np.eye(d)),
            tolerance=tolerance * self.total,
            iterations=iterations,
        )
        now = Expected(*_gaussian(top.image), top.heights[-1])
        cells = self._weight @ ~self.mask
        return Expected(
            mean + scale * now.mean,
            now.covariance * np.outer(scale, scale),
            now.log_likelihood - float(cells @ np.log(scale)),
        )


def _factor(covariance: Floats) -> tuple[Floats, Floats]:
    """Lower Cholesky factor of the correlations, and the standard deviations.

    A covariance that is nearly singular is lifted.
    """
    d = len(covariance)
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    for lift in (0.0, 1e-10, 1e-8, 1e-6, 1e-4):
        try:
            factor = np.linalg.cholesky(correlation + lift * np.eye(d))
        except np.linalg.LinAlgError:
            continue
        if np.diag(factor).min() ** 2 < 1e-12:
            continue
        return factor, scale
    raise InputError(
        "too few rows for so many missing cells: the covariance is singular; use fewer columns"
    )


def _inverse(covariance: Floats) -> tuple[Floats, float]:
    """Inverse and log-determinant of a covariance; one that is nearly singular is lifted."""
    factor, scale = _factor(covariance)
    half = np.linalg.inv(factor)
    logdet = 2.0 * float(np.log(np.diag(factor)).sum() + np.log(scale).sum())
    return (half.T @ half) / np.outer(scale, scale), logdet


def _point(mean: Floats, covariance: Floats) -> Floats:
    """A Gaussian as unconstrained numbers: each column's regression on those before it."""
    factor, scale = _factor(covariance)
    diagonal = np.diag(factor)
    weights = np.linalg.inv(factor / diagonal) * (scale[:, None] / scale)
    return np.concatenate([mean, weights[np.tril_indices(len(mean), -1)], np.log(diagonal * scale)])


def _gaussian(point: Floats) -> tuple[Floats, Floats]:
    """Mean and covariance of such numbers."""
    d = round(np.sqrt(2 * len(point) + 2.25) - 1.5)
    weights = np.eye(d)
    weights[np.tril_indices(d, -1)] = point[d:-d]
    factor = np.linalg.solve(weights, np.diag(np.exp(point[-d:])))
    return point[:d], factor @ factor.T


def _parts(group: _Group) -> list[tuple[Ints, Ints, Ints, Floats]]:
    """The group in parts whose stacks of matrices fit into memory."""
    m = group.missing.shape[1]
    size = max(1, PART // (m * m))
    if len(group.missing) <= size and len(group.rows) <= size:
        return [(group.rows, group.pattern, group.missing, group.weight)]
    out = []
    order = np.argsort(group.pattern, kind="stable")
    rows, pattern = group.rows[order], group.pattern[order]
    for begin in range(0, len(rows), size):
        mine = pattern[begin : begin + size]
        kinds, local = np.unique(mine, return_inverse=True)
        first = np.searchsorted(pattern, kinds) >= begin  # a pattern is weighed in its first part
        weight = np.where(first, group.weight[kinds], 0.0)
        out.append((rows[begin : begin + size], local.ravel(), group.missing[kinds], weight))
    return out
