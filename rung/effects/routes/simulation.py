"""A formula simulated from fitted conditional models, with a bootstrap over the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.data import Data
from ...core.errors import InputError, NotSupported, Overlap
from ...core.variable import Kind
from ...inference.intervals import covariance
from ...inference.resampling import folds as deal
from ...inference.resampling import resample_rows
from ..estimators.nuisance import Form
from ..estimators.problem import Fitted
from .flat import Factor, Step, Symbol, needed, plan, ratio
from .nuisances import class_model, mean_model, need_room, steady
from .task import Task

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Key = tuple[str, tuple[str, ...]]
FEW = 10
MOST_CLASSES = 50
FEWEST = 50  # rows


@dataclass(frozen=True, eq=False)
class Fit:
    """P(name | given) fitted: a mean with residuals, or class probabilities of `values`."""

    mean: Callable[[Floats], Floats]
    residuals: Floats | None
    values: Floats | None

    def expected(self, x: Floats) -> Floats:
        """Mean (n,)."""
        out = self.mean(x)
        return out if self.values is None else np.asarray(out @ self.values)

    def draw(self, x: Floats, rng: np.random.Generator) -> Floats:
        """One value a row."""
        out = self.mean(x)
        if self.values is None:
            assert self.residuals is not None
            return out + self.residuals[rng.integers(len(self.residuals), size=len(x))]
        u = rng.random(len(x))[:, None]
        at = (out.cumsum(axis=1) < u).sum(axis=1)
        return self.values[np.minimum(at, len(self.values) - 1)]

    def probability(self, x: Floats, at: Floats) -> Floats:
        """Of the values (n,); only for levels."""
        assert self.values is not None
        place = np.searchsorted(self.values, at)
        return np.asarray(self.mean(x)[np.arange(len(x)), place])


class Sampler:
    """The models of the factors on one table; forms are chosen once, on all rows."""

    def __init__(self, data: Data, rng: np.random.Generator) -> None:
        self.columns = {n: np.asarray(data.column(n), dtype=np.float64) for n in data.names}
        self.sizes = {v.name: v.size if v.kind is Kind.CATEGORICAL else 0 for v in data.variables}
        self.levels: dict[str, Floats | None] = {}
        for v in data.variables:
            seen = np.unique(self.columns[v.name])
            self.levels[v.name] = seen if v.discrete or len(seen) <= FEW else None
        self.n = data.n
        self.folds = deal(rng, data.n, 5).astype(np.int64)
        self.forms: dict[Key, Form] = {}

    def matrix(self, given: tuple[str, ...], rows: Ints | None = None) -> Floats:
        """Columns (n, k)."""
        if not given:
            return np.empty((self.n if rows is None else len(rows), 0))
        x = np.column_stack([self.columns[n] for n in given])
        return x if rows is None else x[rows]

    def fit(self, key: Key, rows: Ints, w: Floats) -> Fit:
        """P(name | given) on some rows, with weights (n,) of all rows."""
        name, given = key
        classes = self.levels[name]
        if classes is not None and len(classes) > MOST_CLASSES:
            raise InputError(
                f"{name!r} has {len(classes)} levels, more than {MOST_CLASSES} to draw from: merge "
                "rare ones"
            )
        need_room(given, tuple(self.sizes[n] for n in given), len(rows))
        sizes = tuple(self.sizes[n] for n in given)
        y, x, levels = self.columns[name], self.matrix(given), self.levels[name]
        if key not in self.forms:
            target = y if levels is None else (y == levels[len(levels) // 2]).astype(float)
            self.forms[key] = steady(x, sizes, target, w, self.folds, binary=levels is not None)
        form = self.forms[key]
        if levels is not None:
            codes = np.searchsorted(levels, y[rows])
            return Fit(class_model(x[rows], sizes, codes, len(levels), w[rows], form), None, levels)
        mean = mean_model(x[rows], sizes, y[rows], w[rows], form)
        residual = y[rows] - mean(x[rows])
        share = w[rows] / w[rows].sum()
        residual = residual - share @ residual
        if not (w == w[0]).all():
            even = (np.arange(len(rows)) + 0.5) / len(rows)
            residual = residual[np.searchsorted(share.cumsum(), even).clip(0, len(rows) - 1)]
        return Fit(mean, residual, None)


@dataclass(frozen=True, eq=False)
class _Job:
    """What is simulated: steps of numerator and denominator, roots known from the start."""

    task: Task
    top: tuple[Step, ...]
    bottom: tuple[Step, ...]
    free: tuple[str, ...]
    sampler: Sampler

    def models(self) -> set[Key]:
        return {k for step in (*self.top, *self.bottom) for k, _ in _chain(step)}


def _chain(step: Step) -> list[tuple[Key, bool]]:
    """Models of one step in order: known values first; whether each is drawn."""
    given = [s[0] for s in step.given]
    out: list[tuple[Key, bool]] = []
    if not step.given and not step.weigh:
        return out
    for symbols, drawn in ((step.weigh, False), (step.draw, True)):
        for name, _ in symbols:
            out.append(((name, tuple(given)), drawn))
            given.append(name)
    return out


def simulated(task: Task, *, draws: int, copies: int, rng: np.random.Generator) -> Fitted:
    """Means of the arms of a formula by simulation; the spread over resampled rows.

    Robins (1986): every factor is a fitted conditional (splines with residuals drawn from the rows,
    or class probabilities), drawn in an order in which what it depends on is known; the outcome by
    its mean. A quotient of two such sums is the ratio of their weighted means.

    Raises
    ------
    NotSupported
        A quotient inside of a sum, or a density of a column that is not discrete.
    InputError
        Too few rows.
    """
    if task.data.n < FEWEST:
        raise InputError(f"{task.data.n} rows are too few to simulate; {FEWEST} are needed")
    job = _job(task, rng)
    seed = int(rng.integers(2**63))
    rows = np.arange(task.data.n)
    means = _run(job, rows, task.weights, max(copies, 1) * 5, seed)
    spread = np.empty((draws, len(means)))
    counts = np.empty((draws, task.data.n))
    for b in range(draws):
        own = resample_rows(rng, task.data.n, task.groups)
        spread[b] = _run(job, own, task.weights, copies, seed + b + 1)
        counts[b] = np.bincount(own, minlength=task.data.n)
    words = sorted({f.words for f in job.sampler.forms.values()})
    return Fitted(
        means, influence_of(spread, counts, task.groups),
        f"simulation of the {task.formula.rule} formula from fitted conditionals "
        f"({' / '.join(words) or 'no model'}), errors by {draws} resamples of the rows",
        details={"forms": words, "draws": draws},
        cites=("robins1986", "shpitser2006", "efron1993"),
    )  # fmt: skip


def _job(task: Task, rng: np.random.Generator) -> _Job:
    y, t = (task.contrast.outcome, 0), (task.contrast.treatment, 0)
    top, bottom = ratio(task.formula.expression)
    top = needed(top, frozenset({y, t}))
    bottom = needed(tuple(f for f in bottom), frozenset({t}))
    symbols: set[Symbol] = {s for f in (*top, *bottom) for s in (*f.of, *f.given)}
    free = sorted(n for n, k in symbols if k == 0 and n not in (y[0], t[0]))
    known = frozenset({t, *((n, 0) for n in free)})
    if y not in {s for f in top for s in f.of}:
        raise NotSupported(f"{task.formula.text} gives no distribution of {y[0]} to simulate")
    if any(y in (*f.of, *f.given) for f in bottom):
        raise NotSupported(f"{task.formula.text} divides by a function of {y[0]}: not simulated")
    job = _Job(task, plan(_last(top, y), known), plan(bottom, known), tuple(free),
               Sampler(task.data, rng))  # fmt: skip
    for step in (*job.top, *job.bottom):
        for name, _ in step.weigh:
            if job.sampler.levels[name] is None:
                raise NotSupported(
                    f"the formula needs the density of {name!r} at a value, and {name!r} is not "
                    "discrete: make levels of it (up to 10 values)"
                )
    return job


def _last(factors: tuple[Factor, ...], y: Symbol) -> tuple[Factor, ...]:
    """The factors with that of the outcome at the end, if nothing depends on the outcome."""
    return tuple(sorted(factors, key=lambda f: y in f.of))


def _run(job: _Job, rows: Ints, w: Floats, copies: int, seed: int) -> Floats:
    """Means (m,) of the arms with models fitted on some rows."""
    fits = {key: job.sampler.fit(key, rows, w) for key in job.models()}
    out = []
    for arm in job.task.contrast.arms:
        top = _simulate(job, job.top, fits, rows, w, copies, seed, arm)
        mean, weight = top
        total = float(weight.mean())
        if job.bottom:
            _, below = _simulate(job, job.bottom, fits, rows, w, copies, seed, arm)
            total = float(below.mean())
        if not total > 1e-12:
            raise Overlap(
                f"the formula divides by a probability that is 0 at {job.task.contrast.treatment} "
                f"= {arm:g}: positivity fails in the rows"
            )
        # without a quotient weights are part of the value itself
        out.append(float((mean * weight).mean() / (total if job.bottom else 1.0)))
    return np.array(out)


def _simulate(
    job: _Job, steps: tuple[Step, ...], fits: dict[Key, Fit], rows: Ints, w: Floats, copies: int,
    seed: int, arm: float,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Mean outcome and weight of every draw; the same random numbers for every arm."""
    rng = np.random.default_rng(seed)
    size = len(rows) * copies
    y = (job.task.contrast.outcome, 0)
    columns = job.sampler.columns
    values: dict[Symbol, Floats] = {(job.task.contrast.treatment, 0): np.full(size, arm)}
    base = _rows(rows, w, copies, rng, first=True)
    for name in job.free:
        values[name, 0] = columns[name][base]
    weight, mean, first = np.ones(size), np.zeros(size), not job.free
    averaged = False
    for step in steps:
        if not step.given and not step.weigh:
            at = _rows(rows, w, copies, rng, first=first)
            first = False
            for symbol in step.draw:
                values[symbol] = columns[symbol[0]][at]
            continue
        given = list(step.given)
        for symbol in (*step.weigh, *step.draw):
            fit = fits[symbol[0], tuple(s[0] for s in given)]
            x = np.column_stack([values[s] for s in given]) if given else np.empty((size, 0))
            if symbol in step.weigh:
                weight = weight * fit.probability(x, values[symbol])
            elif symbol == y and symbol == step.draw[-1] and not _used(steps, y):
                mean, averaged = fit.expected(x), True
                values[y] = mean
            else:
                values[symbol] = fit.draw(x, rng)
            given.append(symbol)
    if y in values and (_used(steps, y) or not averaged):
        mean = values[y]
    return mean, weight


def _used(steps: tuple[Step, ...], y: Symbol) -> bool:
    """Whether some factor depends on the outcome."""
    return any(y in s.given or y in s.weigh or y in s.draw[:-1] for s in steps)


def _rows(rows: Ints, w: Floats, copies: int, rng: np.random.Generator, *, first: bool) -> Ints:
    """Rows (n copies,) drawn by weight; each as often as it is there, if weights are equal."""
    if (w == w[0]).all():
        base = np.tile(rows, copies)
        return base if first else rng.permutation(base)
    share = w[rows] / w[rows].sum()
    even = (np.arange(len(rows) * copies) + rng.random()) / (len(rows) * copies)
    at = np.searchsorted(share.cumsum(), even).clip(0, len(rows) - 1)
    return rows[at] if first else rng.permutation(rows[at])


def influence_of(spread: Floats, counts: Floats, groups: Ints | None) -> Floats:
    """Influence functions (n, m) whose covariance is that of bootstrap replicates (b, m).

    Their direction by rows is the covariance of replicates with row counts (Efron 2014, the
    infinitesimal jackknife); noise of few replicates is scaled away.
    """
    centred = spread - spread.mean(axis=0)
    rows = (counts - counts.mean(axis=0)).T @ centred / len(spread)
    if groups is not None:
        sums = np.zeros((int(groups.max()) + 1, rows.shape[1]))
        np.add.at(sums, groups, rows)
        rows = sums[groups] / np.bincount(groups)[groups][:, None]
    rows = rows * len(counts.T)
    wanted = np.atleast_2d(np.cov(spread.T))
    have = covariance(rows, groups=groups)
    return rows @ _inverse_root(have) @ _root(wanted)


def _root(matrix: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T)


def _inverse_root(matrix: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    scale = np.where(values > 1e-14 * max(values.max(), 1e-300), values, np.inf)
    return np.asarray((vectors / np.sqrt(scale)) @ vectors.T)
