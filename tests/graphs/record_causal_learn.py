"""Ask causal-learn for the matrix and the text of random graphs and write causal_learn.json.

Run: .venv/bin/python -m tests.graphs.record_causal_learn .peers/bin/python
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from rung.core.graph import Graph

SEED = 7
PAIRS = [(0, 0), (1, 2), (2, 1), (2, 2), (1, 1), (4, 2), (2, 4), (4, 4), (3, 2), (2, 3), (4, 1)]
ASK = """
import json, sys
from importlib.metadata import version
from causallearn.graph.Edge import Edge
from causallearn.graph.Endpoint import Endpoint
from causallearn.graph.GeneralGraph import GeneralGraph
from causallearn.graph.GraphNode import GraphNode
ends = {"-": Endpoint.TAIL, "<": Endpoint.ARROW, ">": Endpoint.ARROW, "o": Endpoint.CIRCLE}
out = []
for names, edges in json.load(sys.stdin):
    nodes = {n: GraphNode(n) for n in names}
    g = GeneralGraph(list(nodes.values()))
    for a, e, b in edges:
        g.add_edge(Edge(nodes[a], nodes[b], ends[e[0]], ends[e[2]]))
    out.append({"names": names, "edges": edges, "matrix": g.graph.astype(int).tolist(),
                "text": str(g)})
print(json.dumps({"tool": "causal-learn " + version("causal-learn"), "cases": out}))
"""


def graphs(rng: np.random.Generator) -> list[Graph]:
    """24 graphs; a third with bows, none with o--, which causal-learn drops."""
    out = []
    for k in range(24):
        d = int(rng.integers(2, 6))
        marks = np.zeros((d, d), dtype=np.uint8)
        for i in range(d):
            for j in range(i):
                marks[i, j], marks[j, i] = PAIRS[rng.integers(10 if k % 3 == 0 else 8)]
        out.append(Graph(tuple(f"V{i}" for i in range(d)), marks))
    return out


if __name__ == "__main__":
    asked = json.dumps([[g.names, g.edges()] for g in graphs(np.random.default_rng(SEED))])
    said = subprocess.run(
        [sys.argv[1], "-c", ASK], input=asked, capture_output=True, text=True, check=True
    )
    record = {"seed": SEED, **json.loads(said.stdout)}
    text = json.dumps(record, separators=(",", ":")).replace('},{"names"', '},\n{"names"')
    Path(__file__).with_name("causal_learn.json").write_text(text + "\n", encoding="utf-8")
