"""Evidence: identification against exact enumeration of models with hidden causes.

Graphs, models, seeds and tolerances were written down before the first full run. A graph's model
is binary, with one binary hidden cause a bidirected edge and random tables that are all positive;
its observed joint table and its do-tables are summed exactly. Identified must mean that the
formula of `identify`, and that of ID alone (no adjustment first, unsimplified), give the
do-table; refused must mean two models whose observed tables are equal and positive and whose
do-tables differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import permutations
from typing import Any

import numpy as np

from ..core.errors import NotIdentified
from ..core.graph import Graph
from ..graphs.identification.admg import Admg
from ..graphs.identification.asking import identify
from ..graphs.identification.formula import Formula
from ..graphs.identification.id import Fails, identify_conditional
from ..graphs.identification.latent_model import LatentModel, random_latent_model
from ..graphs.identification.query import Interventional
from ..graphs.identification.witness import two_models
from .identification_cases import GOLDEN, random_admg, small_admgs
from .registry import Row

NAME = "identification-oracle"
KIND = "evidence"
SEEDS = 2000  # random graphs
CLAIM = (
    "On all 1,567 ADMGs of 4 nodes up to relabelling, every treatment and outcome, and 2,000 "
    "random ones of 5 to 7 nodes, every treatment and outcome and one conditional or joint "
    "question each, the formulas are right to 1e-10 and for every refusal two models with the same "
    "positive observed table (to 1e-12) and different effects (by more than 0.001) are exhibited; "
    "on 20 examples of papers the verdict is that of the paper."
)
RIGHT, SAME, DIFFERENT = 1e-10, 1e-12, 1e-3


class Tally:
    """Counts and the worst figures of some questions."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.error = self.plain = self.gap = 0.0
        self.difference = 1.0

    def add(self, graph: Graph, asked: Interventional, model: LatentModel) -> bool:
        """Whether one question is identified; its figures are kept."""
        try:
            found = identify(graph, asked)
        except NotIdentified:
            self.counts["refused"] += 1
            pair = two_models(graph, asked)
            self.counts["cells of probability 0"] += int(pair.observed[0].min() <= 0)
            self.gap = max(self.gap, pair.gap)
            self.difference = min(self.difference, pair.difference)
            return False
        assert isinstance(found, Formula)
        self.counts["identified"] += 1
        self.counts[f"by {found.rule}"] += 1
        table, truth = model.joint(), model.effect(asked)
        value = found.evaluate(table, graph.names)
        self.error = max(self.error, float(np.abs(value - truth).max()))
        inner = Admg.of(graph)
        masks = (inner.mask(names) for names in (asked.outcomes, asked.do, asked.given))
        try:
            plain = Formula(asked, identify_conditional(inner, *masks))
        except Fails:
            self.counts["refused by ID alone"] += 1
            return True
        value = plain.evaluate(table, graph.names)
        self.plain = max(self.plain, float(np.abs(value - truth).max()))
        return True

    @property
    def holds(self) -> bool:
        """Whether all figures are within the tolerances."""
        return (
            max(self.error, self.plain) < RIGHT
            and self.gap < SAME
            and self.difference > DIFFERENT
            and not self.counts["cells of probability 0"]
            and not self.counts["refused by ID alone"]
        )

    def figures(self) -> dict[str, Any]:
        """The counts and the worst figures."""
        return {
            **self.counts,
            "largest error of a formula": self.error,
            "largest error of ID alone": self.plain,
            "largest gap between observed tables": self.gap,
            "least difference between effects": self.difference,
        }


def singles(graphs: Iterable[Graph], key: int) -> Tally:
    """Every treatment and outcome of each graph."""
    tally = Tally()
    for k, graph in enumerate(graphs):
        model = random_latent_model(graph, rng=np.random.default_rng([key, k]))
        for x, y in permutations(graph.names, 2):
            tally.add(graph, Interventional(y, do=x), model)
    return tally


def question(names: tuple[str, ...], rng: np.random.Generator) -> Interventional:
    """One or two outcomes, one or two treatments, none to two names given, not all of them one."""
    order = rng.permutation(names).tolist()
    y, x, z = int(rng.integers(1, 3)), int(rng.integers(1, 3)), int(rng.integers(0, 3))
    z = max(z, 1) if y + x == 2 else z
    return Interventional(order[:y], do=order[y : y + x], given=order[y + x : y + x + z])


def run(seeds: int = SEEDS) -> Row:
    """All graphs; about 10 minutes of one core."""
    small = small_admgs()
    larger = [random_admg(np.random.default_rng([17, k])) for k in range(seeds)]
    tallies = {"graphs of 4 nodes": singles(small, 4), "graphs of 5 to 7 nodes": singles(larger, 5)}
    sets = Tally()
    for k, graph in enumerate(larger):
        rng = np.random.default_rng([23, k])
        model = random_latent_model(graph, rng=rng)
        sets.add(graph, question(graph.names, rng), model)
    tallies["conditional and joint questions"] = sets
    papers = Tally()
    agreed = [
        papers.add(c.graph, c.asked, random_latent_model(c.graph, rng=np.random.default_rng(0)))
        is c.identified
        for c in GOLDEN
    ]
    tallies["examples of papers"] = papers
    figures: dict[str, Any] = {
        "number of graphs of 4 nodes": len(small), "verdicts as in the papers": sum(agreed),
    }  # fmt: skip
    figures |= {name: tally.figures() for name, tally in tallies.items()}
    holds = all(t.holds for t in tallies.values()) and all(agreed) and len(small) == 1567
    return Row(NAME, CLAIM, figures, holds, seeds)
