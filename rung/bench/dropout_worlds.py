"""Simulated expression with dropouts: random networks, and the one that scanpy packages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.graph import Graph

Floats = NDArray[np.float64]
MECHANISMS = ("uniform", "truncated", "logistic")
FORMS = ("gaussian", "lognormal")
# Two numbers for each form and mechanism, as in the authors' programme. uniform: range of a gene's
# dropout rate. truncated: range of the percentile below which a gene reads 0. logistic: a and b of
# the rate 1 / (1 + exp(-(a + b z))).
SETTINGS = {
    ("gaussian", "uniform"): (0.4, 0.7),
    ("gaussian", "truncated"): (20.0, 50.0),
    ("gaussian", "logistic"): (-0.5, -1.5),
    ("lognormal", "uniform"): (0.3, 0.6),
    ("lognormal", "truncated"): (20.0, 40.0),
    ("lognormal", "logistic"): (0.5, -0.5),
}
# Couplings (source, target, weight) between different genes of the myeloid network of Krumsiek,
# Marr, Schroeder and Theis (2011), from scanpy 1.11.5, scanpy/sim_models/krumsiek11.txt
# (BSD-3-Clause, copyright 2025 scverse, 2017 F. Alexander Wolf, P. Angerer, Theis Lab).
KRUMSIEK = (
    ("Gata1", "Gata2", -0.1), ("Fog1", "Gata2", -1.0), ("Pu.1", "Gata2", -1.15),
    ("Gata2", "Gata1", 1.0), ("Fli1", "Gata1", 1.0), ("Pu.1", "Gata1", -1.21),
    ("Gata1", "Fog1", 0.1), ("Gata1", "EKLF", 0.2), ("Fli1", "EKLF", -1.0),
    ("Gata1", "Fli1", 0.2), ("EKLF", "Fli1", -1.0), ("Gata1", "SCL", 1.0), ("Pu.1", "SCL", -1.0),
    ("Gata1", "Cebpa", -1.0), ("Fog1", "Cebpa", -1.0), ("SCL", "Cebpa", -1.0),
    ("Gata2", "Pu.1", -1.0), ("Gata1", "Pu.1", -1.0), ("Cebpa", "Pu.1", 10.0),
    ("Pu.1", "cJun", 1.0), ("Gfi1", "cJun", -1.0), ("Pu.1", "EgrNab", 1.0),
    ("cJun", "EgrNab", 1.0), ("Gfi1", "EgrNab", -1.3), ("Cebpa", "Gfi1", 1.0),
    ("EgrNab", "Gfi1", -5.0),
)  # fmt: skip


def random_weights(d: int, rng: np.random.Generator, degree: int = 2) -> Floats:
    """(d, d) weights of a random DAG of that average degree, 0.25 to 1 in size."""
    order = rng.permutation(d)
    first, second = np.triu_indices(d, 1)
    chosen = rng.choice(len(first), size=min(d * degree // 2, len(first)), replace=False)
    out = np.zeros((d, d))
    sizes = rng.uniform(0.25, 1.0, len(chosen)) * rng.choice([-1.0, 1.0], len(chosen))
    out[order[first[chosen]], order[second[chosen]]] = sizes
    return out


def krumsiek_weights() -> tuple[tuple[str, ...], Floats]:
    """Names and weights of an acyclic part of the packaged network, which has cycles.

    Couplings enter by size, the largest first and in the file's order among equals, unless they
    close a cycle; sizes are brought into 0.25 to 1, those of the random networks.
    """
    names = tuple(dict.fromkeys(name for a, b, _ in KRUMSIEK for name in (b, a)))
    out = np.zeros((len(names), len(names)))
    for a, b, w in sorted(KRUMSIEK, key=lambda edge: -abs(edge[2])):
        i, j = names.index(a), names.index(b)
        trial = out.copy()
        trial[i, j] = np.sign(w) * np.clip(abs(w), 0.25, 1.0)
        if Graph.from_adjacency(trial != 0, names).is_dag() and not out[j, i]:
            out = trial
    return names, out


def expression(weights: Floats, n: int, form: str, rng: np.random.Generator) -> Floats:
    """(n, d) true expression: linear Gaussian, or the exponential of its standard form."""
    d = len(weights)
    mean, spread = rng.uniform(-1.0, 1.0, d), rng.uniform(1.0, 2.0, d)
    noise = mean + spread * rng.normal(size=(n, d))
    z = noise @ np.linalg.inv(np.eye(d) - weights)
    return np.exp((z - z.mean(axis=0)) / z.std(axis=0)) if form == "lognormal" else z


def dropped(z: Floats, form: str, mechanism: str, rng: np.random.Generator) -> Floats:
    """Recorded expression: `z` with zeros where a gene dropped out."""
    low, high = SETTINGS[form, mechanism]
    n, d = z.shape
    if mechanism == "logistic":
        out = rng.random((n, d)) < 1.0 / (1.0 + np.exp(-(low + high * z)))
        return np.where(out, 0.0, z)
    level: Floats = np.asarray(rng.uniform(low, high, d))
    if mechanism == "uniform":
        return np.where(rng.random((n, d)) < level, 0.0, z)
    cut = np.array([np.percentile(z[:, j], level[j]) for j in range(d)])
    return np.where(z <= cut, 0.0, z)


def mean_imputed(x: Floats) -> Floats:
    """Zeros replaced by the mean of the gene's other cells."""
    seen = x != 0
    means = np.where(seen, x, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return np.where(seen, x, means)


def smoothed(x: Floats, rng: np.random.Generator, neighbours: int = 15, pool: int = 2000) -> Floats:
    """Every cell replaced by the mean of its nearest cells, itself included if it is in the pool.

    Distances between standardised profiles, to a random pool of cells. The simplest of the
    methods that smooth over similar cells, in place of MAGIC, which is no part of the comparison.
    """
    scaled = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-12)
    held = rng.permutation(len(x))[:pool]
    out = np.empty_like(x)
    size = (scaled[held] ** 2).sum(axis=1)
    for begin in range(0, len(x), 1000):
        part = slice(begin, begin + 1000)
        distance = size - 2.0 * scaled[part] @ scaled[held].T
        near = np.argpartition(distance, neighbours, axis=1)[:, :neighbours]
        out[part] = x[held[near]].mean(axis=1)
    return out
