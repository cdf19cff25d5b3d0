"""What a structure says about graphs: one, several with weights, or none."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import InputError
from .graph import Graph


def weighted(structure: Any) -> tuple[list[tuple[Graph, float]], str, Graph | None]:
    """Graphs with weights, what the weights mean, and the one graph to show.

    Parameters
    ----------
    structure : Graph, Discovery, a sequence of (Graph, weight), or None (no graph)

    Returns
    -------
    pairs whose weights are a Discovery's own, else sum to 1; the meaning: "none", "given", that
    of the Discovery, or "weighted graphs"; None where no graph is the one to show.

    Raises
    ------
    InputError
        None of these; no graphs; weights that are not numbers >= 0 with a positive sum.
    """
    if structure is None:
        return [], "none", None
    if isinstance(structure, Graph):
        return [(structure, 1.0)], "given", structure
    if hasattr(structure, "graphs") and hasattr(structure, "meaning"):
        return list(structure.graphs), str(structure.meaning), structure.graph
    try:
        pairs = [(g, float(w)) for g, w in structure]
    except (TypeError, ValueError):
        pairs = []
    if not pairs or not all(isinstance(g, Graph) for g, _ in pairs):
        raise InputError(
            f"cannot read a graph from {type(structure).__name__}: expected a Graph, a Discovery, "
            "or pairs (Graph, weight)"
        )
    weights = np.array([w for _, w in pairs])
    if (weights < 0).any() or not np.isfinite(weights).all() or weights.sum() <= 0:
        raise InputError("weights of graphs must be numbers >= 0 with a positive sum")
    total = weights.sum()
    return [(g, w / total) for g, w in pairs], "weighted graphs", None


def some_graphs(structure: Any) -> tuple[list[tuple[Graph, float]], str, Graph | None]:
    """`weighted`, where at least one graph is needed."""
    found = weighted(structure)
    if not found[0]:
        raise InputError("there is no graph: give a Graph, a Discovery or pairs (Graph, weight)")
    return found
