"""Record what causal-learn's FCI answers on 200 data sets with a hidden node.

Run with the environment of the peers: .peers/bin/python tests/discovery/answers/causal_learn_fci.py
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_suffix(".json")
ALPHA = 0.01


def sample(seed):
    """(1000, 6) rows of a random linear Gaussian model of 7 variables, without the first."""
    rng = np.random.default_rng(seed)
    a = np.triu(rng.random((7, 7)) < 0.4, 1)
    b = a * rng.uniform(0.5, 1.5, a.shape) * rng.choice([-1.0, 1.0], a.shape)
    return (rng.normal(size=(1000, 7)) @ np.linalg.inv(np.eye(7) - b))[:, 1:]


def main():
    from causallearn.search.ConstraintBased.FCI import fci
    from causallearn.utils.cit import fisherz

    out = []
    for seed in range(200):
        with contextlib.redirect_stdout(io.StringIO()):
            graph, _ = fci(sample(seed), fisherz, ALPHA, show_progress=False)
        # theirs[i, j] is the mark at i: -1 tail, 1 arrow, 2 circle
        marks = np.select([graph.graph == -1, graph.graph == 1, graph.graph == 2], [1, 2, 4]).T
        out.append(marks.astype(int).tolist())
    content = {"made by": "causal-learn 0.1.4.8", "alpha": ALPHA, "marks": out}
    FILE.write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
