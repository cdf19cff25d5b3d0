"""Record what causal-learn's KCI answers: .peers/bin/python tests/discovery/answers/kci_answers.py

Data sets come from `case(seed, conditions, n)`, so that only p-values and processor seconds are
stored. All of it takes a quarter of an hour of one core; set OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("kci.json")
PLAN = [(300, 0, 40), (300, 1, 40), (300, 3, 40), (2000, 1, 100), (2000, 3, 13)]
SHAPES = [np.tanh, lambda t: t, lambda t: np.sin(1.5 * t), lambda t: 0.5 * t**2, np.cos]


def case(seed, k, n):
    """Columns x, y, z (n, 2 + k): x and y curves of z, in half the cases x weakly acts on y."""
    rng = np.random.default_rng([seed, k, n])
    z = rng.normal(size=(n, k))
    f, g = (SHAPES[i] for i in rng.integers(len(SHAPES), size=2))
    a, b = rng.uniform(0.5, 1.5, size=(2, max(k, 1)))
    zx = z @ a[:k] / np.sqrt(max(k, 1)) if k else 0
    zy = z @ b[:k] / np.sqrt(max(k, 1)) if k else 0
    e = rng.normal(size=(2, n)) if seed % 3 else rng.laplace(size=(2, n))
    x = f(zx + 0 * e[0]) + 0.7 * e[0]
    y = g(zy + 0 * e[1]) + 0.7 * e[1]
    y = y + [0, 0, 3.0, 6.0][seed % 4] / np.sqrt(n) * (x if seed % 2 else x**2)
    return np.column_stack([x, y, z])


def main():
    from importlib.metadata import version

    from causallearn.utils.KCI.KCI import KCI_CInd, KCI_UInd

    runs = []
    for n, k, cases in PLAN:
        p, seconds = [], []
        for seed in range(cases):
            m = case(seed, k, n)
            begin = time.process_time()
            if k:
                found = KCI_CInd().compute_pvalue(m[:, [0]], m[:, [1]], m[:, 2:])[0]
            else:
                found = KCI_UInd().compute_pvalue(m[:, [0]], m[:, [1]])[0]
            seconds.append(round(time.process_time() - begin, 4))
            p.append(float(f"{found:.6g}"))
        runs.append({"n": n, "conditions": k, "p": p, "seconds": float(np.median(seconds))})
    content = {"versions": {"causal-learn": version("causal-learn")}, "runs": runs}
    FILE.write_text(json.dumps(content, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
