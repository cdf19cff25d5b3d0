"""Causal de Finetti: the DAG of data in many small groups, from tests across two of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.errors import InputError
from ..core.graph import ARROW, TAIL, Graph
from ..core.knowledge import Knowledge
from ..core.protocols import BoundTest, CITest
from ..core.source import Source
from .exchangeable import Groups
from .functional import before, refuse
from .independence.bound import KernelTest
from .independence.fisher_z import FisherZ

Floats = NDArray[np.float64]
Bool = NDArray[np.bool_]
ASKER = "CausalDeFinetti"
CHUNK = 200  # questions between two looks at the clock, of a test with a kernel


@dataclass(frozen=True)
class CausalDeFinetti:
    """Learn the DAG of exchangeable groups, in which the mechanisms differ from group to group.

    The rows of a group (an environment, or a unit if there is only one environment) are
    exchangeable, and each variable's mechanism is drawn anew and independently in every group.
    Then effects say nothing of the cause in another row: if X causes Y, then Y_1 is independent of
    X_2 given X_1, for two rows 1 and 2 of a group, and X_1 is not independent of Y_2 given Y_1.
    Groups are the sample: each gives one row of a new table, with a first and a second
    sample of each variable, of which an ordinary test is asked (see `Groups.pair`). That is done
    for several random choices of rows, and twice the median of the p-values counts, which is valid
    however these depend on each other.

    Two variables. Three hypotheses: "X -> Y" (Y_1, X_2 independent given X_1), "Y -> X" (X_1, Y_2
    independent given Y_1) and "independent" (X_1, Y_1). One direction holds if it alone is not
    rejected; "independent" if none of the three is; "confounded" if all three are: neither variable
    then is a sink, which two variables without a cycle and a hidden common cause cannot be. In all
    other cases the hypothesis of the largest p-value holds, with a note. "confounded" is shown as
    `X <-> Y`. `details["verdict"]` and `details["pvalues"]` hold verdict and p-values.

    Several variables. A sink among those left is a variable whose first sample is independent of
    the second sample of every other one, given the first samples of all others; sinks make a layer
    and are taken out (`details["layers"]`, sinks first). Edges into a layer come from later ones,
    found by tests within the first sample, nearer layers first. No hidden common cause is assumed.
    If no variable passes, the one with the largest of the smallest p-values is the layer. If two
    of a layer depend on each other given the later layers, which two sinks never do, the less
    likely sink waits for a later one. `details["unsure"]` lists edges that no test keeps from being
    turned round: where mechanisms do not differ, data are as good as independent rows, and
    directions are guesses. `details["edge_pvalues"]` (d, d) holds the test of each edge, NaN where
    none was asked.

    Knowledge: required edges fix the order; a forbidden edge is not tested and makes no variable
    less of a sink.

    Parameters
    ----------
    test : CITest
        Asked on the table with a row a group: FisherZ, G2, KCI, RCoT, ...
    alpha : float
        A hypothesis is rejected at p-values below; an edge needs one.
    pairings : int
        Random choices of rows. One gives exact p-values that depend more on chance.

    Source: Guo, Toth, Schoelkopf and Huszar (2023), the causal de Finetti theorems and the
    algorithm for several variables; Meinshausen, Meier and Buehlmann (2009), section 2, for
    quantiles of p-values.
    """

    grouped: ClassVar[bool] = True

    test: CITest = field(default_factory=FisherZ)
    alpha: float = 0.05
    pairings: int = 10

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha={self.alpha}: expected a level between 0 and 1, such as 0.05")
        if self.pairings < 1:
            raise InputError(f"pairings={self.pairings}: expected 1 or more")

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`.

        Raises
        ------
        NeedsRows, NotSupported
            Moments or counts only; ties, weights, or conditions that set variables.
        InputError
            No groups, groups of one row, or too few groups for a test given d - 1 variables.
        """
        run, known = start(budget), knowledge or Knowledge()
        began, names = run.seconds, source.names
        refuse(source, known, ASKER, levels=True)
        groups = Groups.of(source, ASKER, testwise=getattr(self.test, "testwise", False))
        if len(groups) < len(names) + 3:
            raise InputError(
                f"{ASKER}: {len(groups)} {'group' if len(groups) == 1 else 'groups'} of at least "
                f"two rows for {len(names)} columns. Groups count here as rows do elsewhere; it "
                f"needs at least {len(names) + 3}, and hundreds to find anything"
            )
        asked = Asked.of(self, groups, rng, run)
        required, forbidden = known.matrices(names)
        search = Search(asked, self.alpha, names, required, forbidden, run)
        graph, details = search.two() if len(names) == 2 else search.several()
        notes = list(search.notes)
        if groups.single:
            notes.append(f"{groups.single} groups of one row were left out")
        if asked.spent:
            notes.append("the budget ended before all tests were made: edges may be left out")
        return Discovery(
            graph,
            knowledge=known,
            learner=self,
            complete=not asked.spent,
            seconds=run.seconds - began,
            notes=tuple(notes),
            hidden_causes=details.get("verdict") == "confounded",
            details={**details, "groups": len(groups), "tests": asked.count},
            cites=("guo2023", "meinshausen2009"),
        )


@dataclass(eq=False)
class Asked:
    """A test bound to several pairings of the same groups; column d + k is k's second sample."""

    bound: tuple[BoundTest, ...]
    run: Run
    count: int = 0
    spent: bool = False

    @classmethod
    def of(
        cls, learner: CausalDeFinetti, groups: Groups, rng: np.random.Generator | int, run: Run
    ) -> Asked:
        """Bind the learner's test to each pairing."""
        pairs, inner = np.random.default_rng(rng).spawn(2)
        bound = list[BoundTest]()
        for _ in range(learner.pairings):
            if run.spent and bound:
                return cls(tuple(bound), run, spent=True)
            bound.append(learner.test.on(groups.pair(pairs), rng=inner))
        return cls(tuple(bound), run)

    def pvalues(self, x: Sequence[int], y: Sequence[int], given: Sequence[Sequence[int]]) -> Floats:
        """Twice the median over the pairings, (m,), not cut at 1; NaN once the budget is spent.

        The sets of one call are of one size.
        """
        a, b = np.asarray(x, dtype=np.int64), np.asarray(y, dtype=np.int64)
        sets = np.asarray(given, dtype=np.int64).reshape(len(a), -1)
        out = np.full((len(self.bound), len(a)), np.nan)
        for row, test in zip(out, self.bound, strict=True):
            step = CHUNK if isinstance(test, KernelTest) else 1
            for i in range(0, len(a), step):
                if self.run.spent:
                    self.spent = True
                    return np.full(len(a), np.nan)
                part = slice(i, i + step)
                row[part] = test.pvalues(a[part], b[part], sets[part])
        self.count += len(a)
        return np.asarray((2.0 if len(out) > 1 else 1.0) * np.median(out, axis=0))


@dataclass(eq=False)
class Search:
    """The rules for two and for several variables."""

    asked: Asked
    alpha: float
    names: tuple[str, ...]
    required: Bool
    forbidden: Bool
    run: Run
    notes: list[str] = field(default_factory=list)

    @property
    def d(self) -> int:
        """Number of variables."""
        return len(self.names)

    # -- two variables --------------------------------------------------------------------

    def two(self) -> tuple[Graph, dict[str, Any]]:
        """The verdict on two variables, and the graph that shows it."""
        x, y = self.names
        ways = (f"{x} -> {y}", f"{y} -> {x}", "independent", "confounded")
        p = np.append(
            self.asked.pvalues([1, 0], [2, 3], [[0], [1]]), self.asked.pvalues([0], [1], [[]])
        )
        marks = self._graph(self.required).marks.copy()
        if np.isnan(p).any():
            return Graph(self.names, marks), {"verdict": "undecided", "pvalues": {}}
        verdict = self._verdict(p)
        if verdict == 3:
            marks[:] = [[0, ARROW], [ARROW, 0]]
        elif verdict < 2:
            marks[verdict, 1 - verdict], marks[1 - verdict, verdict] = ARROW, TAIL
        shown = dict(zip(ways, np.minimum(p, 1.0).tolist(), strict=False))
        return Graph(self.names, marks), {"verdict": ways[verdict], "pvalues": shown}

    def _verdict(self, p: Floats) -> int:
        """0 for the first direction, 1 for the other, 2 independent, 3 confounded."""
        kept = p >= self.alpha
        free = not self.required.any()
        allowed = np.array([not self.forbidden[0, 1], not self.forbidden[1, 0], free])
        if self.required.any():
            return int(self.required[1, 0])
        if not kept.any() and allowed[:2].any():
            self.notes.append(
                "every hypothesis is rejected: neither variable is a sink. This is what a hidden "
                "common cause does, whose mechanism or effects differ between groups; so do "
                "mechanisms that vary together, and a test that is wrong about the null"
            )
            return 3
        if kept.all():
            found = 2
        elif not kept[2] and kept[0] != kept[1]:
            found = int(kept[1])
        else:
            self.notes.append(_unclear(kept))
            found = int(np.argmax(p))
        if allowed[found]:
            return found
        self.notes.append("the hypothesis that the tests favour is forbidden: the next best holds")
        return int(np.argmax(np.where(allowed, p, -1.0)))

    # -- several variables ----------------------------------------------------------------

    def several(self) -> tuple[Graph, dict[str, Any]]:
        """Layers from the sinks up, then edges from nearer to farther layers."""
        layers, across = self._layers()
        edges, pvalues = self._edges(layers)
        loose = edges & ~self.required & ~self.forbidden.T & (across >= self.alpha)
        unsure = tuple((self.names[j], self.names[k]) for j, k in np.argwhere(loose))
        if unsure:
            shown = ", ".join(f"{a} -> {b}" for a, b in unsure[:6]) + " ..." * (len(unsure) > 6)
            self.notes.append(
                f"no test speaks against turning {shown} round: mechanisms differ too little "
                "between groups, or groups are too few, for the direction to be firm"
            )
        named = tuple(tuple(self.names[j] for j in layer) for layer in layers)
        return self._graph(edges), {"layers": named, "unsure": unsure, "edge_pvalues": pvalues}

    def _layers(self) -> tuple[list[list[int]], Floats]:
        """S_1, S_2, ...: sinks among the variables left, again and again.

        With them (d, d) p-values of X_j;1 independent of X_k;2 given the others that were left when
        k was taken out: small for every edge j -> k, if the mechanism of k differs.
        """
        precedes = before(self.required, self.forbidden)
        left, layers = list(range(self.d)), list[list[int]]()
        across = np.full((self.d, self.d), np.nan)
        while left:
            free = [j for j in left if not precedes[j, left].any()]
            evidence = {j: self._sink(j, left, across) for j in free}
            layer = [j for j in free if evidence[j] >= self.alpha]
            if self.asked.spent:
                break
            if not layer:
                layer = [max(free, key=lambda j: evidence[j])]
                self.notes.append(
                    f"no variable passes as a sink among {len(left)}: {self.names[layer[0]]} has "
                    "the largest of the smallest p-values"
                )
            layer = self._settled(layer, left, evidence)
            layers.append(layer)
            left = [j for j in left if j not in layer]
            self.run.tick(0.8 * (1 - (len(left) / self.d) ** 2), f"{len(layers)} layers")
        return layers, across

    def _sink(self, j: int, left: list[int], across: Floats) -> float:
        """Smallest p-value of X_j;1 independent of X_k;2 given the rest, over k that j may cause.

        With knowledge that j causes none of those left it is a sink; no test is asked.
        """
        others = [k for k in left if k != j]
        asked = [k for k in others if not self.forbidden[j, k]]
        if not asked:
            return np.inf
        p = self.asked.pvalues([j] * len(asked), [self.d + k for k in asked], [others] * len(asked))
        across[j, asked] = p
        return float(p.min())

    def _settled(self, layer: list[int], left: list[int], evidence: dict[int, float]) -> list[int]:
        """The layer without those that depend on a likelier sink in it, given the later layers."""
        while len(layer) > 1:
            above = [j for j in left if j not in layer]
            pairs = [(i, j) for i in layer for j in layer if i < j and self._may_join(i, j)]
            if not pairs:
                break
            i, j = np.array(pairs).T
            p = self.asked.pvalues(i.tolist(), j.tolist(), [above] * len(pairs))
            joined = [pair for pair, q in zip(pairs, p, strict=True) if q < self.alpha]
            ends = {(a, b) for a, b in joined} | {(b, a) for a, b in joined}
            waiting = {a for a, b in ends if not self.forbidden[a, b]}
            if not waiting:
                break
            out = min(waiting, key=lambda a: evidence[a])
            layer = [a for a in layer if a != out]
        return layer

    def _may_join(self, i: int, j: int) -> bool:
        return not (self.forbidden[i, j] and self.forbidden[j, i])

    def _edges(self, layers: list[list[int]]) -> tuple[Bool, Floats]:
        """Edges j -> k from layer n to layer n - gap, and their p-values."""
        edges, pvalues = self.required.copy(), np.full((self.d, self.d), np.nan)
        for gap in range(1, len(layers)):
            for n in range(gap, len(layers)):
                for j in layers[n]:
                    for k in layers[n - gap]:
                        if self.forbidden[j, k] or self.required[j, k]:
                            continue
                        given = self._given(j, k, n, gap, layers, edges)
                        pvalues[j, k] = self.asked.pvalues([j], [k], [given])[0]
                        edges[j, k] = pvalues[j, k] <= self.alpha
        return edges, np.minimum(pvalues, 1.0)

    def _given(
        self, j: int, k: int, n: int, gap: int, layers: list[list[int]], edges: Bool
    ) -> list[int]:
        """What separates j and k without an edge: later layers; beyond neighbouring layers also
        the others of j's layer, and the parents of k that lie between."""
        above = [m for layer in layers[n + 1 :] for m in layer]
        if gap == 1:
            return above
        between = [m for layer in layers[n - gap + 1 : n] for m in layer if edges[m, k]]
        return above + [m for m in layers[n] if m != j] + between

    def _graph(self, edges: Bool) -> Graph:
        return Graph.from_adjacency(edges, self.names)


def _unclear(kept: Bool) -> str:
    """Why the three tests of two variables fit no hypothesis."""
    if kept[0] and kept[1]:
        return (
            "the two variables depend on each other, and neither direction is rejected: their "
            "mechanisms differ too little between groups, or groups are too few; the larger "
            "p-value decides"
        )
    return "the tests fit no hypothesis; the largest p-value decides"
