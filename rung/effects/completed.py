"""Completed tables for an effect: multiple imputation from an SCM fitted to the structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.budget import Run
from ..core.data import Data
from ..core.errors import InputError, NotSupported, RungError
from ..core.graph import Graph
from ..core.missing import EM, told
from ..core.query import Estimate
from ..core.variable import Kind
from ..core.weighted import weighted
from ..inference.conditions import several, with_condition
from .identification import allows_hidden
from .selection import FoundGraph, GraphUnion
from .solve import expanded

GRAPHS = 5  # graphs that tables are drawn from at most
PER_COLUMN = 10  # rows a column, for a model of all columns without a graph


@dataclass(frozen=True, eq=False)
class Completed:
    """Tables to answer on: the first is the one that is looked at closely.

    Parameters
    ----------
    tables : tuple of Data
        One, as it came, unless `EM` completed several.
    notes : tuple of str
        What the policy did.
    words : str
        The model that cells were drawn from; empty if none were.
    """

    tables: tuple[Data, ...]
    notes: tuple[str, ...] = ()
    words: str = ""

    @property
    def first(self) -> Data:
        """The first table."""
        return self.tables[0]


def completed(
    structure: Any, data: Data, query: Any, *, run: Run, rng: np.random.Generator
) -> Completed:
    """Tables in which what the query needs has no missing cell, where the policy is `EM`.

    Cells are drawn from an SCM fitted to the graph; of a CPDAG from one member (all members imply
    the same normal distributions), of weighted graphs from up to `GRAPHS` drawn by weight. Without
    a graph over measured columns, and where there may be hidden causes, from a chain of
    regressions of every column on those before it, which excludes nothing. The condition of the
    rows is a cause of every column. Parameters are drawn by the bootstrap.

    Raises
    ------
    NotSupported
        A way to allow for the search that would search on one completed table.
    """
    names = _needed(structure, data, query)
    if not isinstance(data.missing, EM) or not data.select(names).has_missing:
        return Completed((data,))
    selection = getattr(query, "selection", None)
    if not isinstance(selection, FoundGraph | GraphUnion | None):
        raise NotSupported(
            f"{type(selection).__name__} searches and estimates on resampled rows, which EM's "
            "completed tables are not made for; use GraphUnion() or FoundGraph(), or declare "
            "CompleteCases()"
        )
    policy, notes = data.missing, told(data.select(names))
    table = expanded(data)
    graphs, words = _graphs(structure, table, names, policy.draws, rng)
    known, wide = table, list[str]()
    if several(table):
        known, condition = with_condition(table)
        graphs = [(_under(graph, condition), many) for graph, many in graphs]
        wide = [condition]
    tables: list[Data] = []
    for graph, many in graphs:
        tables += _drawn(graph, known, policy, many, run, rng)
    tables = [t.drop(wide) if wide else t for t in tables]
    if len(tables) < 2:
        raise InputError("the budget ended before 2 completed tables were drawn; give it more time")
    short = (f"the budget allowed {len(tables)} of {policy.draws} completed tables",)
    notes = notes if len(tables) == policy.draws else (*notes, *short)
    return Completed(tuple(tables), notes, words)


def imputed(found: Estimate, tables: Completed, data: Data) -> Estimate:
    """The estimate, saying what was done about missing cells in the columns that it uses."""
    if len(tables.tables) < 2:
        if found.data is None:
            return found
        notes = told(data.select([n for n in found.data.names if n in data.names]))
        return replace(found, warnings=(*notes, *found.warnings))
    about = {**found.diagnostics.get("imputation", {}), "model": tables.words}
    share = about.get("missing_information")
    lost = "" if share is None else f" (fraction of missing information {share:.0%})"
    return replace(
        found,
        method=f"{found.method}; {len(tables.tables)} tables completed from {tables.words}, "
        f"pooled by Rubin's rules{lost}; checks on the first",
        diagnostics={**found.diagnostics, "imputation": about},
        cites=(*found.cites, "rubin1987", "barnard1999", "honaker2010"),
    )


def _needed(structure: Any, data: Data, query: Any) -> tuple[str, ...]:
    """Columns that the answer may depend on."""
    graphs, _, _ = weighted(structure)
    adjust = getattr(query, "adjust", None)
    names = {query.treatment, query.outcome, *getattr(query, "by", ())}
    names |= {getattr(query, "negative_control", None)} - {None}
    names |= set(getattr(query, "columns", ()))
    names |= {getattr(query, "negative_exposure", None)} - {None}
    names |= set(adjust or ()) if adjust is not None or not graphs else set()
    if adjust is None:
        names |= {n for graph, _ in graphs for n in graph.names}
    scalars = [v.name for v in data.variables if not v.shape and v.kind is not Kind.IDENTIFIER]
    return tuple(n for n in scalars if n in names)


def _graphs(
    structure: Any, table: Data, names: Sequence[str], draws: int, rng: np.random.Generator
) -> tuple[list[tuple[Graph, int]], str]:
    """DAGs to draw cells from, how many tables from each, and what to call them."""
    graphs, _, _ = weighted(structure)
    dags = [] if allows_hidden(structure) else [_dag(g, table, names) for g, _ in graphs]
    if not dags or None in dags:
        graph, words = _saturated(table, names)
        return [(graph, draws)], words
    weights = np.array([w for _, w in graphs])
    size = min(GRAPHS, draws)
    edges = np.cumsum(weights / weights.sum())
    at = np.searchsorted(edges, (np.arange(size) + rng.random()) / size)
    shares = [len(part) for part in np.array_split(np.arange(draws), size)]
    chosen: dict[Graph, int] = {}
    for i, many in zip(np.minimum(at, len(dags) - 1).tolist(), shares, strict=True):
        dag = dags[i]
        assert dag is not None
        chosen[dag] = chosen.get(dag, 0) + many
    which = "the graph" if len(chosen) == 1 else f"{len(chosen)} of the weighted graphs"
    return list(chosen.items()), f"an SCM fitted to {which}"


def _dag(graph: Graph, table: Data, names: Sequence[str]) -> Graph | None:
    """A DAG of the graph over measured columns; None if it has none."""
    from ..graphs.orientation import consistent_extension

    missing = {n for n in names if np.isnan(table.column(n)).any()}
    if not set(graph.names) <= set(table.names) or not missing <= set(graph.names):
        return None
    if any(table.variable(n).kind is Kind.IDENTIFIER for n in graph.names):
        return None
    try:
        return graph if graph.is_dag() else consistent_extension(graph)
    except RungError:
        return None


def _saturated(table: Data, names: Sequence[str]) -> tuple[Graph, str]:
    """A DAG in which every pair is joined, from the columns with fewest missing cells."""
    scalars = [v.name for v in table.variables if not v.shape and v.kind is not Kind.IDENTIFIER]
    usable = [n for n in scalars if n in names or not np.isnan(table.column(n)).all()]
    if table.n < PER_COLUMN * len(usable):
        usable = [n for n in usable if n in set(names)]
    usable.sort(key=lambda n: int(np.isnan(table.column(n)).sum()))
    adjacency = np.triu(np.ones((len(usable), len(usable)), dtype=np.uint8), 1)
    words = f"regressions of each of {len(usable)} columns on those before it"
    return Graph.from_adjacency(adjacency, usable), words


def _under(graph: Graph, condition: str) -> Graph:
    """The graph with the condition as a cause of every node."""
    d = graph.d
    adjacency = np.zeros((d + 1, d + 1), dtype=np.uint8)
    adjacency[:d, :d] = graph.adjacency()
    adjacency[d, :d] = 1
    return Graph.from_adjacency(adjacency, (*graph.names, condition))


def _drawn(
    graph: Graph, table: Data, policy: EM, many: int, run: Run, rng: np.random.Generator
) -> list[Data]:
    from ..mechanisms.auto import AutoMechanism
    from ..mechanisms.completion import Completer
    from ..mechanisms.linear import LinearGaussian

    joined = int(graph.adjacency().sum()) == graph.d * (graph.d - 1) // 2
    numbers = not any(table.variable(n).discrete for n in graph.names)
    spec = LinearGaussian() if joined and numbers else AutoMechanism()
    completer = Completer(graph, table, lambda _: spec, policy, rng, run)
    return completer.fit().tables(many, rng)
