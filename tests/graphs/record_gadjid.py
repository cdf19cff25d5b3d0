"""Ask gadjid about 200 random pairs of graphs and write gadjid.json.

Run: .venv/bin/python -m tests.graphs.record_gadjid .peers/bin/python
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from rung.core.graph import Graph
from rung.core.graph_checks import directed_part, undirected_part
from rung.graphs import cpdag

from . import brute

SEED, PAIRS = 20240216, 200
ASK = """
import json, sys
from importlib.metadata import version
import numpy as np, gadjid
names = "parent_aid", "ancestor_aid", "oset_aid"
out = []
for pair in json.load(sys.stdin):
    a, b = (np.array([[int(c) for c in row] for row in g], dtype=np.int8) for g in pair)
    ask = [getattr(gadjid, name) for name in names]
    found = [f(a, b, edge_direction="from row to column")[1] for f in ask]
    directed = a.max() < 2 and b.max() < 2
    found.append(gadjid.sid(a, b, edge_direction="from row to column")[1] if directed else None)
    out.append(found)
print(json.dumps({"version": version("gadjid"), "answers": out}))
"""


def rows(graph: Graph) -> list[str]:
    """gadjid's matrix, a text a row: 1 for i -> j, 2 above the diagonal for i -- j."""
    out = directed_part(graph.marks).astype(int)
    out[np.triu(undirected_part(graph.marks))] = 2
    return ["".join(map(str, row)) for row in out.tolist()]


def pairs(rng: np.random.Generator) -> list[list[list[str]]]:
    """Far and near pairs, each graph a DAG or a CPDAG."""
    out = []
    for k in range(PAIRS):
        d, p = int(rng.integers(3, 11)), rng.uniform(0.15, 0.6)
        truth = found = brute.random_dag(rng, d, p)
        if k % 3:
            found = brute.random_dag(rng, d, p)
        else:
            edges = [e for e in truth.edges() if rng.random() < 0.8]
            found = Graph.from_edges(edges, truth.names)
        made = (cpdag(truth) if k % 4 in (1, 3) else truth, cpdag(found) if k % 4 > 1 else found)
        out.append([rows(g) for g in made])
    return out


if __name__ == "__main__":
    asked = pairs(np.random.default_rng(SEED))
    said = subprocess.run(
        [sys.argv[1], "-c", ASK],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(said.stdout)
    record = {
        "tool": f"gadjid {answer['version']}",
        "seed": SEED,
        "columns": ["parent_aid", "ancestor_aid", "oset_aid", "sid"],
        "cases": [[*p, a] for p, a in zip(asked, answer["answers"], strict=True)],
    }
    text = json.dumps(record, separators=(",", ":")).replace("]],[[", "]],\n[[")
    Path(__file__).with_name("gadjid.json").write_text(text + "\n", encoding="utf-8")
