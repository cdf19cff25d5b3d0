"""One adjustment set: the learner on its rows, on each completed table, and its checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.data import Data
from ...core.errors import InputError
from ...core.missing import complete
from ..contrast import Contrast
from ..dependence import of_rows
from .checking import heterogeneity, importance
from .protocol import CateTask
from .reader import reader
from .result import CateModel, described, seen
from .selected import opened

if TYPE_CHECKING:
    from ..study import Answered
    from .answer import Asker

Floats = NDArray[np.float64]
CHECK_CITES = ("yadlowsky2021", "chernozhukovdemirer2018")


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model, its rows, and what the checks say."""

    model: CateModel
    data: Data
    checks: Mapping[str, Any]
    warnings: tuple[str, ...]
    cites: tuple[str, ...]


def fit(asker: Asker, answered: Answered, order: tuple[str, ...]) -> Fit:
    """The learner on the rows of an adjustment set; the checks look at the first table."""
    study, query = asker.study, asker.query
    modifiers = query.by or tuple(n for n in order if n not in study.held)
    if not modifiers:
        raise InputError(
            f"no column is left by which the effect of {study.treatment} could differ: the graph "
            "needs no adjustment; name columns with by=(...)"
        )
    learned, notes = [], tuple[str, ...]()
    for k, table in enumerate((study.data, *study.others)):
        if k > 1 and study.run.spent:
            break
        assert answered.kept is not None
        rows = table.take(answered.kept.mask(table).nonzero()[0])
        rows, note = compared(rows, study.contrast, (*order,))
        if not k:
            read = reader(rows, modifiers)
            wide = read if set(modifiers) == set(order) else reader(rows, order)
            first, notes = rows, note
        task = task_of(rows, study.contrast, read, wide)
        rng = np.random.default_rng([study.seed % 2**32, k])
        rule, choice = opened(asker.learner.conditional(task, rng=rng))
        learned.append((task, rule, choice))
    pairs = [seen(rule, task.x) for task, rule, _ in learned]
    values = np.array([p[0] for p in pairs])
    variances = None if any(p[1] is None for p in pairs) else np.array([p[1] for p in pairs])
    choice = learned[0][2]
    words = asker.learner.words + (f" ({choice.words})" if choice else "")
    model = CateModel(
        tuple(rule for _, rule, _ in learned), read, study.contrast.labels, study.contrast.units,
        words, query.level, cites=asker.learner.cites + (choice.cites if choice else ()),
    )  # fmt: skip
    model = described(model, values, variances, query.level)
    checks, more = checked(asker, learned[0], read.owners)
    if variances is None:
        more = (*more, "no pointwise intervals: the learner has none that is justified")
    return Fit(model, first, checks, (*notes, *more), CHECK_CITES if checks else ())


def checked(
    asker: Asker, learned: tuple[CateTask, Any, Any], owners: tuple[str, ...]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Held-out checks and importance; the importance alone where rows or time are too few."""
    task, rule, choice = learned
    rng = np.random.default_rng([asker.seed % 2**32, 7])
    out: dict[str, Any] = {
        "contrast": asker.study.contrast.labels[0],
        "importance": importance(rule, task.x, owners, rng),
    }
    if choice is not None:
        out["learners"] = [{"learner": w, "r_score": s} for w, s in choice.scores]
    if asker.run.spent:
        return out, ("the budget ended before the checks on held-out rows",)
    try:
        return {**heterogeneity(task, asker.learner, level=asker.query.level, rng=rng), **out}, ()
    except InputError as error:
        return out, (f"no checks on held-out rows: {error}",)


def compared(
    data: Data, contrast: Contrast, order: tuple[str, ...]
) -> tuple[Data, tuple[str, ...]]:
    """Complete rows of the levels that are compared, and a note if others are left out."""
    data = complete(data.select([contrast.treatment, contrast.outcome, *order]))
    if not contrast.discrete:
        return data, ()
    here = np.isin(data.column(contrast.treatment), contrast.arms)
    if here.all():
        return data, ()
    note = (
        f"effects of single rows are about the {int(here.sum())} rows with a level that is "
        "compared; the average is over all rows"
    )
    return data.take(here.nonzero()[0]), (note,)


def task_of(data: Data, contrast: Contrast, read: Any, wide: Any) -> CateTask:
    """The task of rows: arms by number, a dose in units of the difference compared."""
    t = np.asarray(data.column(contrast.treatment), dtype=np.float64)
    y = np.asarray(data.column(contrast.outcome), dtype=np.float64)
    arms = len(contrast.arms) if contrast.discrete else 0
    if contrast.discrete:
        t = np.argmax(t[:, None] == np.array(contrast.arms), axis=1).astype(np.float64)
    else:
        t = t / (contrast.arms[1] - contrast.arms[0])
    x = read.matrix(data)
    w = np.ones(data.n) if data.weights is None else data.weights / data.weights.mean()
    return CateTask(
        y, t, x, x if wide is read else wide.matrix(data), w, arms, contrast.binary,
        of_rows(data).groups,
    )  # fmt: skip
