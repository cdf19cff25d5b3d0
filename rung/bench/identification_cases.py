"""Graphs on which identification is judged: all of four nodes, random ones, examples of papers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, permutations, product

import numpy as np
from numpy.typing import NDArray

from ..core.graph import ARROW, TAIL, Graph
from ..graphs.identification.query import Interventional

Floats = NDArray[np.float64]
Pairs = tuple[tuple[int, int], ...]
LETTERS = "ABCDEFG"


def small_admgs(d: int = 4) -> list[Graph]:
    """Every ADMG of d nodes up to relabelling: a DAG with any set of bidirected edges.

    Of four nodes there are 1,567.
    """
    pairs = list(combinations(range(d), 2))
    dags = {_least(edges, ()) for edges in _dags(d)}
    found = {
        _least(directed, both)
        for directed, _ in dags
        for size in range(len(pairs) + 1)
        for both in combinations(pairs, size)
    }
    return [drawn(d, directed, both) for directed, both in sorted(found)]


def _dags(d: int) -> Iterator[Pairs]:
    pairs = list(combinations(range(d), 2))
    for choice in product((0, 1), repeat=len(pairs)):  # a DAG, relabelled, runs from low to high
        yield tuple(p for p, c in zip(pairs, choice, strict=True) if c)


def _least(directed: Pairs, both: Pairs) -> tuple[Pairs, Pairs]:
    """The least of all relabellings."""
    d = 1 + max((k for p in (*directed, *both) for k in p), default=0)
    d = max(d, 4)
    return min(
        (
            tuple(sorted((p[i], p[j]) for i, j in directed)),
            tuple(sorted((min(p[i], p[j]), max(p[i], p[j])) for i, j in both)),
        )
        for p in permutations(range(d))
    )


def drawn(d: int, directed: Pairs, both: Pairs) -> Graph:
    """The graph with these edges on the nodes A, B, ..."""
    marks = np.zeros((d, d), dtype=np.uint8)
    for i, j in directed:
        marks[i, j] |= ARROW
        marks[j, i] |= TAIL
    for i, j in both:
        marks[i, j] |= ARROW
        marks[j, i] |= ARROW
    return Graph(tuple(LETTERS[:d]), marks)


def random_admg(rng: np.random.Generator, sizes: tuple[int, int] = (5, 7)) -> Graph:
    """5 to 7 nodes in random order; each pair has an arrow with probability p, a hidden common
    cause with probability q; p from 0.2 to 0.6, q from 0.1 to 0.5."""
    d = int(rng.integers(sizes[0], sizes[1] + 1))
    p, q = rng.uniform(0.2, 0.6), rng.uniform(0.1, 0.5)
    order = rng.permutation(d).tolist()
    arrows = rng.random((d, d)) < p
    causes = rng.random((d, d)) < q
    pairs = list(combinations(range(d), 2))
    directed = tuple((order[a], order[b]) for a, b in pairs if arrows[a, b])
    return drawn(d, directed, tuple((a, b) for a, b in pairs if causes[a, b]))


class Table:
    """A joint table whose conditional distributions are arrays with one axis a name."""

    def __init__(self, table: Floats, names: tuple[str, ...]) -> None:
        self.table, self.names = table, names

    def p(self, of: str, given: str = "") -> Floats:
        """P(of | given), names apart by spaces; other axes have length 1."""
        top = self.marginal((*of.split(), *given.split()))
        return top / self.marginal(given.split()) if given else top

    def marginal(self, names: tuple[str, ...] | list[str]) -> Floats:
        """The marginal of names."""
        drop = tuple(i for i, n in enumerate(self.names) if n not in names)
        return np.asarray(self.table.sum(axis=drop, keepdims=True))

    def sum(self, over: str, value: Floats) -> Floats:
        """The sum over all values of names."""
        axes = tuple(self.names.index(n) for n in over.split())
        return np.asarray(value.sum(axis=axes, keepdims=True))


Formula = Callable[[Table], Floats]


@dataclass(frozen=True)
class Golden:
    """An example of a paper: a question on a graph and the answer in print.

    `formula` is None where the paper says that there is none, or (`identified`) prints none.
    """

    name: str
    source: str
    graph: Graph
    asked: Interventional
    identified: bool
    formula: Formula | None = None


def _golden(
    name: str, source: str, edges: str, asked: Interventional, formula: Formula | bool | None
) -> Golden:
    known = None if isinstance(formula, bool) else formula
    return Golden(name, source, Graph.parse(edges), asked, formula is not None, known)


def _backdoor(t: Table) -> Floats:
    return t.sum("Z", t.p("Y", "X Z") * t.p("Z"))


def _frontdoor(t: Table) -> Floats:
    return t.sum("M", t.p("M", "X") * t.sum("X", t.p("Y", "X M") * t.p("X")))


def _napkin(t: Table) -> Floats:
    both = t.sum("W", t.p("X Y", "W R") * t.p("W"))
    out = both / t.sum("W", t.p("X", "W R") * t.p("W"))
    return np.take(out, [0], axis=t.names.index("R"))


def _verma(t: Table) -> Floats:
    out = t.sum("B", t.p("D", "A B C") * t.p("B", "A"))
    return np.take(out, [0], axis=t.names.index("A"))


def _two_outcomes(t: Table) -> Floats:
    return t.sum("W1", t.p("Y1", "X W1") * t.p("W1")) * t.p("Y2")


def _figure_38g(t: Table) -> Floats:
    inner = t.sum("X", t.p("Y", "X Z1 Z2") * t.p("X", "Z2"))
    return t.sum("Z1 Z2", t.p("Z2") * t.p("Z1", "X Z2") * inner)


Q = Interventional
GOLDEN: tuple[Golden, ...] = (
    _golden("back-door", "Pearl 2009, section 3.3.1", "Z -> X; Z -> Y; X -> Y", Q("Y", "X"),
            _backdoor),
    _golden("front-door", "Pearl 2009, figure 3.5", "X -> M; M -> Y; X <-> Y", Q("Y", "X"),
            _frontdoor),
    _golden("napkin", "Pearl and Mackenzie 2018, figure 7.5",
            "W -> R; R -> X; X -> Y; W <-> X; W <-> Y", Q("Y", "X"), _napkin),
    _golden("bow", "Pearl 2009, figure 3.9 a; Shpitser and Pearl 2006, section 3",
            "X -> Y; X <-> Y", Q("Y", "X"), None),
    _golden("instrument", "Pearl 2009, figure 3.9", "Z -> X; X -> Y; X <-> Y", Q("Y", "X"), None),
    _golden("M-bias", "Greenland, Pearl and Robins 1999", "X -> Y; X <-> Z; Z <-> Y", Q("Y", "X"),
            lambda t: t.p("Y", "X")),
    _golden("M-bias, given the collider", "Shpitser and Pearl 2006b, section 3",
            "X -> Y; X <-> Z; Z <-> Y", Q("Y", "X", given="Z"), None),
    _golden("verma", "Verma and Pearl 1990", "A -> B; B -> C; C -> D; B <-> D", Q("D", "C"),
            _verma),
    _golden("confounded mediator", "Shpitser and Pearl 2008, figure 2 b",
            "X -> Y; X -> Z; Z -> Y; Z <-> Y", Q("Y", "X"), lambda t: t.p("Y", "X")),
    _golden("confounded covariate", "Shpitser and Pearl 2008, figure 2 c",
            "Z -> X; Z -> Y; X -> Y; X <-> Z", Q("Y", "X"), _backdoor),
    _golden("two outcomes", "Shpitser and Pearl 2008, figure 3 a",
            "W1 -> X; X -> Y1; W2 -> Y2; W1 <-> W2; W1 <-> Y1; W1 <-> Y2; X <-> W2",
            Q(("Y1", "Y2"), "X"), _two_outcomes),
    _golden("two outcomes, hedge", "Shpitser and Pearl 2006, figure 1 b",
            "W1 -> X; X -> Y1; W2 -> Y2; W1 -> W2; W1 <-> W2; W1 <-> Y1; W1 <-> Y2; X <-> W2",
            Q(("Y1", "Y2"), "X"), None),
    _golden("conditional effect", "Shpitser and Pearl 2008, figure 6 a",
            "X -> Z; Z -> Y; X <-> Z", Q("Y", "X", given="Z"), lambda t: t.p("Y", "Z")),
    _golden("conditional, refused", "Shpitser and Pearl 2008, figure 6 b",
            "X -> Z; Z -> Y; X <-> Z; Z <-> Y", Q("Y", "X", given="Z"), None),
    _golden("covariates", "Pearl 2009, figure 3.4",
            "Z1 -> Z2; Z1 -> Z3; Z2 -> X; Z3 -> X; Z4 -> X; Z4 -> Z5; Z3 -> Y; Z5 -> Y; X -> Y",
            Q("Y", "X"), lambda t: t.sum("Z3 Z4", t.p("Y", "X Z3 Z4") * t.p("Z3 Z4"))),
    _golden("figure 3.8 g", "Pearl 2009, figure 3.8 g",
            "Z2 -> X; Z2 -> Z1; Z2 -> Z3; X -> Z1; Z3 -> Y; Z1 -> Y; Z2 <-> X; Z2 <-> Y; "
            "X <-> Z3; X <-> Y", Q("Y", "X"), _figure_38g),
    _golden("figure 3.8 f", "Pearl 2009, figure 3.8 f",
            "X -> Z1; X -> Y; Z1 -> Z2; Z1 -> Y; Z2 -> Y; X <-> Z2; Z1 <-> Y", Q("Y", "X"), True),
    _golden("plan", "Pearl 2009, figure 4.4",
            "X1 -> Z; X1 -> Y; X1 -> X2; Z -> X2; X2 -> Y; X1 <-> Z; Z <-> Y",
            Q("Y", ("X1", "X2")), True),
    _golden("nested", "Tian 2002, page 90",
            "W1 -> W2; W3 -> W4; W2 -> X; W4 -> X; X -> Y; W1 <-> X; W1 <-> Y; W1 <-> W3; "
            "W3 <-> W2; W3 <-> W5; W5 <-> W4", Q("Y", "X"), True),
    _golden("nested factor", "Tian and Pearl 2002, section 5",
            "X1 -> X2; X2 -> X3; X3 -> Y; X1 <-> X3; X2 <-> Y; X1 -> X3", Q("Y", "X3"), True),
)  # fmt: skip
