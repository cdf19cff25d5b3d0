"""Any question over one or many graphs: answered on each, put together into one Estimate.

`ATE` and its kin have a table of their own (`study`, `combine`); every other query says how one
graph answers it, and this module does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..core.budget import Run
from ..core.data import Data
from ..core.errors import InputError, NotIdentified, NotSupported, Overlap
from ..core.graph import Graph
from ..core.graph_checks import undirected_part
from ..core.query import Assumption, Estimand, Estimate, Part, Query, Refutation
from ..core.weighted import some_graphs
from ..inference import intervals, rubin
from .completed import completed
from .identification import Case, allows_hidden, is_pag_like
from .selection import GraphUnion

Interval = tuple[float, float]
MOST_MEMBERS = 100  # DAGs of a class that a question is put to


@dataclass(frozen=True, eq=False)
class Piece:
    """What one graph says to a question.

    Parameters
    ----------
    value : None where the graph does not identify it (then `note` says why)
    interval : at the level asked for; None with `value`
    key : equal for graphs that must give the same answer, such as the same formula
    rows : quantities a row of `data`
    """

    value: float | None
    interval: Interval | None
    key: Hashable = None
    estimand: Estimand | None = None
    note: str = ""
    method: str = ""
    se: float = float("nan")
    n: int = 0
    effective_n: float = float("nan")
    assumptions: tuple[Assumption, ...] = ()
    refutations: tuple[Refutation, ...] = ()
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    data: Data | None = None


@dataclass(frozen=True, eq=False)
class Said:
    """A piece with the graph of the structure, and the graph that was asked: it, or a member."""

    case: Case
    piece: Piece
    asked: Graph

    @property
    def value(self) -> float | None:
        """Its number."""
        return self.piece.value

    @property
    def interval(self) -> Interval | None:
        """Its interval."""
        return self.piece.interval


Solve = Callable[[Graph, bool], Piece]


def mixed(
    query: Query,
    structure: Any,
    solve: Solve,
    *,
    run: Run,
    seed: int,
    contrast: str,
    units: str,
    level: float,
    population: str = "all rows",
    warnings: tuple[str, ...] = (),
    members: bool = False,
) -> Estimate:
    """The answers of all graphs with their weights.

    solve : (graph, hidden) -> Piece; `hidden` says that the graph is a MAG. `NotIdentified` and
        `Overlap` that it raises become pieces without a value.
    members : whether a graph with undirected edges is asked by its DAGs, up to `MOST_MEMBERS` of
        them; each counts with the weight of the whole graph where intervals are united

    Raises
    ------
    NotIdentified, Overlap
        No graph has an answer: the first one's reason, with its hedge.
    InputError
        There is no graph.
    """
    graphs, meaning, shown = some_graphs(structure)
    each, told = _each(graphs, members, np.random.default_rng([seed % 2**32, 3]))
    said, first, notes = _over(each, solve, allows_hidden(structure), run)
    notes += told
    known = [s for s in said if s.value is not None]
    if not known and first is not None:
        raise first
    main = _headline(known, shown)
    share = 0.05 if meaning == "bootstrap" else 0.0
    region = GraphUnion(share).region(None, [s for s in said if s.interval is not None], structure)
    values = {s.value for s in known}
    blurred = len(values) > 1 and meaning in ("given", "single", "equivalence class")
    piece = main.piece
    lost = sum(s.case.weight for s in said if s.value is None)
    if lost:
        reason = next(s.piece.note for s in said if s.value is None)
        notes.append(f"on graphs with {lost:.0%} of the weight there is no answer: {reason}")
    words = f"; interval: {region.words}" if len({s.interval for s in said}) > 1 else ""
    return Estimate(
        query=query, value=float("nan") if blurred or piece.value is None else piece.value,
        interval=region.hull, level=level, units=units, contrast=contrast, population=population,
        standing=_standing(meaning), parts=_parts(said), seed=seed, seconds=run.seconds,
        **_copied(piece, words, (*warnings, *piece.warnings, *notes)),
    )  # fmt: skip


def _copied(piece: Piece, words: str, warnings: tuple[str, ...]) -> dict[str, Any]:
    """The fields of the estimate that the headline's piece gives."""
    same = (
        "estimand", "n", "effective_n", "se", "assumptions", "refutations", "diagnostics", "rows",
        "cites", "data",
    )  # fmt: skip
    out = {name: getattr(piece, name) for name in same}
    return {**out, "method": piece.method + words, "warnings": tuple(dict.fromkeys(warnings))}


Each = list[tuple[Graph, Graph, float]]


def _each(
    graphs: list[tuple[Graph, float]], members: bool, rng: np.random.Generator
) -> tuple[Each, list[str]]:
    """(graph, graph to ask, weight), and what to say of classes that were sampled."""
    from ..graphs.equivalence import members as listed
    from ..graphs.equivalence import sample_members

    out: Each = []
    notes: list[str] = []
    for graph, weight in graphs:
        asked = [graph]
        if members and undirected_part(graph.marks).any() and not is_pag_like(graph):
            try:
                asked = list(listed(graph, MOST_MEMBERS + 1))
                if len(asked) > MOST_MEMBERS:
                    asked = sample_members(graph, MOST_MEMBERS, rng)
                    notes = [f"of a class with more than {MOST_MEMBERS} DAGs {MOST_MEMBERS} were "
                             "drawn, uniformly: the range may be wider"]  # fmt: skip
            except InputError:  # it stands for no DAG: asked as it is, which says so
                asked = [graph]
        out += [(graph, member, weight / len(asked)) for member in asked]
    return out, notes


def _over(
    graphs: Each, solve: Solve, hidden: bool, run: Run
) -> tuple[list[Said], Exception | None, list[str]]:
    """The piece of every graph while the budget lasts; the first refusal; what to say."""
    said: list[Said] = []
    first: Exception | None = None
    made: dict[Graph, Piece] = {}
    for k, (whole, graph, weight) in enumerate(graphs):
        if run.spent and any(s.value is not None for s in said):
            left = f"the budget ended after {k} of {len(graphs)} graphs; the others have no answer"
            return said, first, [left]
        if graph not in made:
            try:
                made[graph] = solve(graph, hidden)
            except (NotIdentified, Overlap) as error:
                first = first or error
                made[graph] = Piece(None, None, note=str(error))
        said.append(Said(Case(whole, weight), made[graph], graph))
        run.tick((k + 1) / len(graphs), "effects")
    return said, first, []


def _headline(known: list[Said], shown: Graph | None) -> Said:
    """On the graph shown if it has an answer, else the heaviest answer."""
    own = [s for s in known if shown is not None and s.case.graph == shown]
    if own and len({s.value for s in own}) == 1:
        return own[0]
    weight: dict[Any, float] = {}
    for s in known:
        weight[s.value] = weight.get(s.value, 0.0) + s.case.weight
    best = max(weight, key=lambda v: weight[v])
    return next(s for s in known if s.value is best or s.value == best)  # bounds: NaN


def _parts(said: list[Said]) -> tuple[Part, ...]:
    """One part for each distinct answer, heaviest first."""
    merged: dict[Hashable, list[Said]] = {}
    for s in said:
        key = s.piece.key if s.piece.key is not None and s.value is not None else None
        merged.setdefault((key, s.value, s.interval, s.piece.note), []).append(s)
    out = []
    for group in merged.values():
        top = max(group, key=lambda s: s.case.weight)
        note = top.piece.note
        if len(group) > 1:
            note = f"{note}{'; ' if note else ''}the same answer on {len(group)} graphs"
        weight = float(sum(s.case.weight for s in group))
        piece = top.piece
        out.append(Part(top.asked, weight, piece.value, piece.interval, piece.estimand, note))
    return tuple(sorted(out, key=lambda p: -p.weight))


def _standing(meaning: str) -> str:
    words = {"given": "your graph", "weighted graphs": "your weighted graphs"}
    return words.get(meaning, "learned graph")


SolveOn = Callable[[Data, Graph, bool], Piece]


def on_tables(
    query: Any, structure: Any, data: Data, solve: SolveOn, *, run: Run, rng: np.random.Generator
) -> tuple[Solve, tuple[str, ...], Data]:
    """`solve` on the rows as the policy for missing cells says, what to say of it, and a table.

    With `EM` every graph is solved on each completed table and pooled by Rubin's rules; a piece
    without a standard error cannot be pooled and is refused by name. The query may name further
    columns that it needs as `columns`.
    """
    tables = completed(structure, data, query, run=run, rng=rng)
    if len(tables.tables) == 1:
        first = tables.first
        return lambda graph, hidden: solve(first, graph, hidden), tables.notes, first

    def pooled(graph: Graph, hidden: bool) -> Piece:
        pieces = [solve(table, graph, hidden) for table in tables.tables]
        return _pooled(pieces, query.level, tables.words)

    return pooled, tables.notes, tables.first


def _pooled(pieces: list[Piece], level: float, words: str) -> Piece:
    """One piece from those on completed tables; all else is the first one's."""
    first = pieces[0]
    if any(p.value is None for p in pieces) or first.interval is None:
        return first
    se = np.array([p.se for p in pieces])
    if not np.isfinite(se).all():
        raise NotSupported(
            "the answer has no standard error, so that completed tables cannot be pooled; declare "
            "CompleteCases(), or choose an estimator with one"
        )
    free = max(first.n - 2.0, 1.0)
    values = np.array([[p.value] for p in pieces], dtype=np.float64)
    pool = rubin.pool(values, se[:, None, None] ** 2, free)
    value, spread = float(pool.values[0]), float(np.sqrt(pool.covariance[0, 0]))
    interval = intervals.normal(value, spread, level, df=float(pool.freedom[0]))
    lost = f"fraction of missing information {pool.fraction[0]:.0%}"
    return replace(
        first, value=value, interval=interval, se=spread,
        method=f"{first.method}; {pool.tables} tables completed from {words}, pooled by Rubin's "
        f"rules ({lost})",
        cites=(*first.cites, "rubin1987", "barnard1999", "honaker2010"),
    )  # fmt: skip


def seed_of(rng: np.random.Generator) -> int:
    """A seed drawn from a generator, to be recorded and to start each graph from the same."""
    return int(rng.integers(2**63))
