"""Record the weights that gcastle and dagma find, before any threshold.

Run with the environment of the peers: .peers/bin/python tests/discovery/answers/continuous.py
"""

import json
import logging
from importlib.metadata import version
from pathlib import Path

import numpy as np

SEEDS = 3
D, N = 8, 400


def draw(seed, standardised):
    """Rows (N, D), centred, of a random linear model with unit noise; weights 0.5 to 2."""
    rng = np.random.default_rng([11, seed])
    b = np.triu(rng.random((D, D)) < 3 / (D - 1), 1)
    b = b * rng.uniform(0.5, 2.0, (D, D)) * rng.choice([-1.0, 1.0], (D, D))
    order = rng.permutation(D)
    b = b[np.ix_(order, order)]
    x = rng.normal(size=(N, D)) @ np.linalg.inv(np.eye(D) - b)
    x = x - x.mean(axis=0)
    return (x / x.std(axis=0) if standardised else x), b


def notears(x):
    from castle.algorithms import Notears

    tool = Notears()  # lambda1=0.1
    tool.learn(x)
    return np.array(tool.weight_causal_matrix)


def dagma(x):
    from dagma.linear import DagmaLinear

    return DagmaLinear("l2").fit(x, lambda1=0.03, w_threshold=0.0)


def golem(x, equal):
    from castle.algorithms import GOLEM

    tool = GOLEM(num_iter=3000, learning_rate=1e-2)
    tool.learn(x)
    if not equal:
        first = np.array(tool.weight_causal_matrix)
        tool = GOLEM(
            B_init=first, lambda_1=2e-3, equal_variances=False, num_iter=3000, learning_rate=1e-2
        )
        tool.learn(x)
    return np.array(tool.weight_causal_matrix, dtype=float)


TOOLS = {
    "notears": notears,
    "dagma": dagma,
    "golem-ev": lambda x: golem(x, True),
    "golem-nv": lambda x: golem(x, False),
}


def main():
    logging.disable(logging.CRITICAL)
    packages = ("gcastle", "dagma", "torch", "numpy", "scipy")
    out = {"versions": {p: version(p) for p in packages}, "found": []}
    for name, tool in TOOLS.items():
        for seed in range(SEEDS):
            for standardised in (False, True):
                x, _ = draw(seed, standardised)
                weights = tool(x)
                rounded = [[float(f"{w:.6g}") for w in row] for row in weights]
                out["found"].append(
                    {"tool": name, "seed": seed, "standardised": standardised, "weights": rounded}
                )
    Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n", "utf-8")


if __name__ == "__main__":
    main()
