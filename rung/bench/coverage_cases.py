"""Cases of the coverage evidence: simulated tables with a known effect, fixed before any run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.graph import Graph
from ..core.variable import Kind, Variable

Floats = NDArray[np.float64]
GRAPH = "A -> T; B -> T; A -> Y; B -> Y; C -> Y; T -> Y"
ROWS = 1000
UNITS = 200
TRUTH_ROWS = 4_000_000
TRUTH_SEED = 20261122


@dataclass(frozen=True)
class Drawn:
    """A table and the true average effect of T on Y, 1 against 0 (or `low` to `high`)."""

    data: Data
    truth: float
    treated: float | None = None
    control: float | None = None


def graph() -> Graph:
    """The graph that is given."""
    return Graph.parse(GRAPH)


def _expit(x: Floats | float) -> Floats:
    return 1 / (1 + np.exp(-np.asarray(x, dtype=np.float64)))


def _data(z: Floats, t: Floats, y: Floats, *, binary: tuple[str, ...] = ()) -> Data:
    names = ("A", "B", "C", "T", "Y")
    variables = [
        Variable(name, Kind.BINARY, (0, 1)) if name in binary else Variable(name) for name in names
    ]
    return Data.from_matrix(np.column_stack([z, t, y]), variables=variables)


def linear(rng: np.random.Generator) -> Drawn:
    """Everything linear and Gaussian; a dose, compared at -1 and 1; the effect is 3."""
    z = rng.normal(size=(ROWS, 3))
    t = z @ [0.6, -0.4, 0.0] + rng.normal(size=ROWS)
    y = 1.5 * t + z @ [1.0, 0.5, 1.0] + rng.normal(size=ROWS)
    return Drawn(_data(z, t, y), 3.0, 1.0, -1.0)


def linear_arms(rng: np.random.Generator) -> Drawn:
    """A binary treatment with logistic propensity, linear outcome; the effect is 2."""
    z = rng.normal(size=(ROWS, 3))
    t = (rng.random(ROWS) < _expit(z @ [0.7, -0.5, 0.0])).astype(float)
    y = 2 * t + z @ [1.0, 0.5, 1.0] + rng.normal(size=ROWS)
    return Drawn(_data(z, t, y, binary=("T",)), 2.0)


def nonlinear(rng: np.random.Generator) -> Drawn:
    """Sines, squares and products, an effect that changes with A; the mean effect is 1."""
    z = rng.normal(size=(ROWS, 3))
    t = (rng.random(ROWS) < _expit(0.6 * z[:, 0] + 0.5 * np.sin(2 * z[:, 1]))).astype(float)
    y = np.sin(2 * z[:, 0]) + z[:, 1] ** 2 + 0.5 * z[:, 0] * z[:, 1] + np.abs(z[:, 2])
    y = y + t * (1 + z[:, 0]) + rng.normal(size=ROWS)
    return Drawn(_data(z, t, y, binary=("T",)), 1.0)


def nonlinear_dose(rng: np.random.Generator) -> Drawn:
    """A dose with a sine effect that changes with B, compared at -1 and 1; truth 2 sin 1."""
    z = rng.normal(size=(ROWS, 3))
    t = np.tanh(z[:, 0]) + 0.25 * (z[:, 1] ** 2 - 1) + rng.normal(size=ROWS)
    y = np.sin(t) + np.abs(z[:, 0]) + z[:, 1] + 0.5 * t * z[:, 1] + rng.normal(size=ROWS)
    return Drawn(_data(z, t, y), float(2 * np.sin(1.0)), 1.0, -1.0)


def _chance(t: Floats | float, z: Floats) -> Floats:
    return _expit(-0.3 + 0.8 * np.asarray(t) + z @ [1.0, -0.5, 0.7])


@cache
def risk_difference() -> float:
    """True risk difference of `binary`, from 4 million covariate draws (error below 1e-4)."""
    z = np.random.default_rng(TRUTH_SEED).normal(size=(TRUTH_ROWS, 3))
    return float(np.mean(_chance(1.0, z) - _chance(0.0, z)))


def binary(rng: np.random.Generator) -> Drawn:
    """A binary outcome, risk difference."""
    z = rng.normal(size=(ROWS, 3))
    t = (rng.random(ROWS) < _expit(z @ [0.7, -0.5, 0.0])).astype(float)
    y = (rng.random(ROWS) < _chance(t, z)).astype(float)
    return Drawn(_data(z, t, y, binary=("T", "Y")), risk_difference())


def clustered(rng: np.random.Generator) -> Drawn:
    """200 units of 5 rows that share a part of A, T and Y; the effect is 1."""
    unit = np.repeat(np.arange(UNITS), ROWS // UNITS)
    z = rng.normal(size=(ROWS, 3))
    z[:, 0] = rng.normal(size=UNITS)[unit]
    lean = z[:, 0] * 0.7 + 0.8 * rng.normal(size=UNITS)[unit] - 0.4 * z[:, 1]
    t = (rng.random(ROWS) < _expit(lean)).astype(float)
    y = t + z @ [1.0, 0.5, 0.5] + rng.normal(size=UNITS)[unit] + rng.normal(size=ROWS)
    return Drawn(_data(z, t, y, binary=("T",)).replacing(unit=unit), 1.0)


GIVEN = {
    "linear": linear,
    "linear-arms": linear_arms,
    "nonlinear": nonlinear,
    "nonlinear-dose": nonlinear_dose,
    "binary": binary,
    "clustered": clustered,
}
