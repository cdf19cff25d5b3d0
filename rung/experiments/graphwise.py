"""The linear total effect on each DAG of a belief, from moments alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError, NeedsRows, unknown
from ..core.moments import Moments
from ..core.query import Query
from ..core.source import Source
from ..core.variable import Kind, Variable
from .belief import Belief


@dataclass(frozen=True)
class Indicators:
    """Basis: a number stays, a categorical column becomes indicators of all levels but one."""

    def size(self, variable: Variable) -> int:
        return max(variable.size - 1, 1) if variable.kind is Kind.CATEGORICAL else 1

    def expand(self, variable: Variable, column: NDArray[Any]) -> NDArray[np.float64]:
        if variable.kind is not Kind.CATEGORICAL:
            return np.asarray(column, dtype=np.float64)[:, None]
        levels = np.arange(1, max(variable.size, 2))
        return (np.asarray(column)[:, None] == levels).astype(np.float64)


def effects_by_graph(
    belief: Belief, source: Source | None, query: Query
) -> tuple[NDArray[np.float64] | None, list[str]]:
    """Effect (candidates,) of the query's treatment on its outcome on each DAG, and notes.

    The coefficient of X in the least-squares regression of Y on X and the parents of X, 0 if Y
    is a parent (Maathuis, Kalisch and Buehlmann 2009, section 2.4), times the contrast if the
    query states one in numbers. None, and why, where that means nothing.

    Raises
    ------
    InputError, UnknownName
        If the query has no treatment and outcome among the variables, or there are no data.
    """
    x, y = _ends(belief, query)
    if source is None:
        raise InputError("design with a query needs data: the effect differs by graph")
    described = {v.name: v for v in source.variables}
    for name in (x, y):
        v = described[name]
        if v.kind is Kind.CATEGORICAL or v.shape:
            return None, [
                f"the effect's spread over graphs is left out: {name!r} is {v.kind}, and the "
                "comparison of graphs uses linear effects"
            ]
    moments, notes = _moments(source, belief.names, x)
    step, unit = _step(query, described[x])
    i = belief.names.index(x)
    known: dict[bytes, float] = {}
    out = []
    for c in belief.candidates:
        parents = c.arrows[:, i]
        if parents.tobytes() not in known:
            known[parents.tobytes()] = step * _coefficient(moments, belief, x, y, parents)
        out.append(known[parents.tobytes()])
    notes.append(
        f"the effect of {x} on {y} on each graph is linear, adjusted for the parents of {x}, {unit}"
    )
    return np.array(out), notes


def _ends(belief: Belief, query: Query) -> tuple[str, str]:
    ends = getattr(query, "treatment", None), getattr(query, "outcome", None)
    for name in ends:
        if not isinstance(name, str):
            raise InputError(
                f"design needs a query with one treatment and one outcome, not {query!r}"
            )
        if name not in belief.names:
            raise unknown(name, belief.names)
    x, y = str(ends[0]), str(ends[1])
    if x == y:
        raise InputError(f"{x!r} is both treatment and outcome; name two variables")
    return x, y


def _step(query: Query, treatment: Variable) -> tuple[float, str]:
    """What the coefficient is multiplied by, and in words."""
    treated, control = getattr(query, "treated", None), getattr(query, "control", None)
    if treated is None or control is None:
        unit = f" [{treatment.unit}]" if treatment.unit else ""
        return 1.0, f"for one unit of {treatment.name}{unit}"
    step = treatment.encode(treated) - treatment.encode(control)
    return float(step), f"for {control} to {treated}"


def _moments(source: Source, names: tuple[str, ...], x: str) -> tuple[Moments, list[str]]:
    """Moments of the rows in which nothing but the treatment was set."""
    part, notes = source.select(names), []
    if isinstance(part, Data) and part.targets is not None and part.environment is not None:
        elsewhere = np.delete(part.targets, part.index(x), axis=1)
        others = np.asarray(elsewhere.any(axis=1))[part.environment]
        if others.any() and not others.all():
            part = part.take(np.nonzero(~others)[0])
            notes.append(f"{int(others.sum())} rows in which another variable was set are not used")
    try:
        return part.moments(Indicators(), asker="rung.design"), notes
    except NeedsRows:
        return part.moments(asker="rung.design"), notes


def _coefficient(
    moments: Moments, belief: Belief, x: str, y: str, parents: NDArray[np.bool_]
) -> float:
    if parents[belief.names.index(y)]:
        return 0.0
    where = [moments.names.index(name) for name in (x, y)]
    given = [moments.names.index(belief.names[p]) for p in np.nonzero(parents)[0].tolist()]
    left = moments.columns_of([where[0], *given])
    right = moments.columns_of([where[1]])
    scatter = moments.scatter[np.ix_(left, left)]
    beta = np.linalg.lstsq(scatter, moments.scatter[np.ix_(left, right)], rcond=1e-10)[0]
    return float(beta[0, 0])
