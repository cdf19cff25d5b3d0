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
    from ..mechanisms.imputation import impute
    from ..mechanisms.structural import Structural
    from .miss_dag import one_dag

    data, names = search.data, search.data.names
    rng = np.random.default_rng([search.root, 1])
    rows = Incomplete(data.matrix(), data.weights)
    start = rows.saturated(tolerance=plan.tolerance)
    independent(rows.moments(start, data.variables))
    single = _inner_test(plan.learner)
    many = 1 if single else plan.draws
    drawn = [
        _filled(data, rows.draw(start.mean, start.covariance, rng=rng)) for _ in range(plan.draws)
    ]
    met: list[tuple[bytes, Discovery]] = []
    converged = complete = False
    for i in range(plan.searches):
        table = stacked(data, drawn[:many])
        try:
            found = search.find(table, i)
        except NotSupported:
            if single:
                raise
            single, many = True, 1
            found = search.find(stacked(data, drawn[:1]), i)
        dag = one_dag(found.graph, names)
        met.append((dag.tobytes(), found))
        complete = found.complete
        last = [key for key, _ in met[-AGAIN:]]
        if len(last) == AGAIN and len(set(last)) == 1 and not single:
            converged = True
            break
        if search.run.spent:
            complete = False
            break
        if i + 1 < plan.searches:
            graph = Graph.from_adjacency(dag.astype(np.int8), names)
            fit = Structural(graph, plan.mechanisms).fit(stacked(data, drawn), rng=rng)
            assert isinstance(fit, SCM)
            drawn = impute(fit, data, draws=plan.draws, rng=rng)
            search.run.tick((i + 1) / plan.searches, f"search {i + 1}")
    found = met[-1][1] if converged else _most(met)
    notes = (SINGLE,) if single else ()
    return found.replacing(
        complete=complete,
        notes=(*found.notes, *notes),
        details={**found.details, "searches": len(met), "converged": converged},
    )


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


def _filled(data: Data, matrix: np.ndarray) -> Data:
    return Data.from_matrix(matrix, variables=data.variables)


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
