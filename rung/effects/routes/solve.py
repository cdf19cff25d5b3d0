"""One formula on one table: estimate, interval on the scale asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...core.data import Data
from ...core.errors import InputError, NotSupported, Overlap
from ...core.missing import complete
from ..dependence import of_rows
from ..identification import Case
from ..rows import targets_of
from ..solve import Solved, contrasts, pooled
from .protocol import RouteEstimator
from .task import Task

if TYPE_CHECKING:
    from ..study import Study


def by_formula(study: Study, case: Case) -> Solved | str:
    """The answer of a case by its formula, or why there is none; solved formulas are kept."""
    formula = case.formula
    assert formula is not None
    if formula not in study.routed:
        try:
            study.routed[formula] = _fresh(study, case)
        except (InputError, NotSupported, Overlap) as error:
            study.routed[formula] = str(error)
    return study.routed[formula]


def _fresh(study: Study, case: Case) -> Solved:
    found = []
    for k, table in enumerate((study.data, *study.others)):
        if k > 1 and study.run.spent:
            break
        found.append(_on(study, case, table))
    if len(found) == 1:
        return found[0]
    return pooled(found, study.contrast, study.level, np.random.default_rng(study.seed))


def _on(study: Study, case: Case, data: Data) -> Solved:
    formula = case.formula
    assert formula is not None
    if study.population != "all":
        raise NotSupported(
            f"the effect on the {study.population} is answered by adjustment only; ask for ATE"
        )
    contrast = study.contrast
    needed = formula.expression.observed | {contrast.treatment, contrast.outcome}
    rows = complete(_untouched(data, needed).select([n for n in data.names if n in needed]))
    dependence = of_rows(rows)
    weights = np.ones(rows.n) if rows.weights is None else rows.weights / rows.weights.mean()
    task = Task(rows, contrast, formula, case.graph, weights, dependence.groups)
    rng = np.random.default_rng(study.seed)
    estimator: RouteEstimator = study.route or _default()
    fitted = estimator.reach(task, rng=rng)
    levels, critical = contrasts(fitted, contrast, dependence.groups, study.level, rng)
    return Solved(levels, fitted, None, dependence, (), rows, critical, formula=formula)


def _untouched(data: Data, needed: frozenset[str]) -> Data:
    """Rows of conditions that set none of the columns of the formula."""
    bad = [e for e, hit in targets_of(data).items() if hit & needed]
    if not bad or data.environment is None:
        return data
    keep = ~np.isin(data.environment, bad)
    if not keep.any():
        raise InputError("every row's condition sets a column that the formula needs")
    return data.take(keep.nonzero()[0])


def _default() -> RouteEstimator:
    from .one_step import Best

    return Best()
