"""How far apart two graphs are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rung.core.errors import InputError
from rung.core.graph import Graph


def _aligned(truth: Graph, found: Graph) -> tuple[Graph, Graph]:
    if set(truth.names) != set(found.names):
        extra = sorted(set(truth.names) ^ set(found.names))
        raise InputError(f"the graphs have different nodes; only one of them has {extra[:8]}")
    return truth, found.reorder(truth.names)


def shd(truth: Graph, found: Graph) -> int:
    """Structural Hamming distance: the number of pairs of nodes whose marks differ.

    A missing, an extra, a reversed and an undirected-for-directed edge each count 1 (Tsamardinos,
    Brown and Aliferis 2006); symmetric. Give two CPDAGs to compare equivalence classes, two DAGs
    to compare DAGs; for a distance in which a reversal counts 2 use `confusion`.
    """
    truth, found = _aligned(truth, found)
    differ = truth.marks != found.marks
    return int(np.triu(differ | differ.T).sum())


@dataclass(frozen=True)
class Confusion:
    """Counts of true positives, false positives, false negatives and true negatives."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def precision(self) -> float:
        """tp / (tp + fp); 1 if nothing was claimed."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 1.0

    @property
    def recall(self) -> float:
        """tp / (tp + fn); 1 if there was nothing to find."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else 1.0

    @property
    def f1(self) -> float:
        """2 tp / (2 tp + fp + fn); 1 if both graphs have none."""
        total = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / total if total else 1.0


def _count(truth: np.ndarray, found: np.ndarray) -> Confusion:
    return Confusion(
        int((truth & found).sum()),
        int((~truth & found).sum()),
        int((truth & ~found).sum()),
        int((~truth & ~found).sum()),
    )


def skeleton_confusion(truth: Graph, found: Graph) -> Confusion:
    """Counts over unordered pairs: adjacent or not."""
    truth, found = _aligned(truth, found)
    upper = np.triu_indices(truth.d, 1)
    return _count(truth.marks[upper] != 0, found.marks[upper] != 0)


def arrowhead_confusion(truth: Graph, found: Graph) -> Confusion:
    """Counts over ordered pairs (i, j): an arrowhead at j on i-j or not."""
    truth, found = _aligned(truth, found)
    off = ~np.eye(truth.d, dtype=bool)
    return _count((truth.marks[off] & 2) != 0, (found.marks[off] & 2) != 0)


def confusion(truth: Graph, found: Graph) -> Confusion:
    """Counts over ordered pairs (i, j): i -> j or not; an undirected edge counts for neither."""
    truth, found = _aligned(truth, found)
    off = ~np.eye(truth.d, dtype=bool)

    def directed(graph: Graph) -> np.ndarray:
        part: np.ndarray = ((graph.marks & 2) != 0) & ((graph.marks.T & 1) != 0)
        return part[off]

    return _count(directed(truth), directed(found))


def skeleton_f1(truth: Graph, found: Graph) -> float:
    """F1 of adjacencies."""
    return skeleton_confusion(truth, found).f1


def arrowhead_f1(truth: Graph, found: Graph) -> float:
    """F1 of arrowheads."""
    return arrowhead_confusion(truth, found).f1


__all__ = [
    "Confusion",
    "arrowhead_confusion",
    "arrowhead_f1",
    "confusion",
    "shd",
    "skeleton_confusion",
    "skeleton_f1",
]
