"""The definition of a hedge, checked without rung's identification code."""

from __future__ import annotations

from rung.core.graph import Graph
from rung.graphs.identification.hedge import Hedge


def arrows(graph: Graph) -> set[tuple[str, str]]:
    """Directed edges."""
    return {(a, b) for a, mark, b in graph.edges() if mark == "-->"} | {
        (b, a) for a, mark, b in graph.edges() if mark == "<--"
    }


def pairs(graph: Graph) -> set[frozenset[str]]:
    """Bidirected edges."""
    return {frozenset((a, b)) for a, mark, b in graph.edges() if mark == "<->"}


def joined(nodes: set[str], links: set[frozenset[str]]) -> bool:
    """Whether the links join all nodes."""
    reached = {min(nodes)}
    while True:
        more = {n for link in links if link & reached for n in link if n in nodes} - reached
        if not more:
            return reached == nodes
        reached |= more


def ancestors(graph: Graph, of: set[str], cut: set[str]) -> set[str]:
    """Ancestors with edges into `cut` removed."""
    out, edges = set(of), {(a, b) for a, b in arrows(graph) if b not in cut}
    while more := {a for a, b in edges if b in out} - out:
        out |= more
    return out


def is_c_forest(graph: Graph, nodes: set[str], roots: set[str]) -> bool:
    """Bidirected edges join all nodes, each has at most one child, those without are the roots."""
    below = {n: {b for a, b in arrows(graph) if a == n and b in nodes} for n in nodes}
    inner = {link for link in pairs(graph) if link <= nodes}
    return (
        joined(nodes, inner)
        and all(len(c) <= 1 for c in below.values())
        and {n for n, c in below.items() if not c} == roots
    )


def problems(graph: Graph, hedge: Hedge, targets: set[str], treatments: set[str]) -> list[str]:
    """What of Shpitser and Pearl (2006), definition 6 and theorem 4, fails; nothing if it holds."""
    forest, core, roots = hedge.forest, set(hedge.core), set(hedge.roots)
    nodes = set(forest.names)
    out = []
    if not arrows(forest) <= arrows(graph) or not pairs(forest) <= pairs(graph):
        out.append("the forest has edges that the graph lacks")
    if not core < nodes:
        out.append("the core is not a proper subset")
    if not is_c_forest(forest, nodes, roots):
        out.append("the forest is no C-forest with these roots")
    if not is_c_forest(hedge.core_forest, core, roots):
        out.append("the core is no C-forest with these roots")
    if not treatments & nodes or treatments & core:
        out.append("no treatment in the forest, or one in the core")
    if set(hedge.treatments) != treatments & nodes:
        out.append("the treatments named are not those in the forest")
    if not roots <= ancestors(graph, targets, treatments):
        out.append("roots are not ancestors of the outcomes")
    return out
