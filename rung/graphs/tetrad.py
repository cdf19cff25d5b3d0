"""The text form of graphs that Tetrad and causal-learn write."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rung.core.errors import InputError
from rung.core.graph import Graph
from rung.graphs.formats import Diagram

_NODES = re.compile(r"^\s*Graph Nodes:[ \t]*\n(.*)$", re.MULTILINE)
_EDGES = re.compile(r"^\s*Graph Edges:[ \t]*\n", re.MULTILINE)
_LINE = re.compile(r"^\s*\d+\.\s+(.*?)\s*$")
_JOINT = re.compile(r"(?<=\s)(?:<|o|-)-(?:>|o|-)(?=\s)")
_WRAPS = {"(": ")", "[": "]"}


def is_tetrad(text: str) -> bool:
    """Whether a text begins as Tetrad's do."""
    return bool(re.match(r"\s*Graph (?:Nodes|Edges):", text))


def to_tetrad(graph: Graph, *, latents: Iterable[str] = (), selections: Iterable[str] = ()) -> str:
    """Tetrad's text of a graph, which causal-learn writes and reads too.

    Latent nodes are written as ``(L)`` and selected ones as ``[S]`` in the list of nodes.

    Raises
    ------
    InputError
        A name cannot be told apart in this form, which has no quotes: it holds ``;`` or a line
        end, begins or ends with a space, or makes a line ambiguous.
    """
    signs = dict.fromkeys(latents, ("(", ")")) | dict.fromkeys(selections, ("[", "]"))
    graph.indices(signs)
    around = {name: signs.get(name, ("", "")) for name in graph.names}
    nodes = [f"{left}{name}{right}" for name, (left, right) in around.items()]
    lines = [f"{k}. {a} {edge} {b}" for k, (a, edge, b) in enumerate(graph.edges(), 1)]
    text = "\n".join(["Graph Nodes:", ";".join(nodes), "", "Graph Edges:", *lines, ""])
    try:
        same = from_tetrad(text).graph == graph
    except InputError:
        same = False
    if not same:
        raise InputError(
            "a name cannot be written in Tetrad's text, which has no quotes (such as one with ';', "
            "a line end or ' --> '); rename it by relabel, or use to_dagitty"
        )
    return text


def _plain(name: str) -> str:
    wrapped = len(name) > 2 and _WRAPS.get(name[0]) == name[-1]
    return name[1:-1] if wrapped else name


def from_tetrad(text: str) -> Diagram:
    """Diagram of Tetrad's text: its graph, latents ``(L)``, and selected ``[S]`` as `adjusted`.

    What stands after an edge (``dd nl``, probabilities) and the parts after the edges are left
    aside. Without a list of nodes they come in order of appearance, names without spaces.
    """
    match = _NODES.search(text)
    written = [] if match is None or not match[1].strip() else match[1].split(";")
    written = [name.strip() for name in written]
    if match is not None and len(written) == 1 and "," in written[0]:
        written = [name.strip() for name in written[0].split(",")]  # some versions
    names = [_plain(name) for name in written]
    after = _EDGES.search(text)
    if after is None:
        raise InputError("Tetrad's text has a line `Graph Edges:`, also where there are none")
    edges, known = [], set(names) if match is not None else None
    for line in text[after.end() :].splitlines():
        found = _LINE.match(line)
        if found is not None:
            edges.append(_edge(found[1], known))
        elif line.strip():
            break
    graph = Graph.from_edges(edges, names if match is not None else None)
    return Diagram(
        graph,
        latents=tuple(_plain(name) for name in written if name[:1] == "(" and _plain(name) != name),
        adjusted=tuple(
            _plain(name) for name in written if name[:1] == "[" and _plain(name) != name
        ),
    )


def _edge(line: str, known: set[str] | None) -> tuple[str, str, str]:
    """The one way to read a line as two known names with an edge between."""
    ways = []
    for joint in _JOINT.finditer(line):
        left, right = _plain(line[: joint.start()].strip()), line[joint.end() :].strip()
        words = right.split(" ")  # the name, then perhaps properties of the edge
        sizes = range(len(words), 0, -1) if known is not None else (1,)
        for end in (_plain(" ".join(words[:size])) for size in sizes):
            if known is None or (left in known and end in known):
                ways.append((left, joint[0], end))
                break
    if len(ways) != 1:
        why = "in several ways" if ways else "as two nodes of the list with an edge between"
        raise InputError(f"cannot read the line {line!r} of Tetrad's text {why}")
    return ways[0]


__all__ = ["from_tetrad", "to_tetrad"]
