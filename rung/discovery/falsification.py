"""Does a given graph fit the rows: which independences that it implies fail, against chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import factorial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.errors import InputError
from ..core.graph import Graph
from ..core.protocols import CITest
from ..core.result import Result
from ..core.source import Source
from ..core.weighted import some_graphs
from ..graphs.implied import Independence, local_statements, readable
from ..graphs.projection import latent_projection
from ..graphs.separation import parts_of
from ..inference.multiplicity import holm
from .independence.degenerate_gaussian import DegenerateGaussian
from .independence.fisher_z import FisherZ
from .independence.g2 import G2
from .inspection import inspect
from .permuted import Asked, orders, relabelled, same_class
from .repairs import Repair, repairs, unneeded

if TYPE_CHECKING:
    import pandas as pd

MOST_FAILURES = 30  # pairs for which edges are tried


@dataclass(frozen=True, eq=False)
class Falsification(Result):
    """How a graph stands up to rows.

    Parameters
    ----------
    graph : Graph
        As it was tested: hidden variables projected out, one member of a class.
    rows : tuple of mapping
        One for each implied independence: independence, p, adjusted (Holm), fails.
    violations, tests : int
        Independences whose own p-value is at most `alpha`, and how many there are.
    permuted : (B,) float
        Shares of violations of the graph with its nodes dealt out anew.
    chance : float
        Share of such graphs that violate no larger part: the p-value of "no better than chance".
    same_class : float
        Share of such graphs that imply the same independences. Above `level` the graph says too
        little to be told from chance.
    add, remove : tuple of Repair
        Edges which would make failing independences go away, best first; edges that the rows do not
        ask for.
    parts : tuple of mapping
        For weighted graphs: weight, tests, violations, failing, chance of each.
    """

    graph: Graph
    rows: tuple[Mapping[str, Any], ...]
    violations: int
    tests: int
    permuted: NDArray[np.float64]
    chance: float
    same_class: float
    alpha: float
    level: float
    test: str
    n: int
    add: tuple[Repair, ...] = ()
    remove: tuple[Repair, ...] = ()
    parts: tuple[Mapping[str, Any], ...] = ()
    seed: int | None = None
    complete: bool = True
    notes: tuple[str, ...] = ()
    cites: tuple[str, ...] = ("eulig2023", "richardson2003", "holm1979")

    @property
    def failing(self) -> tuple[Independence, ...]:
        """Independences that fail after Holm's correction, each once, the surest first."""
        out: dict[Any, Independence] = {}
        for r in sorted((r for r in self.rows if r["fails"]), key=lambda r: r["p"]):
            one = r["independence"]
            out.setdefault((frozenset((one.x, one.y)), one.given), one)
        return tuple(out.values())

    @property
    def verdict(self) -> str:
        """Against chance: "says too little", "no better than chance" or "better than chance"."""
        if not self.tests or self.same_class > self.level:
            return "says too little"
        return "no better than chance" if self.chance > self.level else "better than chance"

    @property
    def falsified(self) -> bool:
        """Whether the graph could have been better than chance, and is not."""
        return self.verdict == "no better than chance"

    def frame(self) -> pd.DataFrame:
        """One row an independence, the smallest p-value first."""
        import pandas as pd

        made = pd.DataFrame(
            [
                {
                    "x": r["independence"].x, "y": r["independence"].y,
                    "given": ", ".join(r["independence"].given), "p": r["p"],
                    "adjusted": r["adjusted"], "fails": r["fails"],
                }
                for r in self.rows
            ],
            columns=["x", "y", "given", "p", "adjusted", "fails"],
        )  # fmt: skip
        return made.sort_values("p", kind="stable", ignore_index=True)

    def __repr__(self) -> str:
        failing = self.failing
        state = "contradicted by the rows" if failing else "not contradicted by the rows"
        lines = [
            f"Graph {state}, {self.verdict}: {self.violations} of {self.tests} implied "
            f"independences have p <= {self.alpha:g} ({self.test}, {self.n} rows), {len(failing)} "
            "different ones fail after Holm's correction",
            f"  of {len(self.permuted)} graphs with the nodes dealt out anew, {self.chance:.1%} "
            f"fail no more, and {self.same_class:.1%} imply the same independences",
        ]
        p = {r["independence"]: r["p"] for r in self.rows}
        lines += [f"  fails: {one} (p {p[one]:.2g})" for one in failing[:8]]
        if len(failing) > 8:
            lines.append(f"  ... and {len(failing) - 8} more; .failing has them all")
        lines += [f"  try adding {r}" for r in self.add[:3]]
        lines += [f"  not needed: {r}" for r in self.remove[:3]]
        if self.parts:
            share = sum(p["weight"] for p in self.parts if p["failing"])
            lines.append(
                f"  of {len(self.parts)} graphs, a weight of {share:.0%} has one that fails"
            )
        return "\n".join([*lines, *(f"  note: {n}" for n in self.notes)])


@dataclass(frozen=True)
class _Asker:
    """What `inspect` asks of those who use a source."""

    few_rows: ClassVar[bool] = True
    local: ClassVar[bool] = True
    test: CITest = field(default_factory=FisherZ)


def falsify(
    structure: Any,
    data: Source | NDArray[np.float64],
    *,
    test: CITest | None = None,
    alpha: float = 0.05,
    level: float = 0.05,
    permutations: int = 200,
    suggest: bool = True,
    budget: Budget | Run | None = None,
    seed: int | np.random.Generator = 0,
) -> Falsification:
    """Test the independences that a graph implies, against graphs with its nodes dealt out anew.

    Two answers, which need not agree: whether the graph does better than chance (a test of the
    whole, Eulig et al. 2023), and which single independences fail after Holm's correction.

    Parameters
    ----------
    structure : Graph, Discovery or pairs (Graph, weight)
        A DAG, CPDAG, ADMG, MAG or PAG. Nodes without a column are hidden: the graph is projected
        on the others. A Discovery made from the same rows is tested too kindly.
    data : Source, or a matrix (n, d) with the graph's nodes as columns
    test : CITest
        By default `FisherZ` for numbers, `G2` for levels, `DegenerateGaussian` for both: they see
        lines only. `KCI` sees more and takes far longer.
    alpha : float
        Level of each test, and of Holm's correction.
    level : float
        Of the comparison with chance.
    permutations : int
        All of them are made if there are no more.
    suggest : bool
        Look for edges to add and to leave out.

    Raises
    ------
    UnknownName, InputError
        No node has a column; cycles; constant, infinite or duplicate columns.
    MissingCells
        Cells are missing and no policy was declared.
    """
    for name, value in (("alpha", alpha), ("level", level)):
        if not 0 < value < 1:
            raise InputError(f"{name}={value}: expected a number between 0 and 1, such as 0.05")
    if permutations < 1:
        raise InputError(f"permutations={permutations}: expected 1 or more")
    run, rng = start(budget), np.random.default_rng(seed)
    pairs, _, shown = some_graphs(structure)
    first = shown or max(pairs, key=lambda pair: pair[1])[0]
    if isinstance(data, np.ndarray):
        data = Data.from_matrix(data, first.names)
    graphs, shown, notes = _graphs(pairs, first, data)
    names = shown.names
    asker = _Asker(test or _default(data.select(names)))
    source, told = inspect(data.select(names), asker)
    asked = Asked(asker.test.on(source, rng=np.random.default_rng(rng.integers(2**31))), len(names))
    dealt = orders(len(names), permutations, rng)
    out = _one(shown, asked, dealt, alpha, run)
    add = repairs(shown, asked, alpha, MOST_FAILURES, run) if suggest else ()
    remove = unneeded(shown, asked, alpha) if suggest else ()
    parts = [
        {"weight": w, **_counts(_one(g, asked, dealt[:0], alpha, run))}
        for g, w in (graphs if len(graphs) > 1 else [])
    ]
    return Falsification(
        shown, out["rows"], out["violations"], len(out["rows"]), out["permuted"], out["chance"],
        out["same"], alpha, level, type(asker.test).__name__, source.n, add, remove, tuple(parts),
        seed if isinstance(seed, int) else None, not run.spent, (*notes, *told),
    )  # fmt: skip


def _one(
    graph: Graph, asked: Asked, dealt: NDArray[np.int64], alpha: float, run: Run
) -> dict[str, Any]:
    """Tests of one graph and of its permutations."""
    names = graph.names
    statements = local_statements(parts_of(graph))
    p = asked.pvalues(statements)
    adjusted = _adjusted(statements, p)
    rows = tuple(
        {
            "independence": Independence(names[i], names[j], tuple(names[k] for k in given)),
            "p": float(p[m]), "adjusted": float(adjusted[m]), "fails": bool(adjusted[m] <= alpha),
        }
        for m, (i, j, given) in enumerate(statements)
    )  # fmt: skip
    violations = int((p <= alpha).sum())
    shares = relabelled(statements, dealt, asked, alpha, run)
    exact = len(dealt) == factorial(min(len(names), 12))
    below = int((shares <= violations / max(len(p), 1) + 1e-12).sum())
    same = same_class(graph, dealt[: len(shares)])
    more = 0 if exact else 1
    size = max(len(shares) + more, 1)
    return {
        "rows": rows, "violations": violations, "permuted": shares,
        "chance": (below + more) / size, "same": float(np.mean(same)) if len(same) else 1.0,
    }  # fmt: skip


def _adjusted(
    statements: Sequence[tuple[int, int, tuple[int, ...]]], p: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Holm over different tests: x, y and y, x given the same are one."""
    keys = [(min(i, j), max(i, j), given) for i, j, given in statements]
    first: dict[Any, int] = {}
    for m, key in enumerate(keys):
        first.setdefault(key, m)
    adjusted = dict(zip(first, holm(p[list(first.values())]), strict=True)) if len(p) else {}
    return np.array([adjusted[key] for key in keys])


def _counts(out: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "tests": len(out["rows"]), "violations": out["violations"],
        "failing": sum(r["fails"] for r in out["rows"]),
    }  # fmt: skip


def _graphs(
    pairs: list[tuple[Graph, float]], shown: Graph, data: Source
) -> tuple[list[tuple[Graph, float]], Graph, tuple[str, ...]]:
    """The same over the columns there are, and notes."""
    hidden = tuple(n for n in shown.names if n not in data.names)
    if shown.d - len(hidden) < 2:
        raise InputError(
            f"the data have {shown.d - len(hidden)} of the graph's nodes "
            f"({', '.join(shown.names[:6])}); at least 2 are needed. Columns: "
            f"{', '.join(data.names[:8])}"
        )
    notes = []
    if hidden:
        notes.append(f"hidden, as the data have no such column: {', '.join(hidden)}")
    one = _over(shown, hidden)
    return [(_over(g, hidden).reorder(one.names), w) for g, w in pairs], one, tuple(notes)


def _over(graph: Graph, hidden: tuple[str, ...]) -> Graph:
    member = readable(graph)
    here = tuple(n for n in hidden if n in member.names)
    return latent_projection(member, here) if here else member


def _default(source: Source) -> CITest:
    levels = [v.discrete for v in source.variables]
    if all(levels):
        return G2()
    return DegenerateGaussian() if any(levels) and isinstance(source, Data) else FisherZ()
