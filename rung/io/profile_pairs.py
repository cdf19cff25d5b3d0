"""Pairs and sets of columns: curvature, duplicates, deterministic relations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from .profile_columns import NUMERIC

ROWS = 2000  # rows of the curvature check
COLUMNS = 60  # numeric columns of the curvature check
LEAST_GAIN = 0.01  # share of variance that a curve must add to count
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curvature:
    """Whether straight lines describe the pairs of numeric columns.

    Parameters
    ----------
    linear : bool or None
        False if more than 1 in 20 of the related pairs bend; None if there was nothing to test.
    figure : float
        Share of related pairs that bend, 0 to 1.
    related, tested : int
        Ordered pairs that are related at all, and those looked at.
    pairs : tuple of (cause or effect, the other, gain in R2, p-value times number of tests)
        The most bent first.
    """

    linear: bool | None
    figure: float
    related: int
    tested: int
    pairs: tuple[tuple[str, str, float, float], ...] = ()


def numeric_rows(
    data: Data, rng: np.random.Generator, rows: int
) -> tuple[list[str], Floats, list[str]]:
    """Numeric columns that vary, at most `rows` complete rows of them, and notes."""
    notes = []
    names = [v.name for v in data.variables if v.kind in NUMERIC and not v.shape]
    if len(names) > COLUMNS:
        notes.append(f"{COLUMNS} of {len(names)} numeric columns were looked at, drawn at random")
        names = sorted(rng.choice(names, COLUMNS, replace=False).tolist(), key=data.index)
    gone = {k: float(np.isnan(np.asarray(data.column(k))).mean()) for k in names}
    names = [k for k in names if gone[k] < 0.5]
    take = np.arange(data.n)
    if data.n > 3 * rows:
        take = np.sort(rng.choice(data.n, 3 * rows, replace=False))
    x = np.column_stack([np.asarray(data.column(k))[take] for k in names]) if names else None
    if x is None:
        return [], np.empty((0, 0)), notes
    x = x[~np.isnan(x).any(axis=1)]
    if len(x) > rows:
        x = x[np.sort(rng.choice(len(x), rows, replace=False))]
    if len(x) < data.n:
        notes.append(f"{len(x)} complete rows drawn at random for the checks of pairs")
    varied = x.std(axis=0) > 0 if len(x) else np.zeros(len(names), dtype=bool)
    return [k for k, ok in zip(names, varied, strict=True) if ok], x[:, varied], notes


def curvature(names: list[str], x: Floats) -> Curvature:
    """F tests of a restricted cubic spline (4 knots; Harrell 2001, eq. 2.24) against a line.

    A pair bends if the spline adds at least 0.01 to R2 and the p-value, times the number of
    pairs (Bonferroni), is below 0.01; it is related if the spline as a whole passes the same.
    """
    from scipy.special import fdtrc

    n, d = x.shape
    if n < 30 or d < 2:
        return Curvature(None, 0.0, 0, 0)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    tests = d * (d - 1)
    bent, related = [], 0
    for j in range(d):
        basis = _spline(z[:, j])
        if basis is None:
            continue
        linear = np.square(z[:, j] @ z / n)  # R2 of the line, (d,)
        gain = np.square(basis.T @ z).sum(axis=0) / n
        k = basis.shape[1]
        full = np.clip(linear + gain, 0.0, 1 - 1e-12)
        left = (1 - full) / (n - k - 2)
        p_all = fdtrc(k + 1, n - k - 2, full / (k + 1) / left) * tests
        p_gain = fdtrc(k, n - k - 2, gain / k / left) * tests
        for i in range(d):
            if i == j or not (p_all[i] < 0.01 and full[i] > LEAST_GAIN):
                continue
            related += 1
            if p_gain[i] < 0.01 and gain[i] >= LEAST_GAIN:
                bent.append((names[j], names[i], float(gain[i]), float(min(1.0, p_gain[i]))))
    figure = len(bent) / related if related else 0.0
    bent.sort(key=lambda pair: -pair[2])
    return Curvature(figure <= 0.05, figure, related, tests, tuple(bent[:20]))


def _spline(z: Floats) -> Floats | None:
    """Orthonormal curved part (n, 2) of a restricted cubic spline, times sqrt(n)/sqrt(n)."""
    knots = np.unique(np.quantile(z, [0.05, 0.35, 0.65, 0.95]))
    if len(knots) < 3:
        return None
    last, before = knots[-1], knots[-2]
    cube = [np.clip(z - k, 0, None) ** 3 for k in knots]
    terms = [
        cube[i]
        - cube[-2] * (last - knots[i]) / (last - before)
        + cube[-1] * (before - knots[i]) / (last - before)
        for i in range(len(knots) - 2)
    ]
    design = np.column_stack([np.ones_like(z), z, *terms])
    q, r = np.linalg.qr(design)
    good = np.abs(np.diag(r)) > 1e-8 * np.abs(r).max()
    return q[:, 2:][:, good[2:]] if good[2:].any() else None


def duplicates(data: Data) -> tuple[dict[str, Any], ...]:
    """Pairs of columns that are equal, copies under other codes, or correlated above 0.999."""
    found = []
    scalar = [v for v in data.variables if not v.shape]
    discrete = [v for v in scalar if v.discrete]
    marks: dict[bytes, str] = {}
    for v in discrete:
        mark = _partition(np.asarray(data.column(v.name)))
        if mark in marks:
            found.append({"a": marks[mark], "b": v.name, "r": 1.0, "what": "the same levels"})
        marks.setdefault(mark, v.name)
    numbers = [v.name for v in scalar if v.kind in NUMERIC]
    found += _correlated(data, numbers)
    return tuple(found)


def _partition(codes: Floats) -> bytes:
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.ravel()].tobytes()


def _correlated(data: Data, names: list[str]) -> list[dict[str, Any]]:
    r, kept = correlations(data, names)
    found = []
    for i, j in zip(*np.nonzero(np.triu(np.abs(r) > 0.999, 1)), strict=True):
        a, b = np.asarray(data.column(kept[i])), np.asarray(data.column(kept[j]))
        what = "equal" if np.array_equal(a, b, equal_nan=True) else "nearly the same"
        found.append({"a": kept[i], "b": kept[j], "r": float(r[i, j]), "what": what})
    return found


def correlations(data: Data, names: list[str]) -> tuple[Floats, list[str]]:
    """Correlations over complete rows of the columns that vary, and their names."""
    push = getattr(data.columns, "sums", None)  # a backing that adds up by itself
    if push and len(names) > 1 and data.n > 2 and (sums := push(names)):
        sd = np.sqrt(np.diag(sums.scatter) / sums.n)
        ok = sd > 1e-12 * np.maximum(1.0, np.abs(sums.mean))
        scaled = sums.scatter[np.ix_(ok, ok)] / sums.n / np.outer(sd[ok], sd[ok])
        return scaled, [k for k, good in zip(names, ok, strict=True) if good]
    names = [k for k in names if np.isnan(np.asarray(data.column(k))).mean() < 0.5]
    if len(names) < 2:
        return np.empty((0, 0)), []
    x = np.column_stack([np.asarray(data.column(k)) for k in names])
    x = x[~np.isnan(x).any(axis=1)]
    if len(x) < 3:
        return np.empty((0, 0)), []
    centred = x - x.mean(axis=0)
    sd = np.sqrt(np.square(centred).mean(axis=0))
    ok = sd > 1e-12 * np.maximum(1.0, np.abs(x).max(axis=0))
    z = centred[:, ok] / sd[ok]
    return z.T @ z / len(z), [k for k, good in zip(names, ok, strict=True) if good]


def deterministic(data: Data) -> tuple[dict[str, Any], ...]:
    """Linear relations without error among columns: null vectors of the correlations.

    Each is given by the columns in it and the smallest eigenvalue.
    """
    scalar = [v for v in data.variables if not v.shape]
    names = [v.name for v in scalar if v.kind in NUMERIC or (v.discrete and v.size == 2)]
    r, kept = correlations(data, names)
    d = len(kept)
    if d < 3 or data.n <= d:
        return ()
    values, vectors = np.linalg.eigh(r)
    null = vectors[:, values < 1e-9 * d]
    if not null.shape[1]:
        return ()
    found: list[dict[str, Any]] = []
    left = null
    while left.shape[1]:
        column = int(np.abs(left).max(axis=1).argmax())
        pivot = left[column]
        direction = left @ pivot / np.linalg.norm(pivot)
        basis = np.linalg.svd(pivot[None])[2][1:].T  # combinations without this column
        left = left @ basis
        members = [kept[i] for i in np.nonzero(np.abs(direction) > 1e-6)[0]]
        found.append({"columns": members, "eigenvalue": float(values[0])})
    return tuple(f for f in found if len(f["columns"]) > 2)
