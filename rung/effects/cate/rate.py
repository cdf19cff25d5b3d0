"""Whether treating by the predicted effect pays: RATE, its curve, averages of groups."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...inference.intervals import quantile_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DRAWS = 400
POINTS = 20
BLOCK = 50


def curves(
    priority: Floats, scores: Floats, weights: Floats, masks: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """AUTOC (m,), Qini coefficient (m,), and the curve TOC (m, 20) at 5, 10 ... 100 per cent.

    TOC(q) is the average effect among the share q with the highest priority less the average of
    all; AUTOC its integral over q, and the Qini coefficient that of q TOC(q) (Yadlowsky et al.
    2021, definitions 1 and 2). Rows of equal priority share their average score.

    priority, scores, weights : (n,)
    masks : (m, n) 0 or 1, subsets on which to compute; all rows if None
    """
    order = np.argsort(-priority, kind="stable")
    p, g, w = priority[order], scores[order], weights[order]
    _, tie = np.unique(-p, return_inverse=True)
    m = np.ones((1, len(g))) if masks is None else masks[:, order]
    mass = m * w
    total = mass.sum(axis=1, keepdims=True)
    if tie[-1] + 1 < len(p):
        starts = np.flatnonzero(np.diff(tie, prepend=-1))
        tied = np.add.reduceat(mass, starts, axis=1)
        sums = np.add.reduceat(mass * g, starts, axis=1)
        worth = np.divide(sums, tied, out=np.zeros_like(sums), where=tied > 0)[:, tie]
    else:
        worth = np.broadcast_to(g, mass.shape)
    gathered, share = np.cumsum(mass * worth, axis=1), np.cumsum(mass, axis=1)
    average = gathered[:, -1:] / total
    toc = np.divide(gathered, share, out=np.zeros_like(share), where=share > 0) - average
    q = share / total
    autoc = (mass * toc).sum(axis=1) / total[:, 0]
    qini = (mass * q * toc).sum(axis=1) / total[:, 0]
    at = [np.minimum(np.searchsorted(row, grid() - 1e-12), len(g) - 1) for row in q]
    return autoc, qini, np.take_along_axis(toc, np.array(at), axis=1)


def grid() -> Floats:
    """Shares of the rows at which the curve is given."""
    return np.arange(1, POINTS + 1) / POINTS


def halves(n: int, groups: Ints | None, draws: int, rng: np.random.Generator) -> Floats:
    """Random halves (draws, n) of the rows, whole groups, as 0 or 1."""
    code = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    units = int(code.max()) + 1
    keys = rng.random((draws, units))
    picked = np.argpartition(keys, units // 2, axis=1)[:, : units // 2]
    chosen = np.zeros((draws, units))
    np.put_along_axis(chosen, picked, 1.0, axis=1)
    return chosen[:, code]


def rate(
    priority: Floats,
    scores: Floats,
    weights: Floats,
    *,
    groups: Ints | None = None,
    level: float = 0.95,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """AUTOC, Qini coefficient and curve with intervals by the half-sample bootstrap.

    The priority must come from other rows than the scores. The spread over random halves is the
    standard error (Yadlowsky et al. 2021, section 4). JSON-ready.
    """
    autoc, qini, toc = (a[0] for a in curves(priority, scores, weights))
    found = []
    for start in range(0, DRAWS, BLOCK):
        masks = halves(len(scores), groups, min(BLOCK, DRAWS - start), rng)
        found.append(curves(priority, scores, weights, masks))
    again = [np.concatenate([f[k] for f in found]) for k in range(3)]
    z = quantile_of(level)
    q, spread = grid(), again[2].std(axis=0, ddof=1)
    points = [
        {"share": float(s), "toc": float(t), "low": float(t - z * e), "high": float(t + z * e),
         "qini": float(s * t), "qini_low": float(s * (t - z * e)),
         "qini_high": float(s * (t + z * e))}
        for s, t, e in zip(q, toc, spread, strict=True)
    ]  # fmt: skip
    return {
        "autoc": summary(float(autoc), float(again[0].std(ddof=1)), level),
        "qini": summary(float(qini), float(again[1].std(ddof=1)), level),
        "curve": points,
    }


def summary(value: float, se: float, level: float) -> dict[str, float]:
    """Value, standard error, interval, and the two-sided p-value against 0."""
    from scipy import special

    z = quantile_of(level)
    p = 1.0 if se <= 0 else float(2 * special.ndtr(-abs(value) / se))
    return {"value": value, "se": se, "low": value - z * se, "high": value + z * se, "p": p}
