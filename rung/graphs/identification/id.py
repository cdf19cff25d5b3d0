"""ID and IDC: complete identification of interventional distributions in ADMGs.

Shpitser and Pearl (2006a), "Identification of joint interventional distributions in recursive
semi-Markovian causal models", figure 3 (ID, lines 1 to 7); Shpitser and Pearl (2006b),
"Identification of conditional interventional distributions", figure 6 (IDC).
"""

from __future__ import annotations

from dataclasses import dataclass

from rung.graphs.separation import m_separated

from .admg import Admg, bits
from .expression import Expression, Probability, Quotient, product, summed


class Fails(Exception):
    """Line 5: the subgraph on `forest` and the c-component `core` in it form a hedge."""

    def __init__(self, forest: int, core: int) -> None:
        super().__init__("hedge")
        self.forest, self.core = forest, core


@dataclass(frozen=True)
class Known:
    """A distribution over the nodes `over`: the observed one, or one that a recursion made.

    `chain` holds P(v | nodes of `over` before v) for every node if it is known so; `joint` is
    their product. Names outside of `over` may occur free.
    """

    over: int
    joint: Expression
    chain: dict[int, Expression]

    def conditional(self, graph: Admg, node: int) -> Expression:
        """P(node | nodes of `over` before it)."""
        if node in self.chain:
            return self.chain[node]
        before = self.over & ((1 << node) - 1)
        top = self.marginal(graph, before | 1 << node).joint
        return Quotient(top, self.marginal(graph, before).joint) if before else top

    def marginal(self, graph: Admg, keep: int) -> Known:
        """The distribution of the nodes `keep`."""
        if keep == self.over:
            return self
        if isinstance(self.joint, Probability):
            return observed(graph, keep)
        first = min(bits(self.over & ~keep))
        last = self.over >> first == (self.over & ~keep) >> first  # what goes is last in order
        chain = {v: e for v, e in self.chain.items() if v < first}
        if last and len(chain) == keep.bit_count():
            return Known(keep, product(chain[v] for v in bits(keep)), chain)
        return Known(keep, summed(graph.named(self.over & ~keep), self.joint), chain)


def observed(graph: Admg, over: int) -> Known:
    """The observed distribution of some nodes."""
    return Known(over, Probability(graph.named(over)), {})


def conditional_of_observed(graph: Admg, node: int, before: int) -> Expression:
    """P(node | before)."""
    return Probability((graph.names[node],), graph.named(before))


def identify_joint(graph: Admg, y: int, x: int) -> Expression:
    """P(y | do(x)) in the observed distribution of the ADMG.

    Raises
    ------
    Fails
        The distribution is not identified.
    """
    return _id(graph, y, x, observed(graph, graph.all), graph.all)


def _id(graph: Admg, y: int, x: int, p: Known, v: int) -> Expression:
    """ID(y, x, P, G) on the subgraph on v; lines as in figure 3."""
    if not x:  # line 1
        return p.marginal(graph, y).joint
    above = graph.ancestors(y, v)
    if above != v:  # line 2
        return _id(graph, y, x & above, p.marginal(graph, above), above)
    w = v & ~x & ~graph.ancestors(y, v, cut=x)
    if w:  # line 3
        return _id(graph, y, x | w, p, v)
    parts = graph.districts(v & ~x)
    if len(parts) > 1:  # line 4
        factors = [_id(graph, s, v & ~s, p, v) for s in parts]
        return summed(graph.named(v & ~(y | x)), product(factors))
    (s,) = parts
    whole = graph.districts(v)
    if len(whole) == 1:  # line 5
        raise Fails(v, s)
    if s in whole:  # line 6
        factors = [_factor(graph, p, i) for i in bits(s)]
        return summed(graph.named(s & ~y), product(factors))
    (outer,) = (c for c in whole if s & ~c == 0)  # line 7
    chain = {i: _factor(graph, p, i) for i in bits(outer)}
    narrowed = Known(outer, product(chain.values()), chain)
    return _id(graph, y, x & outer, narrowed, outer)


def _factor(graph: Admg, p: Known, node: int) -> Expression:
    """P(node | all nodes of P before it); of these only those matter that the district needs."""
    before = p.over & ((1 << node) - 1)
    if isinstance(p.joint, Probability):
        return conditional_of_observed(graph, node, _needed(graph, p.over, node, before))
    return p.conditional(graph, node)


def _needed(graph: Admg, over: int, node: int, before: int) -> int:
    """Nodes before `node` that it depends on: its district among them and that one's parents.

    Given these, node is independent of the others before it (Tian and Pearl 2002, corollary 1).
    """
    within = over & ((1 << (node + 1)) - 1)
    district = next(c for c in graph.districts(within) if c >> node & 1)
    needed = district
    for i in bits(district):
        needed |= graph.parents[i]
    return needed & before


def district_factor(graph: Admg, district: int, within: int) -> Expression:
    """Q[district]: P(district | do(all else)) for a district of an ancestral set of nodes.

    Product of P(node | nodes of `within` before it), Tian and Pearl (2002), lemma 1.
    """
    p = observed(graph, within)
    return product(_factor(graph, p, i) for i in bits(district))


def moved(graph: Admg, y: int, x: int, z: int) -> tuple[int, int]:
    """x with the nodes of z whose seeing is the same as setting them, and the rest of z.

    IDC, figure 6, line 1: rule 2 of do-calculus, until no node of z can be moved.
    """
    for i in bits(z):
        one = 1 << i
        drawn = graph.graph(graph.all, cut=x, silent=one)
        rest = z & ~one
        if m_separated(drawn, graph.named(y), graph.named(one), graph.named(x | rest)):
            return moved(graph, y, x | one, rest)
    return x, z


def identify_conditional(graph: Admg, y: int, x: int, z: int) -> Expression:
    """P(y | do(x), z): IDC, figure 6.

    Raises
    ------
    Fails
        The distribution is not identified.
    """
    x, z = moved(graph, y, x, z)  # line 1
    joint = identify_joint(graph, y | z, x)  # line 2
    return joint if not z else Quotient(joint, summed(graph.named(y), joint))
