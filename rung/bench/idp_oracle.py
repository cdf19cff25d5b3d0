"""Evidence: identification in a Markov equivalence class against the graphs of the class.

Graphs, questions, seeds and tolerances were written down before the first full run. Identified
must mean that the one formula is right on exact binary models of graphs of the class; refused must
mean that some graph of the class is exhibited in which the complete algorithm for one graph refuses
(two models of it then agree on what is observed and differ in the effect), or two graphs whose
formulas differ on one table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice, permutations, product
from typing import Any

import numpy as np

from ..core.errors import NotIdentified
from ..core.graph import ARROW, TAIL, Graph
from ..graphs.ancestral import is_mag
from ..graphs.generalised_adjustment import visible
from ..graphs.identification.admg import Admg
from ..graphs.identification.formula import Formula
from ..graphs.identification.id import Fails, identify_conditional
from ..graphs.identification.idp import idp
from ..graphs.identification.latent_model import random_latent_model
from ..graphs.identification.query import Interventional
from ..graphs.partial_ancestral import mags, pag, random_mags
from .identification_cases import random_admg
from .registry import Row

NAME = "idp-oracle"
KIND = "evidence"
SEEDS = 200  # random graphs
MEMBERS, MOST_MAGS = 5, 3000  # of a class: models drawn; MAGs listed to exhibit a refusal
RIGHT = 1e-10
CLAIM = (
    "On every PAG of 3 and 4 nodes (no selection) up to relabelling, every treatment and outcome "
    "and 12 joint or conditional questions each, and on the PAGs of 200 random ADMGs of 5 and 6 "
    "nodes with 12 questions each, the formulas of IDP and CIDP are right to 1e-10 on models of "
    "graphs of the class, and for every refusal a graph of the class is exhibited in which the "
    "effect is not identified, or two graphs whose formulas differ."
)


def small_pags(d: int) -> list[Graph]:
    """Every PAG of d nodes without selection, up to relabelling."""
    names = tuple("ABCDEF"[:d])
    pairs = [(i, j) for i in range(d) for j in range(i)]
    found: dict[bytes, Graph] = {}
    for choice in product(((0, 0), (1, 2), (2, 1), (2, 2)), repeat=len(pairs)):
        marks = np.zeros((d, d), dtype=np.uint8)
        for (i, j), (at_i, at_j) in zip(pairs, choice, strict=True):
            marks[j, i], marks[i, j] = at_i, at_j
        graph = Graph(names, marks)
        if graph.is_acyclic() and is_mag(graph):
            shown = pag(graph)
            orders = [list(order) for order in permutations(range(d))]
            key = min(shown.marks[np.ix_(order, order)].tobytes() for order in orders)
            found.setdefault(key, shown)
    return list(found.values())


def members(shown: Graph) -> Iterator[Graph]:
    """ADMGs of the class: its MAGs, and these with hidden causes behind invisible arrows."""
    drawn = random_mags(shown, 20, np.random.default_rng(0))
    for graph in chain(dict.fromkeys(drawn), mags(shown, MOST_MAGS, selection=False)):
        yield graph
        loose = np.argwhere((graph.marks == ARROW) & (graph.marks.T == TAIL) & ~visible(graph))
        for some in chain([loose], loose[:, None]) if len(loose) > 1 else [loose]:
            marks = graph.marks.copy()
            for i, j in some.tolist():
                marks[i, j] |= ARROW
                marks[j, i] |= ARROW
            bowed = Graph(graph.names, marks)
            if len(some) and pag(bowed) == shown:
                yield bowed


def question(names: tuple[str, ...], rng: np.random.Generator) -> Interventional:
    """One to three treatments, one or two outcomes, none to two names given, as there is room."""
    order = rng.permutation(names).tolist()
    x = int(rng.integers(1, min(3, len(order) - 1) + 1))
    y = int(rng.integers(1, min(2, len(order) - x) + 1))
    z = int(rng.integers(0, min(2, len(order) - x - y) + 1))
    return Interventional(order[x : x + y], order[:x], given=order[x + y : x + y + z])


class Tally:
    """Counts and the worst error."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.error = 0.0

    def add(self, shown: Graph, listed: list[Graph], asked: Interventional, seed: int) -> None:
        """One question on one class, of which the first graphs are listed."""
        self.counts["questions"] += 1
        try:
            found = idp(shown, asked)
        except NotIdentified:
            self.counts["refused"] += 1
            self.counts[f"refused, exhibited by {exhibit(shown, listed, asked)}"] += 1
            return
        self.counts["identified"] += 1
        rng = np.random.default_rng(seed)
        for k in rng.permutation(len(listed))[:MEMBERS].tolist():
            model = random_latent_model(listed[k], rng=rng)
            value = found.evaluate(model.joint(), listed[k].names)
            self.error = max(self.error, float(np.abs(value - model.effect(asked)).max()))
            self.counts["models"] += 1

    @property
    def holds(self) -> bool:
        """No wrong formula, no refusal without a reason."""
        return self.error < RIGHT and not self.counts["refused, exhibited by nothing"]


def exhibit(shown: Graph, listed: list[Graph], asked: Interventional) -> str:
    """How the class shows that the question has no answer."""
    formulas = []
    for graph in chain(listed, islice(members(shown), len(listed), None)):
        inner = Admg.of(graph)
        masks = (inner.mask(names) for names in (asked.outcomes, asked.do, asked.given))
        try:
            formulas.append(Formula(asked, identify_conditional(inner, *masks)))
        except Fails:
            return "a graph that does not identify it"
    table = random_latent_model(listed[0], rng=np.random.default_rng(0)).joint()
    values = [f.evaluate(table, listed[0].names) for f in formulas]
    apart = max(float(np.abs(v - values[0]).max()) for v in values)
    return "two graphs that differ" if apart > 1e-6 else "nothing"


def run(seeds: int = SEEDS) -> Row:
    """All classes; about 2 minutes of one core."""
    small = [*small_pags(3), *small_pags(4)]
    large = [pag(random_admg(np.random.default_rng([31, k]), (5, 6))) for k in range(seeds)]
    tallies = {"PAGs of 3 and 4 nodes": Tally(), "PAGs of 5 and 6 nodes": Tally()}
    for tally, graphs in zip(tallies.values(), (small, large), strict=True):
        for k, shown in enumerate(graphs):
            rng = np.random.default_rng([37, k])
            listed = list(islice(members(shown), 40))
            asked = [question(shown.names, rng) for _ in range(12)]
            if graphs is small:
                asked += [Interventional(y, x) for x, y in permutations(shown.names, 2)]
            for one in asked:
                tally.add(shown, listed, one, k)
    figures: dict[str, Any] = {
        name: {**tally.counts, "largest error": tally.error} for name, tally in tallies.items()
    }
    figures |= {"classes of 3 and 4 nodes": len(small), "classes of 5 and 6 nodes": len(set(large))}
    return Row(NAME, CLAIM, figures, all(t.holds for t in tallies.values()), seeds)
