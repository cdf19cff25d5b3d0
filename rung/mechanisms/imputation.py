"""Missing cells of rows drawn from what a fitted SCM says of them given the other cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError, unknown
from ..core.expected import Incomplete
from ..core.result import lock
from ..core.scm import SCM
from .chains import PARTICLES, Chains, pool
from .linear import Linear
from .noise import Gaussian

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
SWEEPS = 20  # of the Markov chain, from a start that is already drawn by weight
POINT = 1e-5  # noise of a point mass, in standard deviations of its node
MOST = 2_000_000  # rows times particles that are worked on at once


def impute(
    scm: SCM, data: Data, *, draws: int, rng: np.random.Generator, sweeps: int = SWEEPS
) -> list[Data]:
    """Complete copies of the data: missing cells drawn from their posterior under the SCM.

    Where every mechanism is linear with normal noise the draws are exact and independent: a row's
    missing cells are normal given the others. Elsewhere a row starts at one of `PARTICLES`
    ancestral draws, taken with probability proportional to the likelihood of its observed cells
    (likelihood weighting, Shachter and Peot 1989), and a Markov chain of `sweeps` sweeps follows
    for each draw: nodes with few levels by Gibbs sampling from the level's probability times the
    likelihood of its children (Geman and Geman 1984), others by Metropolis-Hastings with proposals
    from the mechanism and from a random walk of random width; each sweep also tries all missing
    cells of a row together, drawn in topological order.

    Parameters
    ----------
    scm : SCM
        Fitted, under no intervention.
    data : Data
        All its variables, NaN where missing. Other columns stay as they are. In rows whose
        environment targets a node, its mechanism says nothing: a missing cell of such a node is
        drawn from the values that it has in rows that target it.
    draws : int
        Number of copies.

    Raises
    ------
    InputError
        A cell is infinite, or a row is impossible under the model whatever its missing cells are.
    """
    if scm.interventions:
        raise InputError("impute takes the SCM as fitted, without interventions")
    if draws < 1 or sweeps < 1:
        raise InputError(f"draws={draws}, sweeps={sweeps}: expected at least 1")
    for name in scm.names:
        if name not in data.names:
            raise unknown(name, data.names)
    known = _coded(scm, data)
    _finite(scm, known)
    rows = np.flatnonzero(known.select(scm.names).mask.any(axis=1))
    if not len(rows):
        return [known] * draws
    model = implied(scm)
    part = known.take(rows)
    if model is not None:
        filled = _exact(scm, part, draws, rng, known)
    else:
        step = max(1, MOST // max(draws, PARTICLES))
        pieces = [
            Chains(scm, part.take(np.arange(i, min(i + step, part.n))), known, draws, rng).run(
                sweeps, rows[i : i + step]
            )
            for i in range(0, part.n, step)
        ]
        filled = [
            {k: np.concatenate([p[d][k] for p in pieces]) for k in pieces[0][d]}
            for d in range(draws)
        ]
    return [_with(known, rows, columns) for columns in filled]


def implied(scm: SCM, cut: Mapping[str, tuple[float, float]] | None = None) -> Any:
    """Mean (d,) and covariance (d, d) in the order of the graph; None unless linear and normal.

    With x = a + B x + u the mean is (I - B)^-1 a, the covariance (I - B)^-1 D (I - B)^-T. A point
    mass gets noise of `POINT` standard deviations, so that the covariance has an inverse.

    Parameters
    ----------
    cut : mapping of node to (mean, sd), optional
        Nodes that do not listen to their parents.
    """
    names = scm.graph.names
    where = {name: i for i, name in enumerate(names)}
    slopes = np.zeros((len(names), len(names)))
    a, sd = np.zeros(len(names)), np.zeros(len(names))
    for name, i in where.items():
        m = scm.mechanisms[name]
        if not isinstance(m, Linear) or not isinstance(m.residual, Gaussian):
            return None
        if not m.predictor.straight or any(v.discrete or v.shape for v in (*m.parents, m.variable)):
            return None
        if cut and name in cut:
            a[i], sd[i] = cut[name]
            continue
        a[i], sd[i] = m.predictor.intercept[0], m.residual.sd
        for parent, effect in zip(m.parents, m.predictor.effects, strict=True):
            slopes[i, where[parent.name]] = effect[0, 0]
    total = np.linalg.inv(np.eye(len(names)) - slopes)
    mean = total @ a
    spread = np.sqrt((total**2) @ sd**2)
    least = POINT * np.where(spread > 0, spread, np.maximum(np.abs(mean), 1.0))
    total = total * np.maximum(sd, least)
    return mean, total @ total.T


def _exact(
    scm: SCM, part: Data, draws: int, rng: np.random.Generator, known: Data
) -> list[dict[str, Floats]]:
    """Draws of a linear Gaussian SCM, by the sets of targets of the rows."""
    names = scm.graph.names
    table = part.select(names)
    matrix = table.matrix()
    out = np.repeat(matrix[None], draws, axis=0)
    target = np.column_stack([table.targeting(name) for name in names])
    kinds, which = np.unique(target, axis=0, return_inverse=True)
    for k, kind in enumerate(kinds):
        rows = np.flatnonzero(np.ravel(which) == k)
        cut = {}
        for j in np.flatnonzero(kind):
            held = pool(known, names[j])
            cut[names[j]] = (float(held.mean()), float(held.std()))
        mean, covariance = implied(scm, cut)
        with_mean = np.vstack([matrix[rows], mean])  # so that no column is missing throughout
        for d in range(draws):
            out[d, rows] = Incomplete(with_mean).draw(mean, covariance, rng=rng)[:-1]
    return [{name: out[d, :, j] for j, name in enumerate(names)} for d in range(draws)]


def _coded(scm: SCM, data: Data) -> Data:
    """The data with levels coded as the model has them."""
    for v in scm.variables:
        theirs = data.variable(v.name)
        if v.discrete and (not theirs.discrete or theirs.levels != v.levels):
            column = np.array(data.column(v.name), dtype=np.float64)
            there = ~np.isnan(column)
            column[there] = v.encode(theirs.decode(column[there]))
            data = data.with_column(v, lock(column))
    return data


def _finite(scm: SCM, data: Data) -> None:
    for v in scm.variables:
        if not v.shape and (bad := np.isinf(data.column(v.name))).any():
            raise InputError(
                f"{int(bad.sum())} cells of {v.name!r} are infinite, the first in row "
                f"{int(bad.argmax())}; mark them as missing"
            )


def _with(data: Data, rows: Ints, columns: Mapping[str, Floats]) -> Data:
    """The data with these values in these rows."""
    out = data
    for name, values in columns.items():
        column = np.array(data.column(name))
        column[rows] = values
        out = out.with_column(out.variable(name), lock(column))
    return out
