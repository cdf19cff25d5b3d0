"""The grid behind the page's do(): what every variable does when another is set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.graph import Graph
from ..core.intervention import Do
from ..core.model import GenerativeModel
from ..core.scm import SCM
from ..core.variable import Variable

SIMULATED = 2000  # units behind each point where there is no exact answer
ROOT_STATES = 200  # joint levels of roots, to follow linear mechanisms for each
STATES = 4096  # joint states up to which tables are summed exactly
Floats = NDArray[np.float64]


def simulator(
    model: GenerativeModel, data: Data, seed: int, names: Sequence[str]
) -> dict[str, Any]:
    """The mean of every variable (share of its last level) at values of every other of `names`.

    Exact where every mechanism is linear (means follow the mechanisms, for each level of roots
    that have levels) and where all variables have levels and their joint states are few (the
    truncated factorisation is summed); simulated otherwise.
    """
    members = [(w, m) for w, _, m in model.members if isinstance(m, SCM)]
    linear = all(_linear(m) for _, m in members)
    tables = all(v.discrete for v in model.variables)
    tables = tables and float(np.prod([float(v.size) for v in model.variables])) <= STATES
    exact = bool(members) and (linear or tables)
    graphs = {graph for _, graph, _ in model.members if graph is not None}
    drawn = None if exact else model.draw(SIMULATED, rng=np.random.default_rng(seed))
    variables, effects = [], {}
    for v in (v for v in model.variables if v.name in names):
        column = data.column(v.name)
        column = column[~np.isnan(column)]  # those that were seen
        grid = _grid(v, column)
        variables.append({
            "name": v.name, "kind": str(v.kind), "unit": v.unit,
            "levels": [str(x) for x in v.levels] if v.levels else None,
            "mean": level_of(v, column), "sd": float(np.std(column)),
            "shown": shown_as(v), "grid": [float(g) for g in grid],
        })  # fmt: skip
        moved = [name for name in _moved(model.names, graphs, v.name) if name in names]
        if not moved:
            found = {}
        elif exact:
            found = _exactly(members, v.name, grid, moved, _sum_states if tables else _follow)
        else:
            found = _simulated(model, v, grid, moved, drawn)
        effects[v.name] = found
    return {
        "variables": variables, "kind": "linear" if exact and linear else "grid", "exact": exact,
        "effects": effects, "note": _note(exact, tables),
    }  # fmt: skip


def _note(exact: bool, tables: bool) -> str:
    if exact and tables:
        return "Exact: probabilities are summed over every joint state of the model's tables."
    if exact:
        return "Exact: every mechanism is linear, so means follow straight lines."
    return (
        f"Means over {SIMULATED} simulated units at some values of each variable, computed "
        "beforehand; values between them are interpolated."
    )


def _linear(scm: SCM) -> bool:
    roots = [m for m in scm.mechanisms.values() if m.variable.discrete]
    return (
        all(not m.parents for m in roots)
        and float(np.prod([float(m.variable.size) for m in roots])) <= ROOT_STATES
        and all(
            m.describe().get("kind") == "linear"
            for m in scm.mechanisms.values()
            if not m.variable.discrete
        )
    )


def _exactly(
    members: list[tuple[float, SCM]], name: str, grid: Floats, moved: list[str], answer: Any
) -> dict[str, list[float]]:
    out = {other: np.zeros(len(grid)) for other in moved}
    for weight, scm in members:
        means = answer(scm, name, grid)
        for other in moved:
            out[other] += weight * means[other]
    return {other: [float(x) for x in values] for other, values in out.items()}


def _follow(scm: SCM, name: str, grid: Floats) -> dict[str, Floats]:
    """Means under do(name = value) for each value of the grid: given roots with levels, a linear
    mechanism of means is the mean; then over the levels."""
    roots = [m for m in scm.mechanisms.values() if m.variable.discrete]
    many = int(np.prod([m.variable.size for m in roots]))
    states = np.indices([m.variable.size for m in roots]).reshape(len(roots), many)
    at, n = np.repeat(grid, many), many * len(grid)  # the states for one value after the other
    weight, means = np.ones(n), dict[str, Floats]()
    for m, codes in zip(roots, states, strict=True):
        means[m.variable.name] = np.tile(codes.astype(np.float64), len(grid))
        if m.variable.name == name:
            weight = weight * (means[name] == at)
        else:
            shares = m.probabilities({}, many)[np.arange(many), codes]
            weight = weight * np.tile(shares, len(grid))
    for node in scm.graph.topological_order():
        mechanism = scm.mechanisms[node]
        given = {p.name: means[p.name] for p in mechanism.parents}
        if node == name:
            means[node] = at
        elif not mechanism.variable.discrete:
            means[node] = mechanism.mean(given, n)
    tops = {m.variable.name: m.variable.size - 1 for m in roots}
    return {
        node: (weight * (x == tops[node] if node in tops else x)).reshape(-1, many).sum(axis=1)
        for node, x in means.items()
    }


def _sum_states(scm: SCM, name: str, grid: Floats) -> dict[str, Floats]:
    """Shares of the last levels under do(name = value) for each value of the grid."""
    found = [_states_under(scm, name, float(value)) for value in grid]
    return {node: np.array([row[node] for row in found]) for node in found[0]}


def _states_under(scm: SCM, name: str, value: float) -> dict[str, float]:
    """Shares of the last levels under do(name = value), by the truncated factorisation."""
    sizes = [v.size for v in scm.variables]
    states = np.indices(sizes).reshape(len(sizes), -1)
    codes = {v.name: states[i].astype(np.float64) for i, v in enumerate(scm.variables)}
    prob = np.ones(states.shape[1])
    for node, mechanism in scm.mechanisms.items():
        if node == name:
            prob = prob * (codes[node] == value)
        else:
            given = {p.name: codes[p.name] for p in mechanism.parents}
            table = mechanism.probabilities(given, len(prob))
            prob = prob * table[np.arange(len(prob)), codes[node].astype(np.intp)]
    return {v.name: float(prob[codes[v.name] == v.size - 1].sum()) for v in scm.variables}


def _simulated(
    model: GenerativeModel, v: Variable, grid: Floats, moved: list[str], drawn: Any
) -> dict[str, list[float]]:
    described = {w.name: w for w in model.variables}
    table: dict[str, list[float]] = {name: [] for name in moved}
    for value in grid:
        shown = v.decode(np.array([value]))[0] if v.discrete else value
        world = model.do(Do(v.name, shown))
        assert isinstance(world, GenerativeModel)
        values = world.run(drawn)
        for name in moved:
            table[name].append(level_of(described[name], values.column(name)))
    return table


def _grid(v: Variable, column: NDArray[Any]) -> Floats:
    if v.discrete:
        return np.arange(min(v.size, 20), dtype=np.float64)
    grid = np.quantile(column, [0.02, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.98])
    return np.unique(np.rint(grid) if v.kind == "count" else grid)


def _moved(names: Sequence[str], graphs: set[Graph], name: str) -> list[str]:
    """Descendants of a variable in any member's graph, in the order of the names."""
    below: set[str] = set()
    for graph in graphs:
        frontier, seen = [name], {name}
        while frontier:
            fresh = [c for c in graph.children(frontier.pop()) if c not in seen]
            seen.update(fresh)
            frontier += fresh
        below |= seen
    return [n for n in names if n in below and n != name]


def shown_as(v: Variable) -> str:
    """What a number about the variable is."""
    return f"share of {v.name} = {(v.levels or ('',))[-1]}" if v.discrete else f"mean of {v.name}"


def level_of(v: Variable, column: NDArray[Any]) -> float:
    """The mean, or the share of the last level."""
    return float((column == v.size - 1).mean()) if v.discrete else float(column.mean())
