"""Skeletons of causal-learn's PC (stable, Fisher's z) on 200 random data sets.

Recorded with causal-learn 0.1.4.8 in the environment of the peers:

    .peers/bin/python tests/golden/causal_learn_pc.py

writes causal_learn_pc.json beside this file: the versions, and for each seed the pairs i < j that
are adjacent, as the hexadecimal form of their bits in the order of numpy.triu_indices.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_suffix(".json")


def world(seed: int) -> tuple[np.ndarray, float]:
    """Linear Gaussian rows (n, d) of a random DAG, and the level of the tests."""
    rng = np.random.default_rng([2024, seed])
    d = int(rng.integers(4, 21))
    n = int(rng.choice([100, 500, 2000]))
    edges = np.triu(rng.random((d, d)) < rng.uniform(1, 4) / (d - 1), 1)
    b = edges * rng.uniform(0.3, 1.2, (d, d)) * rng.choice([-1.0, 1.0], (d, d))
    x = rng.normal(size=(n, d))
    for j in range(d):
        x[:, j] += x[:, :j] @ b[:j, j]
    return x[:, rng.permutation(d)], float(rng.choice([0.01, 0.05]))


def bits(adjacent: np.ndarray) -> str:
    """The pairs of a symmetric boolean matrix as hexadecimal text."""
    return np.packbits(adjacent[np.triu_indices(len(adjacent), 1)]).tobytes().hex()


def record() -> None:
    """Run causal-learn and write the file."""
    from importlib.metadata import version

    from causallearn.search.ConstraintBased.PC import pc

    found = []
    for seed in range(200):
        x, alpha = world(seed)
        graph = pc(x, alpha, "fisherz", True, 0, show_progress=False).G.graph
        found.append(bits(graph != 0))
    content = {
        "causal-learn": version("causal-learn"),
        "numpy": version("numpy"),
        "skeletons": found,
    }
    FILE.write_text(json.dumps(content, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
