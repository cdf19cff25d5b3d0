"""How often a graph gives a wrong causal answer: adjustment identification distances, SID."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rung.core.errors import InputError
from rung.core.graph import Graph
from rung.core.graph_checks import directed_part, undirected_part
from rung.core.result import frozen
from rung.graphs.ancestry import Bool
from rung.graphs.orientation import extend

Lists = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class IdentificationDistance:
    """For which ordered pairs (treatment, outcome) one graph's formula is wrong in another.

    names : the d nodes; wrong : (d, d) bool, [i, j] about the effect of i on j.
    """

    names: tuple[str, ...]
    wrong: Bool

    @property
    def count(self) -> int:
        """Number of wrong pairs."""
        return int(self.wrong.sum())

    @property
    def share(self) -> float:
        """Wrong pairs among the d (d - 1), from 0 to 1; 0 for a single node."""
        d = len(self.names)
        return self.count / (d * (d - 1)) if d > 1 else 0.0

    def pairs(self) -> list[tuple[str, str]]:
        """The wrong pairs, by column of the treatment."""
        return [(self.names[i], self.names[j]) for i, j in np.argwhere(self.wrong).tolist()]

    def __int__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        d = len(self.names)
        return f"IdentificationDistance: {self.count} of {d * (d - 1)} effects ({self.share:.3g})"


def _lists(part: Bool) -> Lists:
    start = np.zeros(len(part) + 1, dtype=np.int64)
    start[1:] = np.cumsum(part.sum(axis=1))
    return start, np.nonzero(part)[1].astype(np.int64)


def _check(graph: Graph, which: str) -> None:
    if not graph.is_dag() and not graph.is_cpdag():
        raise InputError(
            f"the {which} graph is neither a DAG nor a CPDAG, and identification distances are "
            "defined for these; give its CPDAG, or one of its DAGs (consistent_extension)"
        )


@dataclass(frozen=True, eq=False)
class _Reading:
    """A DAG or CPDAG as the kernel wants it."""

    directed: Bool
    loose: Bool
    steps: Lists
    down: Lists
    up: Lists


def _reading(graph: Graph) -> _Reading:
    directed, loose = directed_part(graph.marks), undirected_part(graph.marks)
    dag = extend(directed, loose) if loose.any() else directed
    assert dag is not None  # a CPDAG has an extension
    return _Reading(directed, loose, _lists(directed | loose), _lists(dag), _lists(dag.T))


def _distance(truth: Graph, found: Graph, strategy: int) -> IdentificationDistance:
    from rung.graphs.ancestral import above
    from rung.kernels.adjusting import mistakes

    if set(truth.names) != set(found.names):
        extra = sorted(set(truth.names) ^ set(found.names))
        raise InputError(f"the graphs have different nodes; only one of them has {extra[:8]}")
    found = found.reorder(truth.names)
    _check(truth, "true")
    _check(found, "found")
    first, second = _reading(truth), _reading(found)
    own = np.where(second.directed, np.uint8(2), np.where(second.directed.T, np.uint8(1), 0))
    ancestors = above(own.astype(np.uint8)).astype(np.uint8)
    wrong = np.zeros((truth.d, truth.d), dtype=np.uint8)
    for t in range(truth.d):
        mistakes(
            t, strategy,
            first.loose.astype(np.uint8), *first.steps, *first.down, *first.up,
            second.loose.astype(np.uint8), second.directed.astype(np.uint8),
            *second.steps, *second.down, *second.up, ancestors, wrong[t],
        )  # fmt: skip
    return IdentificationDistance(truth.names, frozen(wrong.astype(bool)))


def parent_aid(truth: Graph, found: Graph) -> IdentificationDistance:
    """Wrong effects if one adjusts for the parents of the treatment in `found`.

    Each graph is a DAG or a CPDAG over the same nodes. A pair is wrong if `found` says "no effect"
    (the outcome is a parent) and `truth` allows one; if it gives an adjustment set that is not
    valid in `truth`; or if it calls the effect undecided where `truth` decides it. Not symmetric.

    Source: Henckel, Wuerthen, Wienoebst and Weichwald (2024), section 3.
    """
    return _distance(truth, found, 0)


def ancestor_aid(truth: Graph, found: Graph) -> IdentificationDistance:
    """As `parent_aid`, adjusting for the ancestors of the treatment in `found`.

    "No effect" is claimed where the outcome is no possible descendant of the treatment. 0 between
    a graph and one that only adds correct arrows along its order. Source: the same paper.
    """
    return _distance(truth, found, 1)


def oset_aid(truth: Graph, found: Graph) -> IdentificationDistance:
    """As `ancestor_aid`, adjusting for the optimal set of each pair in `found`."""
    return _distance(truth, found, 2)


def sid(truth: Graph, found: Graph) -> IdentificationDistance:
    """Structural intervention distance of two DAGs (Peters and Buehlmann 2015).

    The number of pairs whose interventional distribution is wrong when computed by adjusting for
    the parents in `found`; for DAGs the same as `parent_aid`.
    """
    for graph, which in ((truth, "true"), (found, "found")):
        if not graph.is_dag():
            raise InputError(
                f"the {which} graph is not a DAG; for CPDAGs use parent_aid, which compares them"
            )
    return parent_aid(truth, found)


__all__ = ["IdentificationDistance", "ancestor_aid", "oset_aid", "parent_aid", "sid"]
