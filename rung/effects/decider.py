"""Which edge decides, where the graphs disagree on the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.graph import Graph
from .study import Answered, Study

Floats = NDArray[np.float64]


def relation(graph: Graph, a: str, b: str) -> str:
    """How two nodes are joined: "a -> b", "a -- b" ..., or "a, b not adjacent"."""
    if not graph.has_edge(a, b):
        return f"{a} and {b} not adjacent"
    left, right = graph.mark(b, a), graph.mark(a, b)
    marks = {1: "-", 2: "<", 3: "<", 4: "o"}
    ends = {1: "-", 2: ">", 3: ">", 4: "o"}
    return f"{a} {marks[left]}-{ends[right]} {b}"


def decider(study: Study, answered: Sequence[Answered]) -> dict[str, Any] | None:
    """The pair whose relation explains most of the weighted variance of the answers.

    Returns {"edge", "text", "explains", "answers"}: the weighted mean answer, its range and its
    weight for each relation of the pair; None where no pair explains anything.
    """
    known = [a for a in answered if a.value is not None and a.case.weight > 0]
    values = np.array([a.value for a in known], dtype=float)
    weights = np.array([a.case.weight for a in known])
    weights = weights / weights.sum()
    spread = float(weights @ (values - weights @ values) ** 2)
    if spread <= 0:
        return None
    names = known[0].case.graph.names
    stack = np.stack([a.case.graph.reorder(names).marks for a in known]).astype(np.int64)
    best, pair = 0.0, (0, 0)
    near = {names.index(study.treatment), names.index(study.outcome)}
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            code = stack[:, i, j] * 8 + stack[:, j, i]
            share = _explained(code, values, weights) / spread
            share += 1e-9 * len(near & {i, j})  # among equals, an edge of the question itself
            if share > best + 1e-12:
                best, pair = share, (i, j)
    if best <= 1e-6:
        return None
    return _told(study, known, names[pair[0]], names[pair[1]], values, weights, best)


def _explained(code: NDArray[np.int64], values: Floats, weights: Floats) -> float:
    mean = weights @ values
    out = 0.0
    for c in np.unique(code):
        here = code == c
        w = weights[here].sum()
        out += float(w * (weights[here] @ values[here] / w - mean) ** 2)
    return out


def _told(
    study: Study,
    known: Sequence[Answered],
    a: str,
    b: str,
    values: Floats,
    weights: Floats,
    share: float,
) -> dict[str, Any]:
    relations = np.array([relation(k.case.graph, a, b) for k in known])
    answers: list[dict[str, Any]] = []
    for r in np.unique(relations):
        here = relations == r
        w = float(weights[here].sum())
        answers.append({
            "relation": str(r), "weight": w, "value": float(weights[here] @ values[here] / w),
            "low": float(values[here].min()), "high": float(values[here].max()),
        })  # fmt: skip
    answers.sort(key=lambda x: -float(x["weight"]))
    text = "; ".join(
        f"if {x['relation']} ({x['weight']:.0%} of the weight) the effect is {x['value']:.3g}"
        + ("" if x["low"] == x["high"] else f" (from {x['low']:.3g} to {x['high']:.3g})")
        for x in answers
    )
    return {
        "edge": f"{a} - {b}", "text": text, "explains": min(1.0, share), "answers": answers,
    }  # fmt: skip
