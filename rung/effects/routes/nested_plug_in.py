"""Natural effects by any nested formula on the empirical distribution of discrete columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.data import Data
from ...core.errors import NotSupported
from ...graphs.identification.nested import NestedFormula
from .mediated import Natural
from .plug_in import FEW

Floats = NDArray[np.float64]
MOST_CELLS = 1024


def nested_plug_in(
    formula: NestedFormula, rows: Data, names: tuple[str, str], arms: tuple[float, ...]
) -> Natural:
    """The three means with their influence functions, the gradient by central differences.

    Raises
    ------
    NotSupported
        Columns that are not discrete, or too many cells.
    Overlap
        The formula conditions on values that never occur together.
    """
    shape, flat, levels = _cells(rows, formula.rule)
    size = int(np.prod(shape))
    w = np.ones(rows.n) if rows.weights is None else rows.weights / rows.weights.mean()
    table = np.bincount(flat, w, size) / w.sum()
    x, y = names
    control, treated = (int(np.searchsorted(levels[x], a)) for a in arms)

    def at(p: Floats) -> Floats:
        means = formula.means(
            (p / p.sum()).reshape(shape), rows.names, values=levels[y].astype(np.float64).tolist()
        )
        picks = ((treated, treated), (treated, control), (control, control))
        return np.array([means[i, j] for i, j in picks])

    gradient = np.zeros((size, 3))
    for cell in np.flatnonzero(table).tolist():
        step = 1e-5 * table[cell]
        up, down = table.copy(), table.copy()
        up[cell] += step
        down[cell] -= step
        gradient[cell] = (at(up) - at(down)) / (2 * step)
    influence = gradient[flat] - table @ gradient
    return Natural(
        at(table), w[:, None] * influence,
        f"plug-in of the {formula.rule} formula on {size} cells (saturated: efficient as it is)",
        cites=("shpitser2013",),
    )  # fmt: skip


def _cells(rows: Data, rule: str) -> tuple[tuple[int, ...], NDArray[np.intp], dict[str, Floats]]:
    """Shape of the table, the cell of each row, the values along each axis."""
    shape, where, levels = [], [], {}
    for name in rows.names:
        seen, code = np.unique(rows.column(name), return_inverse=True)
        if not rows.variable(name).discrete and len(seen) > FEW:
            raise NotSupported(
                f"no covariates identify the parts; the formula that does ({rule}) is "
                f"estimated on discrete columns only, and {name!r} is not: make levels of it"
            )
        shape.append(len(seen))
        where.append(code)
        levels[name] = seen
    size = int(np.prod(shape))
    if size > MOST_CELLS:
        raise NotSupported(
            f"the table of {', '.join(rows.names)} has {size} cells, more than {MOST_CELLS}: merge "
            "levels"
        )
    return tuple(shape), np.ravel_multi_index(where, shape), levels
