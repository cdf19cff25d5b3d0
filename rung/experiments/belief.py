"""Belief: weighted DAGs behind a structure, each with what is decided about it already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, NotSupported
from ..core.graph import Graph
from ..core.graph_checks import directed_part
from ..graphs.equivalence import members, sample_members
from ..graphs.orientation import meek, pdag_parts

Bool = NDArray[np.bool_]
LIMIT = 100  # members that are enumerated; a larger class is sampled
LISTED = 500  # members that are listed where uniform draws fail


@dataclass(frozen=True, eq=False)
class Candidate:
    """One DAG, its weight, and the number of the class that it is a member of."""

    arrows: Bool
    weight: float
    origin: int


@dataclass(frozen=True, eq=False)
class Belief:
    """Weighted DAGs over `names`.

    Parameters
    ----------
    names : tuple of str
    directed, undirected : tuples of (d, d) bool
        The classes, closed under Meek's rules.
    class_weights : (classes,) float
    candidates : tuple of Candidate
        Members of the classes; weights sum to 1.
    meaning : str
        What the weights are; see `Discovery.meaning`.
    exact : bool
        True if every member is there, False if members were sampled.
    dropped : float
        Weight of graphs that stand for no DAG and were left out.
    """

    names: tuple[str, ...]
    directed: tuple[Bool, ...]
    undirected: tuple[Bool, ...]
    class_weights: NDArray[np.float64]
    candidates: tuple[Candidate, ...]
    meaning: str
    exact: bool
    dropped: float = 0.0

    @property
    def drawn(self) -> bool:
        """True if the candidates are draws from a larger set: sampled members, bootstraps."""
        return not self.exact or self.meaning in ("bootstrap", "posterior")

    @cached_property
    def contested(self) -> Bool:
        """(d, d) bool, symmetric: pairs that some candidates orient one way, others the other."""
        seen = np.zeros((len(self.names),) * 2, dtype=bool)
        for part, loose in zip(self.directed, self.undirected, strict=True):
            seen |= part | loose
        out: Bool = seen & seen.T
        return out


def weighted(structure: Any) -> tuple[list[tuple[Graph, float]], str]:
    """(graph, weight) pairs of a Graph, a Discovery, an Ensemble, an SCM or a sequence of pairs,
    and what the weights mean."""
    if isinstance(structure, Graph):
        return [(structure, 1.0)], "equivalence class"
    members_of = getattr(structure, "members", None)
    graphs = getattr(structure, "graphs", None)
    if graphs is None and members_of is not None:  # a model
        graphs = [(graph, weight) for weight, graph, _ in members_of]
    elif graphs is not None and hasattr(structure, "weights"):  # an Ensemble
        graphs = list(zip(graphs, structure.weights, strict=True))
    if graphs is None and isinstance(structure, Sequence) and not isinstance(structure, str):
        graphs = list(structure)
    try:
        pairs = [(graph, float(weight)) for graph, weight in graphs or ()]
    except (TypeError, ValueError):
        pairs = []
    if not pairs or not all(isinstance(graph, Graph) for graph, _ in pairs):
        raise InputError(
            f"design needs a Graph, a Discovery or (Graph, weight) pairs, not {structure!r:.80}"
        )
    meaning = str(getattr(structure, "meaning", "given weights"))
    return pairs, "equivalence class" if len(pairs) == 1 else meaning


def believe(structure: Any, *, rng: np.random.Generator, limit: int = LIMIT) -> Belief:
    """The Belief behind a structure.

    Every member of every class, if they are at most `limit` in all; otherwise each class gets a
    number of uniform draws in proportion to its weight, at least one, about `limit` in all.

    Raises
    ------
    NotSupported
        For graphs with <-> or circles: hidden causes leave no set of DAGs to work on.
    InputError
        If weights are negative or names differ, or no graph stands for a DAG.
    """
    pairs, meaning = weighted(structure)
    names = pairs[0][0].names
    weights = np.array([w for _, w in pairs])
    if (weights < 0).any() or not weights.sum() > 0 or not np.isfinite(weights).all():
        raise InputError("graphs need finite non-negative weights with a positive sum")
    groups: dict[Graph, float] = {}
    for graph, weight in pairs:
        if set(graph.names) != set(names):
            raise InputError("the weighted graphs must all have the same variables")
        if weight > 0:
            same = graph.reorder(names)
            groups[same] = groups.get(same, 0.0) + weight / float(weights.sum())
    usable = [(graph, weight) for graph, weight in groups.items() if _stands(graph)]
    kept = sum(weight for _, weight in usable)
    if not usable:
        raise InputError(
            "the graph stands for no DAG (its arrows and undirected edges cannot all be extended); "
            "search again with other settings, or orient the edges you know"
        )
    shares = [weight / kept for _, weight in usable]
    drawn, exact = _expand([graph for graph, _ in usable], shares, rng, limit)
    closed = [_closed(graph) for graph, _ in usable]
    return Belief(
        names, tuple(d for d, _ in closed), tuple(u for _, u in closed), np.array(shares),
        tuple(drawn), meaning, exact, 1.0 - kept,
    )  # fmt: skip


def _stands(graph: Graph) -> bool:
    """Whether a graph stands for at least one DAG; hidden causes are refused by name."""
    try:
        pdag_parts(graph)
    except InputError as error:
        raise NotSupported(
            f"design ranks experiments over DAGs, but {error}. Pass a CPDAG or weighted DAGs, "
            "for instance from a learner that assumes no hidden common cause"
        ) from None
    try:
        return next(members(graph, 1), None) is not None
    except InputError:
        return False


def _closed(graph: Graph) -> tuple[Bool, Bool]:
    directed, undirected = (part.copy() for part in pdag_parts(graph))
    meek(directed, undirected)
    return directed, undirected


def _expand(
    graphs: list[Graph], shares: list[float], rng: np.random.Generator, limit: int
) -> tuple[list[Candidate], bool]:
    """Members of the classes: all of them, or uniform draws."""
    whole: list[list[Graph]] = []
    left = limit
    for graph in graphs:
        first = list(islice(members(graph), max(left, 0) + 1))
        left -= len(first)
        whole.append(first)
        if left < 0:
            break
    exact = left >= 0
    out: list[Candidate] = []
    for k, (graph, share) in enumerate(zip(graphs, shares, strict=True)):
        if exact:
            chosen = whole[k]
        else:
            size = max(1, round(limit * share))
            chosen = list(islice(members(graph), size + 1))
            if len(chosen) > size:
                chosen = _draws(graph, size, rng)
        out += [Candidate(directed_part(g.marks), share / len(chosen), k) for g in chosen]
    return out, exact


def _draws(graph: Graph, size: int, rng: np.random.Generator) -> list[Graph]:
    """Uniform members; where knowledge leaves too few to be met by chance, uniform among the
    first that are listed."""
    try:
        return sample_members(graph, size, rng, tries=30)
    except NotSupported:
        listed = list(islice(members(graph), LISTED))
        return [listed[i] for i in rng.choice(len(listed), size, replace=len(listed) < size)]
