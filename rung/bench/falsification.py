"""Benchmark: graph falsification beside dowhy's falsify_graph, same test, same answers, time.

Cases, sizes and the rule below were written down before the first full run. Both use Fisher's z
(rung's own; for dowhy one of numpy and scipy) in one thread. With 5 nodes all 120 permutations are
made, so that every figure must agree; with more, permutations are drawn, and what does not depend
on them must agree. Neither looks for edges to change. Seconds are those of the call alone, rung's
after one call that compiles.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.data import Data
from ..core.graph import Graph
from ..discovery.falsification import Falsification, falsify
from ..discovery.independence.fisher_z import FisherZ
from ..simulate.graphs import random_dag
from .effects.peers import ask
from .registry import Row

NAME = "falsification"
KIND = "benchmark"
CLAIM = (
    "On 6 graphs of 5 nodes, right and wrong, over all 120 permutations, the violations, the share "
    "of permuted graphs that do no worse and the share in the same class equal those of dowhy "
    "0.14's falsify_graph; on 10 and 20 nodes the violations do; and rung takes at most a tenth of "
    "dowhy's time on each."
)
SMALL = 6
PERMUTATIONS = 100
LARGE = (10, 20)
RATIO = 0.1
SCRIPT = Path(__file__).parent / "effects" / "dowhy_falsify.py"


@dataclass(frozen=True, eq=False)
class Example:
    """A graph to test, rows of another or the same graph, and how many permutations to draw."""

    graph: Graph
    data: Data
    permutations: int


def example(d: int, seed: int, permutations: int) -> Example:
    """Rows (500, d) of a random linear graph; with an odd seed two edges of it are not told."""
    rng = np.random.default_rng([2305, d, seed])
    true = random_dag(d, degree=2.4, seed=rng)
    order = list(true.topological_order())
    columns: dict[str, Any] = {}
    for name in order:
        noise = rng.normal(size=500)
        parts = [rng.uniform(0.4, 0.9) * columns[p] for p in true.parents(name)]
        columns[name] = noise + sum(parts) if parts else noise
    data = Data.from_matrix(np.column_stack([columns[n] for n in true.names]), true.names)
    marks = true.marks.copy()
    if seed % 2:
        for i, j in np.argwhere(marks == 2)[:2].tolist():
            marks[i, j] = marks[j, i] = 0
    return Example(Graph(true.names, marks), data, permutations)


def ours(one: Example, seed: int) -> tuple[Falsification, float]:
    """rung's answer and its seconds."""
    began = time.perf_counter()
    found = falsify(
        one.graph, one.data, test=FisherZ(), permutations=one.permutations, suggest=False, seed=seed
    )
    return found, time.perf_counter() - began


def theirs(one: Example, seed: int, folder: Path) -> dict[str, Any]:
    """dowhy's answer and its seconds."""
    path = folder / "rows.npy"
    np.save(path, one.data.matrix())
    edges = [(int(i), int(j)) for i, j in np.argwhere(one.graph.marks == 2)]
    count = -1 if one.graph.d == 5 else one.permutations
    return dict(ask(SCRIPT, str(path), json.dumps(edges), str(count), str(seed), seconds=1200))


def compare(one: Example, seed: int, folder: Path) -> dict[str, Any]:
    """Both on one example."""
    found, seconds = ours(one, seed)
    peer = theirs(one, seed, folder)
    agree = [found.violations, found.tests] == [peer["violations"], peer["tests"]]
    if one.graph.d == 5:
        agree &= bool(np.allclose(np.sort(found.permuted), peer["shares"]))
        agree &= abs(found.chance - peer["chance"]) < 1e-9
        agree &= abs(found.same_class - peer["same"]) < 1e-9
    return {
        "nodes": one.graph.d, "violations": [found.violations, found.tests],
        "chance": [found.chance, peer["chance"]], "same class": [found.same_class, peer["same"]],
        "failing": len(found.failing), "agree": agree, "seconds": [seconds, peer["seconds"]],
        "ratio": seconds / peer["seconds"],
    }  # fmt: skip


def run(seeds: int = SMALL) -> Row:
    """All examples; about 3 minutes of one core."""
    falsify(example(5, 0, 10).graph, example(5, 0, 10).data)  # compiles
    plan = [(5, s, 120) for s in range(min(SMALL, seeds))]
    plan += [(d, s, PERMUTATIONS) for d in LARGE for s in range(2)]
    with tempfile.TemporaryDirectory(prefix="rung-falsify-") as folder:
        rows = [compare(example(d, s, b), s, Path(folder)) for d, s, b in plan]
    holds = all(row["agree"] and row["ratio"] <= RATIO for row in rows)
    figures = {
        "examples": rows,
        "ratio of time, median": float(np.median([row["ratio"] for row in rows])),
        "ratio of time, worst": max(row["ratio"] for row in rows),
    }
    return Row(NAME, CLAIM, figures, holds, seeds)
