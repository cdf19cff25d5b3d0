"""A DAG that a learner's graph stands for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, NotSupported
from ..core.graph import Graph

Bool = NDArray[np.bool_]


def one_dag(graph: Graph, names: tuple[str, ...]) -> Bool:
    """A DAG (d, d) that a learner's graph stands for, in the order of `names`.

    Raises
    ------
    NotSupported
        The graph has marks of hidden common causes.
    """
    from ..graphs.orientation import extend, pdag_parts

    try:
        directed, undirected = pdag_parts(graph.reorder(names))
    except InputError as error:
        raise NotSupported(
            "MissDAG fits a DAG, and the learner inside returned a graph with hidden common "
            f"causes ({error}); use PC, GES, BOSS or another learner of DAGs"
        ) from error
    if not undirected.any():
        return directed
    found = extend(directed, undirected)
    if found is None:
        found = extend(directed, undirected, strict=False)
    assert found is not None
    return found
