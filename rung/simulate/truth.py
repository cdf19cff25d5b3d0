"""Exact answers of SCMs: path sums of linear ones, enumeration of discrete ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, NotSupported
from ..core.intervention import Do, Intervention
from ..core.scm import SCM
from ..mechanisms.linear import Linear

Floats = NDArray[np.float64]
CELLS = 20_000_000


@dataclass(frozen=True)
class TrueEffect:
    """E[outcome | do(treatment = treated)] - E[outcome | do(treatment = control)].

    `error` is the Monte Carlo standard error; 0 if the value is exact.
    """

    value: float
    error: float = 0.0

    @property
    def exact(self) -> bool:
        """True if the value was computed, not simulated."""
        return self.error == 0.0


def linear_weights(scm: SCM) -> Floats:
    """Coefficients (d, d), `B[i, j]` of i in j, in the order of the SCM's names."""
    out = np.zeros((len(scm.graph.names),) * 2)
    for j, name in enumerate(scm.graph.names):
        mechanism = scm.mechanisms[name]
        if not isinstance(mechanism, Linear) or any(p.discrete for p in mechanism.parents):
            raise NotSupported(f"{name!r} is not linear in numeric parents")
        for p, effect in zip(mechanism.parents, mechanism.predictor.effects):
            out[scm.graph.index(p.name), j] = effect[0, 0]
    return out


def total_effects(scm: SCM) -> Floats:
    """Total effects (d, d) of a linear SCM: `T[i, j]` = d E[j | do(i)] / d i, by path sums."""
    b = linear_weights(scm)
    return np.asarray(np.linalg.inv(np.eye(len(b)) - b), dtype=np.float64)


def joint(scm: SCM, interventions: Sequence[Intervention] = ()) -> Floats:
    """The joint distribution of a discrete SCM under Do interventions, one axis a variable.

    The truncated factorisation (Pearl 2009, eq. 3.10), cell by cell.
    """
    names, variables = scm.graph.names, scm.variables
    shape = tuple(v.size for v in variables)
    if not all(v.discrete for v in variables) or np.prod([float(s) for s in shape]) > CELLS:
        raise NotSupported(f"enumeration needs discrete variables and at most {CELLS} cells")
    fixed = _fixed((*scm.interventions, *interventions))
    grid = np.indices(shape).reshape(len(shape), -1)
    cells = {name: grid[i].astype(np.float64) for i, name in enumerate(names)}
    out = np.ones(grid.shape[1])
    for i, name in enumerate(names):
        if name in fixed:
            out *= cells[name] == variables[i].encode(fixed[name])
        else:
            mechanism = scm.mechanisms[name]
            parents = {p.name: cells[p.name] for p in mechanism.parents}
            p = mechanism.probabilities(parents, len(out))
            out *= p[np.arange(len(out)), grid[i]]
    return out.reshape(shape)


def _fixed(interventions: Sequence[Intervention]) -> dict[str, Any]:
    out = {}
    for item in interventions:
        if not isinstance(item, Do) or np.ndim(item.value):
            raise NotSupported(f"enumeration takes Do with one value, not {item!r}")
        out[item.variable] = item.value
    return out


def true_ate(
    scm: SCM,
    treatment: str,
    outcome: str,
    *,
    treated: Any = 1,
    control: Any = 0,
    draws: int = 200_000,
    seed: int | np.random.Generator = 0,
) -> TrueEffect:
    """The true average effect, exact for linear and for discrete SCMs, else simulated.

    The mean of a discrete outcome is that of its levels if they are numbers, of its codes
    otherwise. The simulation uses the same noise in both worlds.
    """
    by = {v.name: v for v in scm.variables}
    for name in (treatment, outcome):
        scm.graph.index(name)
    if treatment == outcome:
        raise InputError("treatment and outcome must differ")
    worlds = [Do(treatment, treated), Do(treatment, control)]
    if not scm.interventions and _is_linear(scm):
        slope = total_effects(scm)[scm.graph.index(treatment), scm.graph.index(outcome)]
        return TrueEffect(float(slope * (float(treated) - float(control))))
    y = by[outcome]
    values = np.asarray(y.levels, dtype=float) if y.numeric_levels else np.arange(float(y.size))
    try:
        axis = scm.graph.index(outcome)
        joints = [np.moveaxis(joint(scm, [w]), axis, -1) for w in worlds]
        means = [float(p.reshape(-1, y.size).sum(axis=0) @ values) for p in joints]
        return TrueEffect(means[0] - means[1])
    except NotSupported:
        pass
    noise = scm.draw(draws, rng=np.random.default_rng(seed))
    a, b = (scm.do(w).run(noise).column(outcome) for w in worlds)
    if y.discrete:
        a, b = values[a.astype(int)], values[b.astype(int)]
    gap = a - b
    return TrueEffect(float(gap.mean()), float(gap.std(ddof=1) / np.sqrt(draws)))


def _is_linear(scm: SCM) -> bool:
    try:
        linear_weights(scm)
    except NotSupported:
        return False
    return True
