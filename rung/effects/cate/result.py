"""CateModel: a fitted conditional effect that predicts for new rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.data import Data
from ...core.errors import InputError, NotSupported
from ...core.result import Result
from ...inference.intervals import check_level, quantile_of
from .reader import Reader

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CateModel(Result):
    """The effect of a treatment given covariates, fitted.

    Parameters
    ----------
    rules : fitted rules whose average is the effect: one, or one a completed table
    reader : how covariates are read from a table
    contrasts : the treatments compared, one a column of effects
    units : what one unit of an effect means
    method : the learner in the field's words
    rows : "cate" and, where there are intervals, "low" and "high" of the rows learned from
    """

    rules: tuple[Any, ...]
    reader: Reader
    contrasts: tuple[str, ...]
    units: str = ""
    method: str = ""
    level: float = 0.95
    rows: Mapping[str, Any] = field(default_factory=dict)
    cites: tuple[str, ...] = ()

    @property
    def covariates(self) -> tuple[str, ...]:
        """Names of the covariates by which effects may differ."""
        return self.reader.names

    def effect(self, x: Data | ArrayLike) -> Floats:
        """Effects (n,) at the covariates of new rows; (n, contrasts) with several.

        x : Data with the covariates, or (n, p) array of them in the order of `covariates`

        Raises
        ------
        InputError, UnknownName, MissingCells
            Covariates that are not there, were never seen, or are not finite.
        """
        cells = self.reader.read(x)
        return _narrow(np.mean([r.effect(cells) for r in self.rules], axis=0))

    def interval(self, x: Data | ArrayLike, *, level: float | None = None) -> Floats:
        """Pointwise intervals (n, 2) of the effects; (n, contrasts, 2) with several.

        Raises
        ------
        NotSupported
            The learner has no justified interval.
        """
        if not all(hasattr(r, "variance") for r in self.rules):
            raise NotSupported(
                f"the {self.method} has no justified pointwise interval: its models are chosen "
                "by fit; rung.CausalForest() has one, and group averages have one for any learner"
            )
        z = quantile_of(check_level(self.level if level is None else level))
        cells = self.reader.read(x)
        value = np.array([r.effect(cells) for r in self.rules])
        se = np.sqrt(pooled_variance(value, np.array([r.variance(cells) for r in self.rules])))
        mean = value.mean(axis=0)
        ends = np.stack([mean - z * se, mean + z * se], axis=-1)
        return np.asarray(ends[:, 0] if ends.shape[1] == 1 else ends)

    def frame(self) -> pd.DataFrame:
        """One row for each row learned from."""
        import pandas as pd

        out = {}
        for name, values in self.rows.items():
            array = np.asarray(values)
            if array.ndim == 1:
                out[name] = array
            else:
                out.update({f"{name}: {c}": array[:, k] for k, c in enumerate(self.contrasts)})
        return pd.DataFrame(out)

    def __repr__(self) -> str:
        cate = np.asarray(self.rows.get("cate", np.zeros(0)))
        spread = ""
        if cate.size:
            low, mid, high = np.quantile(cate.reshape(len(cate), -1)[:, 0], [0.1, 0.5, 0.9])
            spread = (
                f"\n  effects: median {mid:.4g}, 10% to 90% {low:.4g} to {high:.4g} {self.units}"
            )
        return (
            f"CateModel: {'; '.join(self.contrasts)}\n  {self.method}; by "
            f"{', '.join(self.covariates)}; {len(cate)} rows{spread}"
        )


def pooled_variance(values: Floats, variances: Floats) -> Floats:
    """Variance over m completed tables (m, ...) by Rubin's rules (1987, section 3.3)."""
    m = len(values)
    inside = variances.mean(axis=0)
    return np.asarray(inside if m < 2 else inside + (1 + 1 / m) * values.var(axis=0, ddof=1))


def _narrow(values: Floats) -> Floats:
    """(n, 1) as (n,)."""
    return np.asarray(values[:, 0] if values.shape[1] == 1 else values)


def seen(rule: Any, x: Floats) -> tuple[Floats, Floats | None]:
    """Effects and variances (n, c) at the rows learned from."""
    if hasattr(rule, "seen"):
        effect, variance = rule.seen()
        return effect, variance
    variance = rule.variance(x) if hasattr(rule, "variance") else None
    return rule.effect(x), variance


def described(
    model: CateModel, effects: Floats, variances: Floats | None, level: float
) -> CateModel:
    """The model with effects (m, n, c) and variances of m tables' rows as its rows."""
    if effects.ndim != 3:
        raise InputError(f"effects have shape {effects.shape}: expected (tables, n, contrasts)")
    mean = effects.mean(axis=0)
    rows = {"cate": _narrow(mean)}
    if variances is not None:
        half = quantile_of(level) * np.sqrt(pooled_variance(effects, variances))
        rows |= {"low": _narrow(mean - half), "high": _narrow(mean + half)}
    return replace(model, rows=rows, level=level)
