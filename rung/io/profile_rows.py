"""Rows: missing cells, environments, repeated units, autocorrelation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.variable import Kind
from .profile_columns import NUMERIC

LAGS = 10
_TIME_NAME = re.compile(
    r"(^|[_\W])(date|time|timestamp|year|month|week|day|hour|minute|second|t|period|quarter)$", re.I
)
_UNIT_NAME = re.compile(
    r"(^|[_\W])(id|patient|subject|person|participant|school|class|hospital|clinic|site|center|"
    r"centre|household|family|village|cluster|firm|company|animal|donor|mouse|country|region)"
    r"([_\W]?(id|nr|no|number))?$",
    re.I,
)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RowDependence:
    """How rows hang together.

    Parameters
    ----------
    kind : "independent", "clustered" or "autocorrelated"
    figure : float
        Largest intra-class correlation over columns (clustered), or largest lag-1 correlation in
        size (autocorrelated, and independent rows).
    text : str
        What was found, with its figure, and what to do.
    declared : bool
        True if the user declared the unit or the time behind it.
    column : str or None
        The column that looks like an undeclared unit or time.
    """

    kind: str
    figure: float
    text: str
    declared: bool = True
    column: str | None = None


def dependence(data: Data) -> RowDependence:
    """Whether rows may be resampled one by one.

    Units that repeat make rows clustered. Else the columns are tested for autocorrelation (Ljung
    and Box 1978, lags 1 to 10, Bonferroni over columns) in the order of time, or, without a time,
    in the order of the rows unless the file is sorted by a column. Means of environments are
    taken out first.
    """
    if data.clustered:
        assert data.unit is not None
        name, icc, _ = _strongest_icc(data, data.unit, None)
        units = len(np.unique(data.unit))
        return RowDependence(
            "clustered", icc,
            f"{data.n} rows of {units} units; the intra-class correlation is up to {icc:.2f}"
            f"{f' ({name})' if name else ''}: folds, resamples and intervals go by unit",
        )  # fmt: skip
    hidden = _hidden_unit(data)
    if hidden is not None:
        return hidden
    return _serial(data)


def _columns(data: Data) -> list[str]:
    """Columns that measure something: numbers and binary or ordinal codes that vary."""
    good = [
        v.name
        for v in data.variables
        if not v.shape and (v.kind in NUMERIC or v.kind in (Kind.BINARY, Kind.ORDINAL))
    ]
    return [k for k in good if np.nanstd(_filled(data, k)) > 0]


def _filled(data: Data, name: str) -> Floats:
    """A column with its mean in place of missing cells."""
    x = np.asarray(data.column(name), dtype=np.float64)
    gone = np.isnan(x)
    if not gone.any():
        return x
    return np.where(gone, x[~gone].mean() if not gone.all() else 0.0, x)


def intraclass(x: Floats, groups: NDArray[Any]) -> tuple[float, float]:
    """Intra-class correlation by analysis of variance, and the p-value of its F test.

    Donner (1986, eq. 2.1): (MSB - MSW) / (MSB + (n0 - 1) MSW), n0 the adjusted mean group size.
    """
    from scipy.special import fdtrc

    _, codes = np.unique(groups, return_inverse=True)
    sizes = np.bincount(codes).astype(np.float64)
    k, n = len(sizes), len(x)
    if k < 2 or n <= k:
        return 0.0, 1.0
    means = np.bincount(codes, x) / sizes
    between = float((sizes * (means - x.mean()) ** 2).sum()) / (k - 1)
    within = float(np.square(x - means[codes]).sum()) / (n - k)
    n0 = (n - float(np.square(sizes).sum()) / n) / (k - 1)
    if between + within == 0:
        return 0.0, 1.0
    p = float(fdtrc(k - 1, n - k, between / within)) if within > 0 else 0.0
    return (between - within) / (between + (n0 - 1) * within), p


def _strongest_icc(
    data: Data, groups: NDArray[Any], skip: str | None
) -> tuple[str | None, float, float]:
    best: tuple[str | None, float, float] = (None, 0.0, 1.0)
    names = [k for k in _columns(data) if k != skip]
    for name in names:
        icc, p = intraclass(_filled(data, name), groups)
        if icc > best[1]:
            best = (name, icc, min(1.0, p * len(names)))
    return best


def _hidden_unit(data: Data) -> RowDependence | None:
    """A column that is named like a unit, repeats, and whose rows are alike."""
    for v in data.variables:
        if v.shape or data.unit is not None or not _UNIT_NAME.search(v.name):
            continue
        codes = np.asarray(data.column(v.name))
        if np.isnan(codes).any() or (codes != np.floor(codes)).any():
            continue
        units = len(np.unique(codes))
        if units < 10 or data.n < 1.5 * units:
            continue
        name, icc, p = _strongest_icc(data, codes, v.name)
        if name is not None and icc > 0.05 and p < 0.001:
            return RowDependence(
                "clustered", icc,
                f"{v.name!r} looks like a unit: {units} values in {data.n} rows, and rows that "
                f"share one are alike (intra-class correlation of {name} {icc:.2f}). Declare "
                f"unit={v.name!r}, so that folds, resamples and intervals go by unit",
                declared=False, column=v.name,
            )  # fmt: skip
    return None


def sorted_by(data: Data) -> str | None:
    """A column, or the environments, in whose order or blocks the rows stand; None if in none."""
    for name in _columns(data):
        x = _filled(data, name)
        if _in_blocks(x):
            return name
    discrete = [v.name for v in data.variables if v.discrete]
    return next((k for k in discrete if _in_blocks(_filled(data, k))), None)


def _in_blocks(x: Floats) -> bool:
    """Monotone, or a few values in one stretch each, as in a sorted file."""
    steps = np.diff(x)
    if not steps.any():
        return False
    if (steps >= 0).all() or (steps <= 0).all():
        return True
    values = len(np.unique(x))
    return values <= 50 and len(x) >= 10 * values and int((steps != 0).sum()) == values - 1


def _serial(data: Data) -> RowDependence:
    names = _columns(data)
    if data.n < 50 or not names:
        return RowDependence(
            "independent", 0.0, f"{data.n} rows: too few to test for autocorrelation; taken as "
            "independent", declared=False,
        )  # fmt: skip
    timed = data.time is not None
    order = np.argsort(data.time, kind="stable") if timed else np.arange(data.n)  # type: ignore[arg-type]
    by = None if timed else sorted_by(data)
    best, lag1, worst = None, 0.0, 1.0
    for name in [k for k in names if k != by] or names:
        x = _residual(_filled(data, name), data.environment)[order]
        r1, p = ljung_box(x)
        p = min(1.0, p * len(names))
        if p < worst or best is None:
            best, lag1, worst = name, r1, p
    where = "in the order of time" if timed else "in the order of the rows"
    figure = f"lag-1 correlation of {best} {where} {lag1:.2f}, Ljung-Box p {worst:.2g}"
    figure += f" over {len(names)} columns"
    if worst >= 0.001 or abs(lag1) < 0.1:
        return RowDependence("independent", lag1, f"no autocorrelation that matters: {figure}",
                             declared=timed)  # fmt: skip
    if by is not None and not _is_time(data, by):
        return RowDependence(
            "independent", lag1,
            f"the file is sorted by {by!r}, so the order of its rows says nothing about dependence "
            f"({figure}); if rows are a series, declare time=", declared=False,
        )  # fmt: skip
    if timed:
        advice = "intervals need blocks of rows"
    elif by is not None:
        advice = f"the rows stand in the order of {by!r}: declare time={by!r}"
    else:
        advice = "the order of the rows seems to matter: declare time= (or unit=); if the order "
        advice += "means nothing, shuffle the rows"
    return RowDependence("autocorrelated", lag1, f"{figure}: {advice}", timed, by)


def _is_time(data: Data, name: str) -> bool:
    v = data.variable(name)
    return (v.unit or "").startswith("days since") or _TIME_NAME.search(name) is not None


def _residual(x: Floats, environment: NDArray[np.int64] | None) -> Floats:
    if environment is None:
        return x - x.mean()
    sizes = np.maximum(1, np.bincount(environment))
    return x - (np.bincount(environment, x) / sizes)[environment]


def ljung_box(x: Floats, lags: int = LAGS) -> tuple[float, float]:
    """Lag-1 autocorrelation and the p-value of Q = n (n + 2) sum r_k^2 / (n - k)."""
    from scipy.special import chdtrc

    n = len(x)
    centred = x - x.mean()
    total = float(centred @ centred)
    lags = min(lags, n // 5)
    if total == 0 or lags < 1:
        return 0.0, 1.0
    r = np.array([float(centred[k:] @ centred[:-k]) / total for k in range(1, lags + 1)])
    q = n * (n + 2) * float((r**2 / (n - np.arange(1, lags + 1))).sum())
    return float(r[0]), float(chdtrc(lags, q))


def missingness(data: Data) -> dict[str, Any]:
    """Share of incomplete rows, commonest patterns, monotone or not, and what being missing
    goes with."""
    mask = data.mask
    if not mask.any():
        return {"rows": 0.0, "patterns": [], "monotone": None, "depends": []}
    names = np.array(data.names)
    touched = mask.any(axis=0)
    packed, counts = np.unique(mask[:, touched], axis=0, return_counts=True)
    order = np.argsort(-counts)[:6]
    patterns = [
        {"missing": names[touched][packed[i]].tolist(), "rows": int(counts[i])} for i in order
    ]
    nested = packed[:, np.argsort(packed.sum(axis=0), kind="stable")]
    monotone = bool((np.diff(nested.astype(np.int8), axis=1) >= 0).all())
    shares = mask.mean(axis=0)
    return {
        "rows": float(mask.any(axis=1).mean()),
        "cells": {k: float(s) for k, s in zip(data.names, shares, strict=True) if s},
        "patterns": patterns,
        "monotone": monotone if touched.sum() > 1 else None,
        "depends": _missing_with(data, mask),
    }


def _missing_with(data: Data, mask: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Columns whose values differ between rows with and without a missing cell.

    Correlation of the indicator with the column, Fisher's z, Bonferroni over all pairs.
    """
    from scipy.special import ndtr

    with_gaps = [k for i, k in enumerate(data.names) if 0 < mask[:, i].mean() < 1][:30]
    others = _columns(data)
    tests = max(1, len(with_gaps) * len(others))
    found: list[dict[str, Any]] = []
    for name in with_gaps:
        gone = mask[:, data.index(name)].astype(np.float64)
        for other in others:
            x = np.asarray(data.column(other))
            there = ~np.isnan(x)
            a, b = gone[there], x[there]
            if other == name or len(a) < 20 or a.std() == 0 or b.std() == 0:
                continue
            r = float(np.corrcoef(a, b)[0, 1])
            z = abs(np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))) * np.sqrt(len(a) - 3)
            p = min(1.0, float(2 * ndtr(-z)) * tests)
            if p < 0.01:
                found.append({"missing": name, "with": other, "r": r, "p": p})
    return sorted(found, key=lambda f: -abs(float(f["r"])))[:20]


def heterogeneity(data: Data) -> tuple[dict[str, Any], ...]:
    """Shifts between environments, the largest first.

    `share` is the share of a column's variance between environments (eta squared), `p` its F test
    and `spread_p` that of Levene's test about the median (Brown and Forsythe 1974), Bonferroni
    over columns; `ratio` is the largest over the smallest standard deviation.
    """
    if data.environment is None or len(data.environments) < 2:
        return ()
    names = _columns(data)
    out: list[dict[str, Any]] = []
    for name in names:
        x, e = _filled(data, name), data.environment
        present = [i for i in range(len(data.environments)) if (e == i).sum() > 1]
        if len(present) < 2:
            continue
        spreads = np.array([x[e == i].std() for i in present])
        middle = np.zeros(len(data.environments))
        middle[present] = [np.median(x[e == i]) for i in present]
        keep = np.isin(e, present)
        share = 1 - float(np.square(_residual(x[keep], e[keep])).sum()) / (
            float(np.square(x[keep] - x[keep].mean()).sum()) or 1.0
        )
        ratio = float(spreads.max() / spreads.min()) if spreads.min() > 0 else None
        out.append(
            {
                "name": name,
                "share": share,
                "p": min(1.0, intraclass(x[keep], e[keep])[1] * len(names)),
                "ratio": ratio,
                "spread_p": min(
                    1.0, intraclass(np.abs(x - middle[e])[keep], e[keep])[1] * len(names)
                ),
            }
        )
    return tuple(sorted(out, key=lambda row: -float(row["share"])))
