"""Worlds with a known answer for the routes beyond the back-door; hidden causes are left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.graph import Graph
from ..core.variable import Kind, Variable

Floats = NDArray[np.float64]
Columns = dict[str, Floats]
Draw = Callable[[np.random.Generator, int], Columns]


@dataclass(frozen=True)
class World:
    """A case: rows drawn, the graph over what is seen, the truths of what is asked."""

    graph: Graph
    rows: int
    draw: Draw
    truths: dict[str, float]

    def data(self, rng: np.random.Generator) -> Data:
        """Rows of the measured columns; those with two values are binary."""
        columns = self.draw(rng, self.rows)
        kept = {name: columns[name] for name in self.graph.names}
        kinds = tuple(
            Variable(n, Kind.BINARY, (0, 1)) if set(np.unique(v)) <= {0.0, 1.0} else Variable(n)
            for n, v in kept.items()
        )
        return Data(kinds, kept)


def expit(x: Floats) -> Floats:
    """Logistic function."""
    return np.asarray(1 / (1 + np.exp(-x)))


def _coin(rng: np.random.Generator, p: Any, n: int) -> Floats:
    return (rng.random(n) < p).astype(np.float64)


def front_door_table(rng: np.random.Generator, n: int) -> Columns:
    """x -> m -> y with a hidden coin behind x and y: the effect is 0.5 x 0.4."""
    u = _coin(rng, 0.5, n)
    x = _coin(rng, 0.2 + 0.6 * u, n)
    m = _coin(rng, 0.2 + 0.5 * x, n)
    return {"x": x, "m": m, "y": _coin(rng, 0.1 + 0.4 * m + 0.4 * u, n)}


def napkin_table(rng: np.random.Generator, n: int) -> Columns:
    """w -> r -> x -> y, hidden coins behind w and x and behind w and y: the effect is 0.4."""
    u, v = _coin(rng, 0.5, n), _coin(rng, 0.5, n)
    w = _coin(rng, 0.1 + 0.4 * u + 0.4 * v, n)
    r = _coin(rng, 0.2 + 0.6 * w, n)
    x = _coin(rng, 0.1 + 0.4 * r + 0.4 * u, n)
    return {"w": w, "r": r, "x": x, "y": _coin(rng, 0.1 + 0.4 * x + 0.4 * v, n)}


def districts_table(rng: np.random.Generator, n: int) -> Columns:
    """x -> w -> z -> y, x <-> z, w <-> y: the effect is 0.4 to the third."""
    u, v = _coin(rng, 0.5, n), _coin(rng, 0.5, n)
    x = _coin(rng, 0.2 + 0.6 * u, n)
    w = _coin(rng, 0.1 + 0.4 * x + 0.4 * v, n)
    z = _coin(rng, 0.1 + 0.4 * w + 0.4 * u, n)
    return {"x": x, "w": w, "z": z, "y": _coin(rng, 0.1 + 0.4 * z + 0.4 * v, n)}


def districts_numbers(rng: np.random.Generator, n: int) -> Columns:
    """The same graph with numbers for w, z, y: the effect is 1."""
    u, v = rng.normal(size=(2, n))
    x = _coin(rng, expit(u), n)
    w = x + v + rng.normal(size=n)
    z = w + u + rng.normal(size=n)
    return {"x": x, "w": w, "z": z, "y": z + v + rng.normal(size=n)}


def front_door_numbers(rng: np.random.Generator, n: int) -> Columns:
    """x -> m -> y with c behind all three and a hidden cause of x and y: the effect is 1."""
    u, c = rng.normal(size=(2, n))
    x = _coin(rng, expit(0.8 * u + 0.5 * c), n)
    m = x + 0.4 * c + rng.normal(size=n)
    return {"c": c, "x": x, "m": m, "y": m + 0.9 * u + 0.5 * c + rng.normal(size=n)}


def front_door_dose(rng: np.random.Generator, n: int) -> Columns:
    """The same with a dose: 1 per unit."""
    u, c = rng.normal(size=(2, n))
    x = 0.8 * u + 0.5 * c + rng.normal(size=n)
    m = x + 0.4 * c + rng.normal(size=n)
    return {"c": c, "x": x, "m": m, "y": m + 0.9 * u + 0.5 * c + rng.normal(size=n)}


def compliers(rng: np.random.Generator, n: int) -> Columns:
    """An instrument that depends on c; compliance and effect do too; always-takers differ."""
    c = rng.normal(size=n)
    z = _coin(rng, expit(0.7 * c), n)
    share = 0.3 + 0.4 * expit(c)
    kind = rng.random(n)
    always = kind > (1 + share) / 2
    x = np.where(kind < share, z, always.astype(np.float64))
    y = (1 + 0.5 * c) * x + c + 0.8 * always + rng.normal(size=n)
    return {"c": c, "z": z, "x": x, "y": y}


def complier_effect() -> float:
    """E[share(c) (1 + c / 2)] / E[share(c)] by Gauss-Hermite quadrature."""
    at, mass = np.polynomial.hermite_e.hermegauss(80)
    share = 0.3 + 0.4 * expit(at)
    return float(mass @ (share * (1 + 0.5 * at)) / (mass @ share))


def linear_instruments(strength: float, count: int) -> Draw:
    """`count` normal instruments that move x by `strength` each; u is behind x and y."""

    def draw(rng: np.random.Generator, n: int) -> Columns:
        z = rng.normal(size=(n, count))
        u = rng.normal(size=n)
        x = strength * z.sum(axis=1) + u + 0.5 * rng.normal(size=n)
        y = x + u + 0.5 * rng.normal(size=n) * (1 + 0.5 * np.abs(z[:, 0]))
        return {**{f"z{k}": z[:, k] for k in range(count)}, "x": x, "y": y}

    return draw


def mediator_table(rng: np.random.Generator, n: int) -> Columns:
    """A binary mediator, one covariate behind all, treatment and mediator interact."""
    c = rng.normal(size=n)
    t = _coin(rng, expit(0.7 * c), n)
    m = _coin(rng, expit(1.2 * t - 0.6 + 0.5 * c), n)
    y = 0.5 * t + m + 0.4 * t * m + 0.6 * c + rng.normal(size=n)
    return {"c": c, "t": t, "m": m, "y": y}


def mediator_truths() -> dict[str, float]:
    """By Gauss-Hermite quadrature over the covariate."""
    at, mass = np.polynomial.hermite_e.hermegauss(80)
    mass = mass / mass.sum()
    one, zero = expit(0.6 + 0.5 * at), expit(-0.6 + 0.5 * at)
    return {"NDE": float(0.5 + 0.4 * mass @ zero), "NIE": float(1.4 * mass @ (one - zero))}


def mediators_numbers(rng: np.random.Generator, n: int) -> Columns:
    """Two mediators, the first moves the second: NDE 0.5 + 0.4 E[m1(0)] = 0.5, NIE 2.12."""
    c = rng.normal(size=n)
    t = _coin(rng, expit(0.7 * c), n)
    m1 = 0.8 * t + 0.5 * c + rng.normal(size=n)
    m2 = 0.6 * t + 0.5 * m1 + rng.normal(size=n)
    y = 0.5 * t + m1 + m2 + 0.4 * t * m1 + 0.6 * c + rng.normal(size=n)
    return {"c": c, "t": t, "m1": m1, "m2": m2, "y": y}


P = Graph.parse
WORLDS: dict[str, World] = {
    "front-door, table": World(P("x -> m -> y; x <-> y"), 1000, front_door_table, {"ATE": 0.2}),
    "napkin, table": World(
        P("w -> r -> x -> y; w <-> x; w <-> y"), 2000, napkin_table, {"ATE": 0.4}
    ),
    "two districts, table": World(
        P("x -> w -> z -> y; x <-> z; w <-> y"), 2000, districts_table, {"ATE": 0.064}
    ),
    "two districts, numbers": World(
        P("x -> w -> z -> y; x <-> z; w <-> y"), 500, districts_numbers, {"ATE": 1.0}
    ),
    "front-door, numbers": World(
        P("x -> m -> y; x <-> y; c -> x; c -> m; c -> y"), 1000, front_door_numbers, {"ATE": 1.0}
    ),
    "front-door, dose": World(
        P("x -> m -> y; x <-> y; c -> x; c -> m; c -> y"), 1000, front_door_dose, {"ATE": 1.0}
    ),
    "compliers": World(
        P("c -> z; c -> x; c -> y; z -> x; x -> y; x <-> y"), 1000, compliers,
        {"LATE": complier_effect()},
    ),
    "one strong instrument": World(
        P("z0 -> x -> y; x <-> y"), 500, linear_instruments(0.5, 1), {"LATE": 1.0}
    ),
    "one weak instrument": World(
        P("z0 -> x -> y; x <-> y"), 500, linear_instruments(0.07, 1), {"LATE": 1.0}
    ),
    "four weak instruments": World(
        P("z0 -> x; z1 -> x; z2 -> x; z3 -> x; x -> y; x <-> y"), 500,
        linear_instruments(0.07, 4), {"LATE": 1.0},
    ),
    "mediator, levels": World(
        P("c -> t; c -> m; c -> y; t -> m; t -> y; m -> y"), 1000, mediator_table,
        mediator_truths(),
    ),
    "two mediators, numbers": World(
        P("c -> t; c -> m1; c -> y; t -> m1; t -> m2; m1 -> m2; t -> y; m1 -> y; m2 -> y"), 1000,
        mediators_numbers, {"NDE": 0.5, "NIE": 0.8 * 1.4 + 0.6 + 0.5 * 0.8},
    ),
}  # fmt: skip
