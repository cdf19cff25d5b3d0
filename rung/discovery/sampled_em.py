"""MissDAG with any mechanisms: searches on rows whose missing cells are drawn from an SCM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core.data import Data
from ..core.discovery import Discovery
from ..core.errors import NotSupported
from ..core.expected import Incomplete
from ..core.graph import Graph
from ..core.scm import SCM
from .inspection import independent
from .members import one_dag

if TYPE_CHECKING:
    from .miss_dag import MissDAG, _Search

AGAIN = 2  # searches in a row with one graph that end the turns
SINGLE = (
    "the learner inside takes no weights of rows: each search saw one draw of every missing cell "
    "(stochastic EM)"
)


def search_drawn(plan: MissDAG, search: _Search) -> Discovery:
    """Searches on drawn rows until the graph stays.

    The first draws are those of a Gaussian without structure. If no graph stays, the one that was
    found most often in the second half of the searches is returned, the latest among equals.
    """
    data, rng = search.data, np.random.default_rng([search.root, 1])
    drawn = _first(plan, data, rng)
    single = _inner_test(plan.learner)
    met: list[tuple[bytes, Discovery]] = []
    converged = False
    for i in range(plan.searches):
        found, single = _found(search, drawn, i, single)
        dag = one_dag(found.graph, data.names)
        met.append((dag.tobytes(), found))
        last = [key for key, _ in met[-AGAIN:]]
        converged = len(last) == AGAIN and len(set(last)) == 1 and not single
        if converged or search.run.spent:
            break
        if i + 1 < plan.searches:
            graph = Graph.from_adjacency(dag.astype(np.int8), data.names)
            drawn = _again(plan, data, graph, drawn, rng)
            search.run.tick((i + 1) / plan.searches, f"search {i + 1}")
    best = met[-1][1] if converged else _most(met)
    return best.replacing(
        complete=found.complete and not search.run.spent,
        notes=(*best.notes, *((SINGLE,) if single else ())),
        details={**best.details, "searches": len(met), "converged": converged},
    )


def _first(plan: MissDAG, data: Data, rng: np.random.Generator) -> list[Data]:
    """Draws of a Gaussian without structure."""
    rows = Incomplete(data.matrix(), data.weights)
    start = rows.saturated(tolerance=plan.tolerance)
    independent(rows.moments(start, data.variables))
    return [
        Data.from_matrix(rows.draw(start.mean, start.covariance, rng=rng), variables=data.variables)
        for _ in range(plan.draws)
    ]


def _again(
    plan: MissDAG, data: Data, graph: Graph, drawn: list[Data], rng: np.random.Generator
) -> list[Data]:
    """Draws of an SCM of the graph, fitted to the last draws."""
    from ..mechanisms.imputation import impute
    from ..mechanisms.structural import Structural

    fit = Structural(graph, plan.mechanisms).fit(stacked(data, drawn), rng=rng)
    assert isinstance(fit, SCM)
    return impute(fit, data, draws=plan.draws, rng=rng)


def _found(search: _Search, drawn: list[Data], i: int, single: bool) -> tuple[Discovery, bool]:
    """What the learner finds on the draws, and whether it saw one only."""
    if not single:
        try:
            return search.find(stacked(search.data, drawn), i), False
        except NotSupported:
            pass
    return search.find(stacked(search.data, drawn[:1]), i), True


def stacked(data: Data, drawn: list[Data]) -> Data:
    """Complete rows once, then each copy of the others with weight 1 / copies."""
    holes = data.mask.any(axis=1)
    whole, part = np.flatnonzero(~holes), np.flatnonzero(holes)
    columns = {
        name: np.concatenate(
            [data.column(name)[whole], *(copy.column(name)[part] for copy in drawn)]
        )
        for name in data.names
    }
    own = np.ones(data.n) if data.weights is None else data.weights
    weights = np.concatenate([own[whole], *[own[part] / len(drawn)] * len(drawn)])
    plain = len(drawn) == 1 and data.weights is None
    return Data(data.variables, columns, weights=None if plain else weights, origin=data.origin)


def _inner_test(learner: object) -> bool:
    """Whether a test decides, whose p-values have no use for copies of rows."""
    while learner is not None:
        if hasattr(learner, "test"):
            return True
        learner = getattr(learner, "learner", None)
    return False


def _most(met: list[tuple[bytes, Discovery]]) -> Discovery:
    half = met[len(met) // 2 :]
    keys = [key for key, _ in half]
    best = max(range(len(half)), key=lambda i: (keys.count(keys[i]), i))
    return half[best][1]
