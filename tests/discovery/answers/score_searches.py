"""Record what other libraries' searches over equivalence classes answer.

Run with the environment of the peers: .peers/bin/python tests/discovery/answers/score_searches.py
The data come back from their seeds by `draw`. A graph is one character for each pair i < j, row by
row: "." apart, "-" undirected, ">" i -> j, "<" j -> i.
"""

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

SEEDS = 200
TARGET = Path(__file__).with_suffix(".json")


def draw(seed):
    """Rows of a random linear Gaussian model, (n, d)."""
    rng = np.random.default_rng(seed)
    d, n = int(rng.integers(5, 9)), int(rng.integers(100, 1000))
    a = np.triu(rng.random((d, d)) < rng.uniform(1.0, 3.5) / (d - 1), 1)
    order = rng.permutation(d)
    b = a[np.ix_(order, order)] * rng.uniform(0.3, 1.2, (d, d)) * rng.choice([-1.0, 1.0], (d, d))
    x = rng.normal(size=(n, d)) @ np.linalg.inv(np.eye(d) - b)
    return (x - x.mean(axis=0)) / x.std(axis=0)


def encode(adjacency):
    """Of a matrix with [i, j] = 1 for i -> j and for i - j."""
    d = len(adjacency)
    code = {(0, 0): ".", (1, 1): "-", (1, 0): ">", (0, 1): "<"}
    return "".join(
        code[int(bool(adjacency[i, j])), int(bool(adjacency[j, i]))]
        for i in range(d)
        for j in range(i + 1, d)
    )


def from_marks(marks):
    """Of causal-learn's matrix: [i, j] = -1 and [j, i] = 1 for i -> j, -1 twice for i - j."""
    return (marks == -1).astype(int)


def answers(x):
    """Graphs by tool, all with a penalty of log(n) for each coefficient (2 here)."""
    import ges
    import xges
    from causallearn.search.ScoreBased.GES import ges as causal_learn
    from ges.scores.gauss_obs_l0_pen import GaussObsL0Pen

    out, n = {}, len(x)
    score = GaussObsL0Pen(x, lmbda=np.log(n))
    none = np.zeros((x.shape[1],) * 2)
    for name, phases in (("ges", ["forward", "backward"]), ("ges turning", None)):
        phases = phases or ["forward", "backward", "turning"]
        out[name] = encode(ges.fit(score, A0=none, phases=phases)[0])
    out["causal-learn"] = encode(from_marks(causal_learn(x, lambda_value=1.0)["G"].graph))
    for name, extended in (("xges-0", False), ("xges", True)):
        search = xges.XGES(alpha=2.0)
        search.fit(x, extended_search=extended, use_fast_numba=False)
        pdag, d = search.get_pdag(), x.shape[1]
        directed = np.array([[pdag.has_directed_edge(i, j) for j in range(d)] for i in range(d)])
        loose = np.array([[pdag.has_undirected_edge(i, j) for j in range(d)] for i in range(d)])
        out[name] = encode(directed | loose)
    return out


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    tools = ("ges", "causal-learn", "xges")
    found = {"versions": {tool: version(tool) for tool in tools}, "answers": {}}
    for seed in range(SEEDS):
        for tool, graph in answers(draw(seed)).items():
            found["answers"].setdefault(tool, []).append(graph)
        sys.stderr.write(f"{seed} ")
    TARGET.write_text(json.dumps(found, indent=0).replace('",\n"', '", "') + "\n")
