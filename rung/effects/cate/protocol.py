"""The plug shape of learners of conditional effects, what they are given, what they give back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import InputError, NotSupported
from ...inference.resampling import folds as deal

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAST = 10  # rows of an arm


@dataclass(frozen=True, eq=False)
class CateTask:
    """Rows from which the effect of a treatment given covariates is learned.

    Parameters
    ----------
    y : (n,) outcome; 0 or 1 if `binary`
    t : (n,) arm number 0 .. arms-1 if `arms`, else a dose whose unit is what is compared
    x : (n, p) covariates by which the effect may differ
    z : (n, q) covariates that suffice for adjustment, x among them
    weights : (n,) with mean 1
    arms : number of levels of the treatment, 0 for a dose; effects are of arm k against arm 0
    groups : (n,) int or None; rows of one group may depend on each other
    """

    y: Floats
    t: Floats
    x: Floats
    z: Floats
    weights: Floats
    arms: int = 2
    binary: bool = False
    groups: Ints | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def contrasts(self) -> int:
        """Number of effects a row: one for each arm but the first, one for a dose."""
        return max(self.arms - 1, 1)

    @property
    def even(self) -> bool:
        """Whether all rows weigh the same."""
        return bool((self.weights == self.weights[0]).all())

    def take(self, rows: NDArray[Any]) -> CateTask:
        """The task on some rows (a mask or numbers)."""
        groups = None if self.groups is None else self.groups[rows]
        x = self.x[rows]
        return replace(
            self, y=self.y[rows], t=self.t[rows], x=x, weights=self.weights[rows], groups=groups,
            z=x if self.z is self.x else self.z[rows],
        )  # fmt: skip

    def pair(self, arm: int) -> CateTask:
        """The rows of arm 0 and of another arm, as a task with two arms."""
        if self.arms <= 2:
            return self
        part = self.take((self.t == 0) | (self.t == arm))
        return replace(part, t=(part.t == arm).astype(np.float64), arms=2)

    def folds(self, k: int, rng: np.random.Generator) -> Ints:
        """Fold number of each row: groups whole, arms even.

        Raises
        ------
        InputError
            An arm has fewer than 10 rows, or there are fewer units than folds.
        """
        units = self.n if self.groups is None else len(np.unique(self.groups))
        if units < 2 * k:
            raise InputError(f"{units} independent units are too few for {k} folds; use more rows")
        strata = None
        if self.arms:
            strata = self.t.astype(np.int64)
            few = int(np.bincount(strata, minlength=self.arms).min())
            if few < LEAST:
                raise InputError(
                    f"an arm of the treatment has {few} rows; effects that differ between rows "
                    f"need at least {LEAST}. Merge rare levels, or name treated= and control="
                )
        return deal(rng, self.n, k, unit=self.groups, strata=strata)

    @classmethod
    def of(
        cls,
        x: ArrayLike,
        t: ArrayLike,
        y: ArrayLike,
        *,
        arms: int = 2,
        z: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> CateTask:
        """From arrays: x (n, p), t (n,) arm numbers or doses (arms=0), y (n,).

        Raises
        ------
        InputError
            Shapes that do not fit, cells that are not finite, no covariate.
        """
        xs = np.ascontiguousarray(x, dtype=np.float64)
        ts, ys = np.array(t, dtype=np.float64), np.array(y, dtype=np.float64)
        zs = xs if z is None else np.ascontiguousarray(z, dtype=np.float64)
        ws = np.ones(len(ys)) if weights is None else np.array(weights, dtype=np.float64)
        shapes = (xs.shape[:1], ts.shape, ys.shape, zs.shape[:1], ws.shape)
        if xs.ndim != 2 or zs.ndim != 2 or len(set(shapes)) != 1:
            raise InputError(f"expected x (n, p), t (n,), y (n,); got {xs.shape}, {shapes[1:]}")
        if xs.shape[1] == 0:
            raise InputError("effects differ by covariates, and there are none: name by=(...)")
        for name, a in (("x", xs), ("t", ts), ("y", ys), ("z", zs), ("weights", ws)):
            if not np.isfinite(a).all():
                raise InputError(f"{name} has cells that are missing or infinite")
        if arms and not np.isin(ts, np.arange(arms)).all():
            raise InputError(f"t must hold arm numbers 0 .. {arms - 1}; for a dose give arms=0")
        if (ws < 0).any() or ws.sum() <= 0:
            raise InputError("weights must be numbers >= 0 with a positive sum")
        return cls(ys, ts, xs, zs, ws / ws.mean(), arms, bool(np.isin(ys, (0, 1)).all()))


@runtime_checkable
class EffectRule(Protocol):
    """A fitted conditional effect.

    A rule may also have `variance(x) -> (n, c)`, and `seen() -> (effect, variance or None)` for
    the rows it was learned from, each without the parts that used the row.
    """

    def effect(self, x: Floats) -> Floats:
        """Effects (n, contrasts) at covariates x (n, p)."""


@runtime_checkable
class CateLearner(Protocol):
    """Learns the effect of a treatment given covariates."""

    def conditional(self, task: CateTask, *, rng: np.random.Generator) -> EffectRule:
        """The fitted rule."""

    @property
    def words(self) -> str:
        """The method in the field's words."""

    @property
    def cites(self) -> tuple[str, ...]:
        """Keys of the works it rests on."""


def levels_only(learner: Any, task: CateTask) -> None:
    """NotSupported for a dose, InputError for too few rows of an arm."""
    if not task.arms:
        raise NotSupported(
            f"{type(learner).__name__} compares levels of a treatment, not doses; use "
            "rung.RLearner() or rung.CausalForest()"
        )
    task.folds(2, np.random.default_rng(0))


def whole_covariates(learner: Any, task: CateTask) -> None:
    """NotSupported where the effect is asked for by fewer covariates than are adjusted for."""
    if task.x is not task.z and not np.array_equal(task.x, task.z):
        raise NotSupported(
            f"{type(learner).__name__} gives effects by all covariates of the adjustment; with "
            "by=(...) fewer than those use rung.DRLearner()"
        )
