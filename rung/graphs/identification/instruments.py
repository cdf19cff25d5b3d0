"""Instruments: the criterion, conditional instruments, and what is wrong with a proposed one.

Pearl (2009), "Causality", definition 7.4.1; van der Zander, Textor and Liskiewicz (2015),
"Efficiently finding conditional instruments for causal inference": ancestral instruments.
"""

from __future__ import annotations

from dataclasses import dataclass

from rung.core.errors import InputError, NotSupported
from rung.core.graph import CIRCLE, Graph
from rung.core.graph_checks import undirected_part
from rung.graphs.adjustment import Setting, setting
from rung.graphs.ancestry import Names, Path, mask, named, reach
from rung.graphs.separation import open_path, parts_of

from .admg import bits
from .links import Links
from .query import several


@dataclass(frozen=True)
class Instrument:
    """A node that moves x, and y only through x, given the covariates `given`."""

    name: str
    given: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}{' given ' + ', '.join(self.given) if self.given else ''}"


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a proposed instrument.

    `reason` is ``exclusion`` (the path reaches y past x), ``relevance`` (nothing joins it to x) or
    ``affected`` (what is conditioned on is moved by x). `path` shows it, if there is one.
    """

    reason: str
    words: str
    path: Path | None = None

    def __str__(self) -> str:
        return self.words


def is_instrument(graph: Graph, z: str, x: str, y: str, given: Names = ()) -> bool:
    """Whether z is an instrument for the total effect of x on y given the covariates.

    Given them, z is connected to x; and separated from y once the arrows by which x acts on y are
    removed; x moves none of them. Pearl (2009), definition 7.4.1.

    graph : DAG or ADMG.
    """
    return not why_no_instrument(graph, z, x, y, given)


def why_no_instrument(graph: Graph, z: str, x: str, y: str, given: Names = ()) -> tuple[Fault, ...]:
    """What is wrong with z as an instrument; nothing if it is one.

    Raises
    ------
    InputError
        A name in two roles, or a graph with edges without direction.
    """
    case, known = _case(graph, x, y), several(given)
    if len({z, x, y, *known}) < 3 + len(known):
        raise InputError("z, x, y and the names in given must differ")
    start, seen = mask(graph, z), mask(graph, known)
    whole = parts_of(graph)
    below = reach(whole.directed, case.x)
    out = []
    if moved := named(graph, below & (seen | start)):
        who = ", ".join(moved)
        out.append(Fault("affected", f"{x} moves {who}, which must come before it"))
    way = open_path(graph.names, case.backdoor, start, case.y, seen)
    if way is not None:
        words = f"the path {way} joins {z} to {y} past {x}{_given(known)}"
        out.append(Fault("exclusion", words, way))
    if open_path(graph.names, whole, start, case.x, seen) is None:
        out.append(Fault("relevance", f"no open path joins {z} to {x}{_given(known)}"))
    return tuple(out)


def _given(known: tuple[str, ...]) -> str:
    return f" given {', '.join(known)}" if known else ""


def instruments(graph: Graph, x: str, y: str, *, allowed: Names | None = None) -> list[Instrument]:
    """Every node that is an instrument for x on y, with covariates that make it one.

    Plain instruments (no covariates) come first. For the others the covariates are the separator
    nearest to y among the ancestors of the two; if any node is an instrument given some set, one is
    found so (van der Zander et al. 2015, theorem on ancestral instruments). Whether a particular
    node is one given some set is NP-hard, so the list may lack a node, never be empty in vain.

    Parameters
    ----------
    graph : DAG or ADMG
    allowed : nodes that may serve as instrument or covariate, all by default

    Returns
    -------
    list of Instrument; empty if there is none.
    """
    case = _case(graph, x, y)
    whole, cut = Links.of(graph), Links.of(graph, case.backdoor)
    a, b = whole.mask([x]), whole.mask([y])
    may = whole.mask(graph.names if allowed is None else several(allowed))
    may &= ~whole.descendants(a) & ~b
    plain = may & whole.connected(a, 0) & ~cut.connected(b, 0)
    out = [Instrument(n) for n in whole.named(plain)]
    moved: dict[int, int] = {}  # covariates -> what is connected to x given them
    for i in bits(may & ~plain):
        wall = cut.nearest(b, 1 << i, may)
        if wall:
            if wall not in moved:
                moved[wall] = whole.connected(a, wall)
            if moved[wall] >> i & 1:
                out.append(Instrument(graph.names[i], whole.named(wall)))
    return out


def _case(graph: Graph, x: str, y: str) -> Setting:
    if (graph.marks & CIRCLE).any() or undirected_part(graph.marks).any():
        raise NotSupported(
            "instruments are read off a DAG or an ADMG: edges without direction leave open what "
            "causes what; ask on the members of the class"
        )
    return setting(graph, x, y)
