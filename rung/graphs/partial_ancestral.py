"""Partial ancestral graphs: what Markov equivalent MAGs share, and the MAGs of such a class."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from rung.core.errors import InputError, NotSupported
from rung.core.graph import ARROW, CIRCLE, TAIL, Graph
from rung.core.graph_checks import bidirected_part, directed_part, undirected_part
from rung.graphs.ancestral import above, is_mag, mag
from rung.graphs.ancestry import Bool, Names, reach
from rung.graphs.fci_rules import Verdicts, circles, close, collider_rule
from rung.graphs.orientation import extend

Marks = NDArray[np.uint8]


def pag(graph: Graph, latents: Names = (), selections: Names = ()) -> Graph:
    """PAG over the nodes that are neither latent nor selected.

    A mark that all MAGs with the same m-separations share is shown, elsewhere there is a circle:
    what an ideal test of independence could tell, with hidden causes and selection allowed.

    Parameters
    ----------
    graph : DAG, ADMG or MAG; see `mag` for `latents`, `selections` and errors.

    Source: Zhang (2008), "On the completeness of orientation rules", rules R0 to R10, told by the
    separations of the MAG.
    """
    margin = mag(graph, latents, selections)
    return Graph(margin.names, _rules(margin))


def _rules(margin: Graph) -> Marks:
    marks = circles(margin.marks != 0)
    verdicts = _verdicts(margin)
    collider_rule(marks, verdicts)
    close(marks, verdicts)
    return marks


def _verdicts(margin: Graph) -> Verdicts:
    """For nodes apart, the separating set of a MAG: those anterior to one of the two.

    Only for nodes with a common neighbour: the ends of an unshielded triple and of a discriminating
    path, whose inner nodes are all joined to its last, have one.
    """
    up = above(np.ascontiguousarray(margin.marks).copy())
    joined = (margin.marks != 0).astype(np.float32)
    i, j = np.nonzero(np.triu((margin.marks == 0) & (joined @ joined > 0), 1))
    row = np.full((margin.d, margin.d), -1, dtype=np.int64)
    row[i, j] = row[j, i] = np.arange(len(i))
    member = np.ones((max(len(i), 1), margin.d), dtype=np.uint8)  # 1 outside, 2 inside
    member[: len(i)] += (up[:, i] | up[:, j]).T
    return Verdicts(row, member)


def settled(graph: Graph) -> Graph | None:
    """A MAG of the class if the graph is a PAG; something else or None if it is not.

    o-> becomes ->, o-- becomes <--, and the o-o part a DAG without unshielded colliders: Zhang
    (2008), "On the completeness of orientation rules", theorem 2 and section 4.
    """
    marks = graph.marks.copy()
    open_end = marks == CIRCLE
    both = open_end & open_end.T
    arrows = extend(np.zeros_like(both), both)
    if arrows is None:
        return None
    single = open_end & ~both
    marks[single & (marks.T == ARROW)] = TAIL
    marks[single & (graph.marks.T == TAIL)] = ARROW
    marks[arrows] = ARROW
    marks[arrows.T] = TAIL
    return Graph(graph.names, marks)


def mag_of_pag(graph: Graph) -> Graph:
    """A MAG of the class of a PAG: as few arrowheads more as there can be; deterministic.

    Raises
    ------
    InputError
        The graph is not a PAG.
    """
    found = settled(graph) if not (graph.marks == ARROW | TAIL).any() else None
    if found is None or not is_mag(found) or not np.array_equal(_rules(found), graph.marks):
        raise InputError(
            "the graph is not a PAG: no class of MAGs shares just these marks; pag(graph) makes "
            "one of a DAG, an ADMG or a MAG"
        )
    return found


def is_pag(graph: Graph) -> bool:
    """Whether the graph shows what a class of Markov equivalent MAGs shares, and no more.

    The MAG that the graph would stand for is made, and its PAG compared with the graph.
    """
    try:
        mag_of_pag(graph)
    except InputError:
        return False
    return True


def mags(graph: Graph, limit: int | None = None, *, selection: bool = True) -> Iterator[Graph]:
    """The MAGs of the class of a PAG, each once; stops after `limit`.

    With `selection` False only those without undirected edges, for which no row was selected.

    One open end after another is made a tail or an arrow, and R1 to R10 closed; a branch that is
    not ancestral or has a new collider is left. Other branches may still come to nothing, so the
    time between two members is not bounded by a polynomial: for classes of up to some thousands.

    Raises
    ------
    InputError
        The graph is not a PAG.
    """
    return islice(_search(graph, _verdicts(mag_of_pag(graph)), selection), limit)


def _search(graph: Graph, verdicts: Verdicts, selection: bool) -> Iterator[Graph]:
    stack = [graph.marks.copy()] if selection or not undirected_part(graph.marks).any() else []
    while stack:
        marks = stack.pop()
        loose = np.argwhere(marks == CIRCLE)
        if not len(loose):
            found = Graph(graph.names, marks)
            if is_mag(found) and np.array_equal(_rules(found), graph.marks):
                yield found
            continue
        i, j = loose[0].tolist()
        for mark in (ARROW, TAIL):
            branch = marks.copy()
            branch[i, j] = mark
            close(branch, verdicts)
            if _possible(graph, branch) and (selection or not undirected_part(branch).any()):
                stack.append(branch)


def random_mags(
    graph: Graph, size: int, rng: np.random.Generator, *, steps: int | None = None
) -> list[Graph]:
    """`size` MAGs without undirected edges, by a random walk in the class of a PAG.

    A step picks an open end and turns its mark over if the result is in the class. Single turns
    join all MAGs without selection (Zhang and Spirtes 2005), and the choice is symmetric, so the
    walk tends to the uniform distribution; how fast is not known. For classes too large for
    `sample_mags`.

    Parameters
    ----------
    steps : before each MAG that is kept; 10 for each open end by default

    Raises
    ------
    InputError
        The graph is not a PAG, or selection is certain in it.
    """
    marks = mag_of_pag(graph).marks.copy()
    if undirected_part(marks).any():
        raise InputError("every MAG of the class has undirected edges: selection is certain")
    ends = np.argwhere(graph.marks == CIRCLE)
    each = 10 * len(ends) if steps is None else steps
    out = []
    for _ in range(size):
        # every other step rests, or the walk could keep step with an even number of turns
        for k in rng.integers(2 * len(ends) or 1, size=2 * each).tolist():
            if k >= len(ends):
                continue
            b, a = ends[k].tolist()  # the mark at a
            if marks[a, b] == ARROW:
                marks[b, a] = TAIL if marks[b, a] == ARROW else ARROW
                if not _turnable(marks, a, b):
                    marks[b, a] = TAIL if marks[b, a] == ARROW else ARROW
        out.append(Graph(graph.names, marks.copy()))
    return out


def _turnable(marks: Marks, a: int, b: int) -> bool:
    """Whether a -> b and a <-> b are both MAGs of one class, all else as in `marks`.

    Zhang and Spirtes (2005), "A transformational characterization of Markov equivalence for
    directed acyclic graphs with latent variables", lemma 1, and that the arrow leaves the graph
    ancestral.
    """
    with_arrow = marks.copy()
    with_arrow[b, a] = TAIL
    directed, both = directed_part(with_arrow), bidirected_part(with_arrow)
    others = directed.copy()
    others[a, b] = False
    at_a, at_b = np.arange(len(marks)) == a, np.arange(len(marks)) == b
    below_a = reach(others, at_a)
    if below_a[b] or (directed[:, a] & ~directed[:, b]).any():
        return False
    if (both[a] & ~(directed[:, b] | both[b])).any():
        return False
    above_a, below_b = reach(directed.T, at_a), reach(directed, at_b)
    if below_b[a] or (both & above_a[:, None] & below_b).any():
        return False
    # a discriminating path for a that ends at b: colliders before a, all parents of b
    parents = directed[:, b] & ~at_a
    chain = reach(both & parents & parents[:, None], parents & (marks[a] == ARROW))
    apart = (marks[b] == 0) & ~at_b
    return not ((marks == ARROW)[apart][:, chain]).any()


def _possible(graph: Graph, marks: Marks) -> bool:
    """Whether the marks that are settled may still be those of a MAG of the class."""
    directed = directed_part(marks)
    arrows = np.where(directed, ARROW, np.where(directed.T, TAIL, 0)).astype(np.uint8)
    head = marks == ARROW
    if (head & above(arrows).T).any():  # an arrowhead at an ancestor of the other end
        return False
    if (undirected_part(marks).any(axis=0) & head.any(axis=0)).any():
        return False
    return not (_colliders(marks) & ~_colliders(graph.marks)).any()


def _colliders(marks: Marks) -> Bool:
    """(d, d, d) bool, [b, a, c]: a *-> b <-* c with a and c apart."""
    head = marks == ARROW
    apart = (marks == 0) & ~np.eye(len(marks), dtype=bool)
    out: Bool = head.T[:, :, None] & head.T[:, None, :] & apart[None]
    return out


def count_mags(graph: Graph, limit: int = 100_000, *, selection: bool = True) -> int:
    """Number of MAGs in the class of a PAG, by listing them; `selection` as in `mags`.

    Raises
    ------
    NotSupported
        There are more than `limit`.
    """
    count = sum(1 for _ in mags(graph, limit + 1, selection=selection))
    if count > limit:
        raise NotSupported(f"there are more than {limit} MAGs in the class; raise limit")
    return count


def sample_mag(
    graph: Graph, rng: np.random.Generator, *, limit: int = 10_000, selection: bool = True
) -> Graph:
    """A MAG drawn exactly uniformly from the class of a PAG; see `sample_mags`."""
    return sample_mags(graph, 1, rng, limit=limit, selection=selection)[0]


def sample_mags(
    graph: Graph,
    size: int,
    rng: np.random.Generator,
    *,
    limit: int = 10_000,
    selection: bool = True,
) -> list[Graph]:
    """`size` independent exactly uniform draws from the class of a PAG, which is listed for that.

    `selection` as in `mags`.

    Raises
    ------
    NotSupported
        There are more than `limit` MAGs in the class: no way is known to draw from them uniformly
        without listing.
    """
    listed = list(mags(graph, limit + 1, selection=selection))
    if not listed:
        raise InputError("every MAG of the class has undirected edges: selection is certain")
    if len(listed) > limit:
        raise NotSupported(
            f"the class has more than {limit} MAGs; raise limit, or use mags() for the first of "
            "them or mag_of_pag() for one"
        )
    return [listed[k] for k in rng.integers(len(listed), size=size).tolist()]


__all__ = [
    "count_mags",
    "is_pag",
    "mag_of_pag",
    "mags",
    "pag",
    "random_mags",
    "sample_mag",
    "sample_mags",
]
