"""Other people's graph formats: networkx, DOT, dagitty.net code; reading a file of any kind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from rung.core.errors import FileProblem, InputError, MissingExtra, NotSupported
from rung.core.graph import Graph
from rung.core.graph_text import ARROW, CIRCLE, TAIL, edge_marks, edge_symbol
from rung.graphs import dot

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True)
class Diagram:
    """A graph and what a file says of its nodes: treatments, outcomes, hidden, adjusted for."""

    graph: Graph
    exposures: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    latents: tuple[str, ...] = ()
    adjusted: tuple[str, ...] = ()


_SHAPES = {TAIL: "none", ARROW: "normal", CIRCLE: "odot"}
_MARKS = {"none": TAIL, "odot": CIRCLE, "dot": CIRCLE}


def _quoted(name: str) -> str:
    out = name.replace("\\", "\\\\").replace('"', '\\"')
    for letter, char in (("n", "\n"), ("r", "\r"), ("t", "\t")):
        out = out.replace(char, "\\" + letter)
    return f'"{out}"'


def to_dot(graph: Graph) -> str:
    """DOT text of a graph, for Graphviz; `from_dot` reads it back."""
    lines = [f"  {_quoted(name)};" for name in graph.names]
    for a, edge, b in graph.edges():
        left, right = edge_marks(edge)
        shape = ""
        if left != TAIL or right != ARROW:
            ends = {"arrowtail": left, "arrowhead": right}
            said = [f"{end}={_SHAPES[mark]}" for end, mark in ends.items()]
            shape = " [dir=none]" if left == right == TAIL else f" [dir=both, {', '.join(said)}]"
        lines.append(f"  {_quoted(a)} -> {_quoted(b)}{shape};")
    return "\n".join(["digraph {", *lines, "}", ""])


def from_dot(text: str) -> Graph:
    """Graph of a DOT text.

    ``->`` is an arrow and ``--`` undirected; ``dir`` (forward, back, both, none), ``arrowhead``
    and ``arrowtail`` (normal, none, odot) say otherwise. A -> B with B -> A is read as undirected,
    as many tools write it. Attributes such as colours are left aside.
    """
    parsed = dot.parse(text)
    if parsed.kind not in ("digraph", "graph"):
        raise InputError(f"DOT begins with digraph or graph, not {parsed.kind!r}")
    edges: list[tuple[str, str, str]] = []
    for a, joint, b, said in parsed.edges:
        left, right = edge_marks(joint.replace("@", "o"))
        if joint == "->":
            way = said.get("dir", "forward")
            left = ARROW if way in ("back", "both") else TAIL
            right = ARROW if way in ("forward", "both") else TAIL
            if left == ARROW:
                left = _MARKS.get(said.get("arrowtail", ""), ARROW)
            if right == ARROW:
                right = _MARKS.get(said.get("arrowhead", ""), ARROW)
        edges.append((a, edge_symbol(left, right), b))
    return Graph.from_edges(_mutual(edges), parsed.nodes)


def _mutual(edges: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Edges with A -> B and B -> A joined to A -- B."""
    turned = {"<--": "-->"}
    flat = [(b, turned[e], a) if e in turned else (a, e, b) for a, e, b in edges]
    there = set(flat)
    both = {(a, b) for a, e, b in there if e == "-->" and (b, "-->", a) in there}
    return [(a, "---" if (a, b) in both and e == "-->" else e, b) for a, e, b in flat]


_FLAGS = {
    "exposures": ("exposure", "e"),
    "outcomes": ("outcome", "o"),
    "latents": ("latent", "l", "u", "unobserved"),
    "adjusted": ("adjusted", "a"),
}


def from_dagitty(text: str) -> Diagram:
    """Diagram of dagitty.net code, ``dag { X [exposure] Y [outcome] X -> Y; X <-> Y }``.

    Textor et al. (2016); ``@`` is dagitty's circle. Positions are left aside.
    """
    parsed = dot.parse(text)
    if parsed.kind not in ("dag", "pdag", "mag", "pag", "cpdag", "digraph", "graph"):
        raise InputError(f"dagitty code begins with dag, pdag, mag or pag, not {parsed.kind!r}")
    edges = [(a, joint.replace("@", "o"), b) for a, joint, b, _ in parsed.edges]
    said = {
        key: tuple(n for n, flags in parsed.nodes.items() if any(f in flags for f in words))
        for key, words in _FLAGS.items()
    }
    return Diagram(Graph.from_edges(edges, parsed.nodes), **said)


def to_dagitty(
    graph: Graph,
    *,
    exposures: Iterable[str] = (),
    outcomes: Iterable[str] = (),
    latents: Iterable[str] = (),
    adjusted: Iterable[str] = (),
) -> str:
    """dagitty.net code of a graph; `from_dagitty` reads it back."""
    groups = {"exposure": exposures, "outcome": outcomes, "latent": latents, "adjusted": adjusted}
    flags: dict[str, list[str]] = {name: [] for name in graph.names}
    for flag, names in groups.items():
        for i in graph.indices(names):
            flags[graph.names[i]].append(flag)
    circles, lines = bool((graph.marks & CIRCLE).any()), []
    for name, said in flags.items():
        lines.append(f"  {_quoted(name)}" + (f" [{','.join(said)}]" if said else ""))
    for a, edge, b in graph.edges():
        left, right = edge_marks(edge)
        joint = edge_symbol(left, right, long=False).replace("o", "@")
        lines.append(f"  {_quoted(a)} {joint} {_quoted(b)}")
    plain = bool((graph.marks & graph.marks.T & TAIL).any())
    kind = "pag" if circles else "pdag" if plain else "dag"
    return "\n".join([f"{kind} {{", *lines, "}", ""])


def to_networkx(graph: Graph) -> nx.Graph:
    """DiGraph of a directed graph, Graph of an undirected one, else MultiDiGraph.

    In the last every edge is there once and its attribute `edge` tells what it is: ``-->``,
    ``<->``, ``---``, ``o->`` ...

    Raises
    ------
    MissingExtra
        networkx is not installed.
    """
    try:
        import networkx as nx
    except ImportError as error:
        raise MissingExtra("networkx is not installed; run: pip install networkx") from error
    edges = graph.edges()
    kinds = {edge for _, edge, _ in edges}
    out: Any
    if kinds <= {"-->"}:
        out = nx.DiGraph()
    else:
        out = nx.Graph() if kinds == {"---"} else nx.MultiDiGraph()
    out.add_nodes_from(graph.names)
    for a, edge, b in edges:
        if out.is_multigraph():
            out.add_edge(a, b, edge=edge)
        else:
            out.add_edge(a, b)
    made: nx.Graph = out
    return made


def from_networkx(graph: nx.Graph) -> Graph:
    """Graph of a networkx graph; both directions of a pair are read as undirected.

    An edge attribute `edge`, as `to_networkx` writes it, says otherwise. Names are `str(node)`.
    """
    names = [str(node) for node in graph.nodes]
    plain = "-->" if graph.is_directed() else "---"
    edges = [
        (str(a), edge_symbol(*edge_marks(said.get("edge", plain))), str(b))
        for a, b, said in graph.edges(data=True)
    ]
    return Graph.from_edges(_mutual(edges), names)


_DOT = re.compile(r"\s*(?:strict\s+)?(?:di)?graph\b[^{;\n]*\{", re.IGNORECASE)
_DAGITTY = re.compile(r"\s*(?:dag|pdag|cpdag|mag|pag)\s*(?:\"[^\"]*\"|\w*)\s*\{", re.IGNORECASE)
_BIF = re.compile(r"\s*(?:network\s+[^{;]*\{|variable\s+\S+\s*\{)")
_REMARK = re.compile(r"\A(?:\s+|//[^\n]*\n|/\*.*?\*/|\#[^\n]*(?:\n|\Z))+", re.DOTALL)


def parse_diagram(text: str) -> Diagram:
    """Diagram of a text in any known form.

    Own text, DOT, dagitty.net code, JSON of `to_dict`, Tetrad's and causal-learn's text, BIF.
    """
    from rung.graphs.tetrad import from_tetrad, is_tetrad

    body = _REMARK.sub("", text)
    if is_tetrad(body):
        return from_tetrad(body)
    if _BIF.match(body):
        from rung.io.bif import parse_bif

        return Diagram(parse_bif(text).graph)
    if _DOT.match(body):
        return Diagram(from_dot(body))
    if _DAGITTY.match(body):
        return from_dagitty(body)
    if body.startswith("{"):
        try:
            return Diagram(Graph.from_dict(json.loads(body)))
        except json.JSONDecodeError as error:
            raise InputError(f"the graph begins with {{ but is not JSON: {error}") from error
    if body.startswith("<"):
        raise NotSupported("XML graphs are not read; save the graph as DOT, dagitty code or text")
    return Diagram(Graph.parse(text))


def read_diagram(source: str | File) -> Diagram:
    """Diagram of a file, or of a text that holds a graph.

    A `pathlib.Path` is a file; a text is one if a file of that name exists or if it looks like a
    file name (one word with an ending such as .dot).

    Raises
    ------
    FileProblem
        The file is missing, cannot be read, or is not UTF-8.
    InputError
        The text is in none of the known forms.
    """
    if isinstance(source, File) or _names_file(source):
        path = File(source)
        if path.name.endswith((".bif", ".bif.gz")):
            from rung.io.bif import read_bif

            return Diagram(read_bif(path).graph)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            why = error.strerror or error
            raise FileProblem(f"cannot read the graph file {str(path)!r}: {why}") from error
        except UnicodeDecodeError as error:
            raise FileProblem(
                f"the graph file {str(path)!r} is not UTF-8 text; save it as UTF-8"
            ) from error
        if not text.strip():
            raise InputError(f"the graph file {str(path)!r} is empty")
        return parse_diagram(text)
    return parse_diagram(source)


def _names_file(text: str) -> bool:
    if re.fullmatch(r"[^\s;<>\"{}]+\.(?:dot|gv|dagitty|dag|graph|txt|json|bif|bif\.gz)", text):
        return True
    try:
        return "\n" not in text and 0 < len(text) < 1000 and File(text).is_file()
    except (OSError, ValueError):
        return False


def read_graph(source: str | File) -> Graph:
    """The graph of `read_diagram`."""
    return read_diagram(source).graph


__all__ = [
    "Diagram",
    "from_dagitty",
    "from_dot",
    "from_networkx",
    "parse_diagram",
    "read_diagram",
    "read_graph",
    "to_dagitty",
    "to_dot",
    "to_networkx",
]
