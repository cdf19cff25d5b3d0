"""Candidate features as columns of numbers: standardised, indicators of levels, bends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.data import Data
from ...core.errors import InputError
from ...core.missing import need_finite
from ...core.variable import Kind, Variable
from ..estimators.basis import column
from ..estimators.dose import knots_for

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NEAR = 1e-10  # share of a variance that counts as none


@dataclass(frozen=True, eq=False)
class Columns:
    """Main effects of features.

    Parameters
    ----------
    values : (p, n) one row a column, mean 0 and mean square 1
    owner : (p,) the feature that each belongs to
    linear : (p,) whether it is the feature itself, or an indicator of a level, and not a bend
    """

    values: Floats
    owner: Ints
    linear: NDArray[np.bool_]

    def only_linear(self) -> Columns:
        """Without the bends."""
        return Columns(self.values[self.linear], self.owner[self.linear], self.linear[self.linear])


def features(data: Data, names: Sequence[str]) -> Columns:
    """Main effects of these columns of complete data, with bends of numbers.

    A number is itself and the terms of a restricted cubic spline, made orthogonal to it; a
    category an indicator for each level but the commonest.

    Raises
    ------
    InputError
        Infinite cells; arrays; constant, identifier-like, duplicate or collinear columns.
    """
    need_finite(data.matrix(names), list(names), "feature selection")
    blocks: list[Floats] = []
    owner: list[int] = []
    linear: list[bool] = []
    for j, name in enumerate(names):
        block = _block(data.variable(name), np.asarray(data.column(name), dtype=np.float64))
        first = len(block) if data.variable(name).kind is Kind.CATEGORICAL else 1
        blocks.append(block)
        owner += [j] * len(block)
        linear += [k < first for k in range(len(block))]
    made = Columns(
        np.ascontiguousarray(np.vstack(blocks)), np.array(owner, dtype=np.int64), np.array(linear)
    )
    _apart(made.only_linear(), names)
    return made


def _block(variable: Variable, x: Floats) -> Floats:
    """The columns (k, n) of one feature."""
    if variable.shape:
        raise InputError(f"column {variable.name!r} holds arrays; features are numbers or levels")
    drop = f"Leave it out with data.drop([{variable.name!r}])."
    if variable.kind is Kind.IDENTIFIER:
        raise InputError(f"column {variable.name!r} looks like an identifier. {drop}")
    if (x == x[0]).all():
        raise InputError(f"column {variable.name!r} is constant: nothing can be learned. {drop}")
    if variable.kind is Kind.CATEGORICAL:
        there, counts = np.unique(x, return_counts=True)
        if len(there) > max(20, len(x) // 20):
            raise InputError(
                f"column {variable.name!r} has {len(there)} levels in {len(x)} rows, too many to "
                f"look at: merge levels. {drop}"
            )
        kept = np.delete(there, int(counts.argmax()))
        terms = (x[:, None] == kept).astype(np.float64)
    else:
        terms = column(x, min(knots_for(len(x)), 7)).expand(x)
        terms[:, 0] = x
    terms = terms - terms.mean(axis=0)
    if variable.kind is not Kind.CATEGORICAL:
        q, r = np.linalg.qr(terms)
        size = np.abs(np.diag(r))
        terms = q[:, size > 1e-6 * max(float(size[0]), 1e-300)]
        terms[:, 0] *= np.sign(r[0, 0])
    return np.ascontiguousarray((terms / terms.std(axis=0)).T)


def _apart(found: Columns, names: Sequence[str]) -> None:
    """Refuse columns that others determine."""
    C = found.values @ found.values.T / found.values.shape[1]
    pair = (np.abs(C) > 1 - NEAR) & (found.owner[:, None] < found.owner)
    if pair.any():
        i, j = (found.owner[k] for k in np.argwhere(pair)[0])
        raise InputError(
            f"columns {names[i]!r} and {names[j]!r} are duplicates up to scale: no data can tell "
            f"which is the cause. Keep one: data.drop([{names[j]!r}])."
        )
    if len(C) + 1 >= found.values.shape[1]:
        return
    values, vectors = np.linalg.eigh(C)
    if values[0] < NEAR:
        parts = np.unique(found.owner[np.abs(vectors[:, 0]) > 1e-4])
        shown = ", ".join(repr(names[j]) for j in parts[:8])
        raise InputError(
            f"columns {shown} determine each other (a linear combination of them is constant): no "
            f"data can tell which is the cause. Leave one out: data.drop([{names[parts[-1]]!r}])."
        )


def response(data: Data, target: str) -> tuple[Floats, float]:
    """The target (n,), centred and with variance 1, and the variance it had.

    Raises
    ------
    InputError
        It is constant, an identifier, an array, or has three or more unordered levels.
    """
    v = data.variable(target)
    if v.shape or v.kind is Kind.IDENTIFIER:
        raise InputError(f"target {target!r} is no measurement: expected a number or two levels")
    if v.kind is Kind.CATEGORICAL and v.size > 2:
        raise InputError(
            f"target {target!r} has {v.size} levels without an order, so no mean; ask about an "
            "indicator of one of them"
        )
    y = np.asarray(data.column(target), dtype=np.float64)
    need_finite(y[:, None], [target], "feature selection")
    if (y == y[0]).all():
        raise InputError(f"target {target!r} is constant: nothing causes it in these rows")
    return (y - y.mean()) / y.std(), float(y.var())
