"""One column at a time: missing share, moments, quantiles, tails, Gaussianity."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.variable import Kind, Variable

TOP = 12  # levels that are listed
NUMERIC = (Kind.CONTINUOUS, Kind.COUNT)
GAUSS_ROWS = 5000  # rows of the Gaussianity test
NOTABLE_SKEW, NOTABLE_KURTOSIS = 0.5, 1.0


@dataclass(frozen=True)
class ColumnProfile:
    """Figures of one column; None where they do not apply.

    `kurtosis` is the excess over the normal; `outliers` the share of cells more than 5 robust
    standard deviations (1.4826 MAD) from the median; `gaussian_p` the p-value of D'Agostino and
    Pearson's K2 (1973); `top` the commonest levels with their counts.
    """

    name: str
    kind: str
    unit: str | None
    levels: tuple[Any, ...] | None
    missing: float
    distinct: int
    mean: float | None = None
    sd: float | None = None
    min: float | None = None
    q25: float | None = None
    median: float | None = None
    q75: float | None = None
    max: float | None = None
    skew: float | None = None
    kurtosis: float | None = None
    outliers: float | None = None
    gaussian_p: float | None = None
    gaussian: bool | None = None
    note: str = ""
    top: tuple[tuple[Any, int], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, as the report takes it."""
        out = asdict(self)
        out["levels"] = None if self.levels is None else [str(v) for v in self.levels]
        out["top"] = [{"level": str(level), "count": count} for level, count in self.top]
        return out


def column_profiles(data: Data, rng: np.random.Generator) -> tuple[ColumnProfile, ...]:
    """A profile of each scalar column."""
    scalar = [v for v in data.variables if not v.shape]
    tests = max(1, sum(v.kind in NUMERIC for v in scalar))
    return tuple(_column(v, np.asarray(data.column(v.name)), tests, rng) for v in scalar)


def _column(
    v: Variable, values: NDArray[np.float64], tests: int, rng: np.random.Generator
) -> ColumnProfile:
    x = np.sort(values)
    x = x[: len(x) - int(np.isnan(values).sum())]  # NaN is sorted to the end
    missing = 1.0 - len(x) / max(1, len(values))
    base: dict[str, Any] = {
        "name": v.name, "kind": str(v.kind), "unit": v.unit, "levels": v.levels,
        "missing": missing,
    }  # fmt: skip
    if v.discrete:
        counts = np.bincount(x.astype(np.intp), minlength=v.size)
        order = np.argsort(-counts, kind="stable")[:TOP]
        levels = v.levels or ()
        top = tuple((levels[i], int(counts[i])) for i in order if counts[i])
        rare = int((counts[counts > 0] < 5).sum())
        note = f"{rare} of {v.size} levels have fewer than 5 rows" if rare else ""
        figures = _figures(np.sort(_level_values(v, x))) if v.numeric_levels and len(x) else {}
        return ColumnProfile(
            **base, distinct=int((counts > 0).sum()), top=top, note=note, **figures
        )
    if not len(x):
        return ColumnProfile(**base, distinct=0, note="missing in every row")
    starts = np.concatenate([[0], np.nonzero(np.diff(x))[0] + 1])
    distinct = len(starts)
    figures = _figures(x)
    if v.kind not in NUMERIC or figures["sd"] == 0:
        return ColumnProfile(**base, distinct=distinct, **figures)
    shape = _shape(x, tests, rng)
    return ColumnProfile(
        **base, distinct=distinct, note=_note(x, starts, shape), **figures, **shape
    )


def _level_values(v: Variable, codes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(v.levels, dtype=np.float64)[codes.astype(np.intp)]


def _figures(x: NDArray[np.float64]) -> dict[str, Any]:
    """Mean, spread and quantiles of sorted values."""
    low, q25, median, q75, high = (_quantile(x, q) for q in (0, 0.25, 0.5, 0.75, 1))
    sd = float(x.std(ddof=1)) if len(x) > 1 else 0.0
    return {
        "mean": float(x.mean()), "sd": sd, "min": low, "q25": q25, "median": median,
        "q75": q75, "max": high,
    }  # fmt: skip


def _quantile(ordered: NDArray[np.float64], q: float) -> float:
    """Linear interpolation between order statistics (Hyndman and Fan 1996, type 7)."""
    at = q * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (at - below) * (ordered[above] - ordered[below]))


def skewness(x: NDArray[np.float64]) -> float:
    """Third standardised moment (g1); 0 for a constant."""
    spread = x.std()
    return float((((x - x.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0


def _shape(x: NDArray[np.float64], tests: int, rng: np.random.Generator) -> dict[str, Any]:
    z = (x - x.mean()) / x.std()
    square = z * z
    kurtosis = float((square * square).mean() - 3)
    skew = float((square * z).mean())
    away = np.abs(x - _quantile(x, 0.5))
    spread = 1.4826 * float(np.median(away))
    far = float((away > 5 * spread).mean()) if spread > 0 else 0.0
    p = gaussian_pvalue(x, rng)
    notable = abs(skew) > NOTABLE_SKEW or abs(kurtosis) > NOTABLE_KURTOSIS
    gaussian = None if p is None else not (p < 0.01 / tests and notable)
    return {
        "skew": skew, "kurtosis": kurtosis, "outliers": far, "gaussian_p": p,
        "gaussian": gaussian,
    }  # fmt: skip


def gaussian_pvalue(x: NDArray[np.float64], rng: np.random.Generator) -> float | None:
    """p-value of the K2 test on at most 5,000 rows; None below 20 rows."""
    from scipy.stats import normaltest

    if len(x) < 20 or x.std() == 0:
        return None
    part = x if len(x) <= GAUSS_ROWS else rng.choice(x, GAUSS_ROWS, replace=False)
    return float(normaltest(part).pvalue)


def _note(x: NDArray[np.float64], starts: NDArray[np.intp], shape: dict[str, Any]) -> str:
    """What is odd about sorted values whose runs of equal ones begin at `starts`."""
    notes = []
    if x.min() > 0 and shape["skew"] > 1 and abs(skewness(np.log(x))) < 0.5 * shape["skew"]:
        notes.append("right-skewed and positive: nearer to symmetric on the log scale")
    if shape["kurtosis"] > 10:
        notes.append("very heavy tails")
    counts = np.diff(np.append(starts, len(x)))
    if len(counts) > 10 and counts.max() > 0.2 * len(x):
        spike = x[starts[counts.argmax()]]
        notes.append(f"{counts.max() / len(x):.0%} of the cells are {spike:g}")
    return "; ".join(notes)
