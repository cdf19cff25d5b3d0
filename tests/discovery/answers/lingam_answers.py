"""Record what lingam answers: .peers/bin/python tests/discovery/answers/lingam_answers.py

Data sets come from `world(seed)`, so that only the answers are stored: the order, and which edges
the adaptive lasso keeps, as a bit mask of the (d, d) matrix with [i, j] for i -> j, row by row.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("lingam.json")
PAIRWISE, KERNEL, TIERED = range(200), range(1000, 1010), range(2000, 2030)


def world(seed, kernel=False):
    """A linear world with non-Gaussian noise: rows (n, d), coefficients (d, d) of i in j."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 4 if kernel else 11))
    n = 150 if kernel else int(rng.integers(100, 1500))
    b = np.triu(rng.random((d, d)) < min(3 / max(d - 1, 1), 0.8), 1)
    b = b * rng.uniform(0.3, 1.5, (d, d)) * rng.choice([-1.0, 1.0], (d, d))
    p = rng.permutation(d)
    b = b[np.ix_(p, p)]
    e = [rng.laplace(size=(n, d)), rng.uniform(-1, 1, (n, d)), rng.exponential(size=(n, d))][
        seed % 3
    ]
    return e * rng.uniform(0.5, 2, d) @ np.linalg.inv(np.eye(d) - b), b


def tiers(seed, d):
    """A tier 0, 1 or 2 for each of d variables."""
    return np.random.default_rng([seed, 7]).integers(0, 3, d)


def mask(matrix):
    return int("".join("1" if x else "0" for x in (np.asarray(matrix) != 0).ravel()), 2)


def main():
    import lingam
    import sklearn

    out = {"versions": {"lingam": lingam.__version__, "scikit-learn": sklearn.__version__}}
    for name, seeds in (("pairwise", PAIRWISE), ("kernel", KERNEL), ("tiers", TIERED)):
        rows = []
        for seed in seeds:
            x, _ = world(seed, kernel=name == "kernel")
            options = {"measure": "kernel"} if name == "kernel" else {}
            if name == "tiers":
                t = tiers(seed, x.shape[1])
                options["prior_knowledge"] = np.where(t[:, None] < t[None, :], 0, -1)
            model = lingam.DirectLiNGAM(**options).fit(x)
            order = [int(i) for i in model.causal_order_]
            rows.append([seed, order, str(mask(model.adjacency_matrix_.T))])
        out[name] = rows
    out["ica"] = []
    for seed in PAIRWISE:
        model = lingam.ICALiNGAM(random_state=0).fit(world(seed)[0])
        out["ica"].append([seed, str(mask(model.adjacency_matrix_.T))])
    FILE.write_text(json.dumps(out, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
