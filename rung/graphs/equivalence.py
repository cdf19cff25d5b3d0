"""Markov equivalence: CPDAG, interventional CPDAG, members of a class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from rung.core.errors import InputError, NotSupported
from rung.core.graph import Graph
from rung.core.graph_checks import directed_part
from rung.graphs.ancestry import Bool, Names, mask
from rung.graphs.cliques import Picker
from rung.graphs.orientation import as_bytes, extend, meek, neighbours, pdag_of, pdag_parts


def _require_dag(graph: Graph) -> None:
    pdag_parts(graph)
    if not graph.is_dag():
        graph.topological_order()
        raise InputError("a DAG is needed, but some edges are undirected; see consistent_extension")


def colliders(directed: Bool) -> Bool:
    """(d, d) bool: arrows that are part of a v-structure a -> b <- c with a and c apart."""
    from rung.kernels.orientation import shields

    out = np.zeros(directed.shape, dtype=np.bool_)
    shields(as_bytes(directed), as_bytes(out), *neighbours(directed, np.zeros((0, 0), dtype=bool)))
    return out


def v_structures(graph: Graph) -> list[tuple[str, str, str]]:
    """Triples (a, b, c), a -> b <- c with a and c not adjacent, a before c, by column of b."""
    directed, _ = pdag_parts(graph)
    apart = graph.marks == 0
    out = []
    for b in range(graph.d):
        parents = np.nonzero(directed[:, b])[0].tolist()
        out += [
            (graph.names[a], graph.names[b], graph.names[c])
            for k, a in enumerate(parents)
            for c in parents[k + 1 :]
            if apart[a, c]
        ]
    return out


def cpdag(dag: Graph, targets: Iterable[Names] | None = None) -> Graph:
    """Essential graph of a DAG: what its equivalence class has in common.

    Parameters
    ----------
    dag : acyclic, directed edges only.
    targets : the variables set in each interventional condition; the observational condition is
        taken as present. Then the interventional essential graph is returned: an edge is also
        oriented if some condition sets exactly one of its ends, and by what follows from that.

    Source: Meek (1995); with targets Hauser and Buehlmann (2012), theorem 18.
    """
    _require_dag(dag)
    hits = [mask(dag, condition) for condition in targets or ()]
    return pdag_of(dag.names, *essential(directed_part(dag.marks), hits))


def essential(arrows: Bool, hits: Iterable[Bool] = ()) -> tuple[Bool, Bool]:
    """Directed and undirected part of the `cpdag` of a DAG (d, d); hits: (d,) for each condition.

    That `arrows` make no cycle is taken as known.
    """
    known = colliders(arrows)
    for hit in hits:
        known |= arrows & (hit[:, None] != hit[None, :])
    free = arrows & ~known
    loose = free | free.T
    meek(known, loose)
    return known, loose


def is_cpdag(graph: Graph) -> bool:
    """Whether the graph is the essential graph of a DAG."""
    return graph.is_cpdag()


def markov_equivalent(first: Graph, second: Graph) -> bool:
    """Whether two graphs have the same separations.

    DAGs: by skeleton and v-structures (Verma and Pearl 1990); MAGs, with <-> or --: by their PAGs,
    which have all in common (Zhang 2008).

    Raises
    ------
    InputError
        A graph is neither a DAG nor a MAG.
    """
    if not (first.is_dag() and second.is_dag()):
        from rung.graphs.ancestral import require_mag
        from rung.graphs.partial_ancestral import pag

        require_mag(first)
        require_mag(second)
        return set(first.names) == set(second.names) and pag(first) == pag(second)
    _require_dag(first)
    _require_dag(second)
    if set(first.names) != set(second.names):
        return False
    second = second.reorder(first.names)
    same = np.array_equal(first.marks != 0, second.marks != 0)
    return same and v_structures(first) == v_structures(second)


def members(graph: Graph, limit: int | None = None) -> Iterator[Graph]:
    """The DAGs of the class of a CPDAG, or of one with background knowledge; each once.

    Stops after `limit`. Every branch ends in a member, so the delay is polynomial: an undirected
    edge of a graph closed under Meek's rules can be oriented both ways (Meek 1995, theorem 4).

    Raises
    ------
    InputError
        The graph stands for no DAG.
    """
    directed, undirected = (part.copy() for part in pdag_parts(graph))
    _require_extension(directed, undirected)
    meek(directed, undirected)
    stack = [(directed, undirected)]
    count = 0
    while stack and (limit is None or count < limit):
        arrows, loose = stack.pop()
        edges = np.argwhere(np.triu(loose))
        if not len(edges):
            count += 1
            yield pdag_of(graph.names, arrows, loose)
            continue
        i, j = edges[0].tolist()
        for a, b in ((j, i), (i, j)):
            new, rest = arrows.copy(), loose.copy()
            new[a, b] = True
            rest[a, b] = rest[b, a] = False
            meek(new, rest, [(a, b)])
            stack.append((new, rest))


def _require_extension(directed: Bool, undirected: Bool) -> None:
    if extend(directed, undirected) is None:
        raise InputError("the graph stands for no DAG; check its arrows and undirected edges")


def _closed_class(graph: Graph) -> tuple[Bool, Bool, bool]:
    """Closed parts, and whether the chain components are free of knowledge (so independent)."""
    directed, undirected = (part.copy() for part in pdag_parts(graph))
    _require_extension(directed, undirected)
    meek(directed, undirected)
    # a component is free iff every parent of one of its nodes is a parent of all its nodes
    for i, j in np.argwhere(np.triu(undirected)).tolist():
        if not np.array_equal(directed[:, i], directed[:, j]):
            return directed, undirected, False
    return directed, undirected, True


def count_members(graph: Graph, limit: int = 100_000) -> int:
    """Number of DAGs in the class, exactly.

    Polynomial for a CPDAG and an interventional CPDAG, by clique-picking (Wienoebst, Bannach and
    Liskiewicz 2023). With other background knowledge the members are enumerated.

    Raises
    ------
    NotSupported
        There is such knowledge and there are more than `limit` members.
    """
    _, undirected, free = _closed_class(graph)
    if free:
        return Picker(undirected).count()
    count = sum(1 for _ in members(graph, limit + 1))
    if count > limit:
        raise NotSupported(
            f"more than {limit} members of a class with background knowledge; raise limit"
        )
    return count


def sample_member(graph: Graph, rng: np.random.Generator, *, tries: int = 10_000) -> Graph:
    """A DAG drawn exactly uniformly from the class.

    Clique-picking for a CPDAG (also interventional); with other background knowledge, draws from
    the class without it are rejected until one agrees.

    Raises
    ------
    NotSupported
        None of `tries` draws agreed with the knowledge.
    """
    return sample_members(graph, 1, rng, tries=tries)[0]


def sample_members(
    graph: Graph, size: int, rng: np.random.Generator, *, tries: int = 10_000
) -> list[Graph]:
    """`size` independent draws as by `sample_member`, sharing the counts."""
    directed, undirected, free = _closed_class(graph)
    wanted = directed
    if not free:
        arrows = extend(directed, undirected)
        assert arrows is not None
        directed, undirected = (
            part.copy()
            for part in pdag_parts(cpdag(pdag_of(graph.names, arrows, np.zeros_like(arrows))))
        )
    picker, out = Picker(undirected), []
    nothing = np.zeros_like(undirected)
    for _ in range(size):
        for _ in range(tries):
            drawn = directed | picker.sample(rng)
            if not (wanted & ~drawn).any():
                out.append(pdag_of(graph.names, drawn, nothing))
                break
        else:
            raise NotSupported(
                f"none of {tries} draws agreed with the background knowledge; use members(), or "
                "raise tries"
            )
    return out


__all__ = [
    "count_members",
    "cpdag",
    "is_cpdag",
    "markov_equivalent",
    "members",
    "sample_member",
    "sample_members",
    "v_structures",
]
