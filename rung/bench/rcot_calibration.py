"""Evidence: RCoT rejects true nulls as often as it says; the published form beside it."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from ..core.data import Data
from ..discovery.independence.rcit import RCoT
from .registry import Row

NAME = "rcot-calibration"
KIND = "evidence"
SEEDS = 10_000
LEVELS = (0.01, 0.05)
TOLERANCE = 0.01
SETTINGS = ((1, 500), (3, 1000), (5, 1000))  # size of the condition, rows
CLAIM = (
    "RCoT rejects a true null within one percentage point of 1% and of 5%, over 10,000 data sets "
    "from post-nonlinear models at each of 3 settings: 1 condition and 500 rows, 3 and 1000, "
    "5 and 1000."
)
PUBLISHED = RCoT(features=100, width=1.0, scores=False, leverage=False)
SHAPES = (
    lambda u: u,
    lambda u: u * u,
    lambda u: u * u * u,
    np.tanh,
    lambda u: np.exp(-np.abs(u)),
)


def null(conditions: int, n: int, seed: int) -> Data:
    """x and y independent given z (n, conditions): x = g(f(a z) + e), y = g'(f'(b z) + e').

    Post-nonlinear models as in Strobl, Zhang and Visweswaran (2019), section 4: shapes drawn from
    identity, square, cube, tanh, exp(-|.|), standard normal z and noise; here a and b are random
    directions, so that the signal does not weaken with the number of conditions.
    """
    rng = np.random.default_rng([seed, conditions, n])
    z = rng.normal(size=(n, conditions))
    e = rng.normal(size=(2, n))
    shapes = rng.integers(len(SHAPES), size=(2, 2))
    ways = rng.uniform(0.5, 1.5, size=(2, conditions))
    ways /= np.sqrt((ways**2).sum(axis=1, keepdims=True))
    x, y = (SHAPES[g](SHAPES[f](z @ w) + u) for (f, g), w, u in zip(shapes, ways, e))
    return Data.from_matrix(np.column_stack([x, y, z]))


def pvalues(seed: int, conditions: int, n: int) -> tuple[float, float]:
    """p-values of RCoT and, on every fifth data set, of its published form (else NaN)."""
    data = null(conditions, n, seed)
    given = [list(range(2, 2 + conditions))]
    out = [
        float(test.on(data, rng=np.random.default_rng(seed)).pvalues([0], [1], given)[0])
        for test in ((RCoT(), PUBLISHED) if seed % 5 == 0 else (RCoT(),))
    ]
    return out[0], out[1] if len(out) > 1 else float("nan")


def rates(conditions: int, n: int, seeds: int, workers: int = 1) -> dict[str, Any]:
    """Share of rejected nulls at each level, and the distance of p-values from uniform."""
    one = partial(pvalues, conditions=conditions, n=n)
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            found = np.array(list(pool.map(one, range(seeds), chunksize=50)))
    else:
        found = np.array([one(seed) for seed in range(seeds)])
    out: dict[str, Any] = {"conditions": conditions, "rows": n}
    for name, p in zip(("RCoT", "published"), found.T):
        p = np.sort(p[~np.isnan(p)])
        out[f"{name} data sets"] = len(p)
        for level in LEVELS:
            out[f"{name} at {level}"] = float((p <= level).mean())
        out[f"{name} distance"] = float(np.abs(np.arange(1, len(p) + 1) / len(p) - p).max())
    return out


def run(seeds: int = SEEDS, *, workers: int = 1) -> Row:
    """All settings; about 10 minutes of one core with 10,000 data sets each."""
    rows = [rates(k, n, seeds, workers) for k, n in SETTINGS]
    holds = all(
        abs(row[f"RCoT at {level}"] - level) <= TOLERANCE for row in rows for level in LEVELS
    )
    return Row(NAME, CLAIM, {"settings": rows}, holds, seeds)
