"""Model and GenerativeModel: what do, sample and counterfactual need; Ensemble; Draws."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np
from numpy.typing import NDArray

from .data import Data
from .errors import InputError, NotSupported, unknown
from .graph import Graph
from .intervention import Intervention
from .missing import told
from .result import Result, lock
from .variable import Variable

if TYPE_CHECKING:
    import pandas as pd

POSTERIOR_DRAWS = 40  # draws of the noise where a unit's values do not determine it


class Model(ABC):
    """What the verbs need of any substrate."""

    @property
    @abstractmethod
    def variables(self) -> tuple[Variable, ...]:
        """The variables that can be seen; those with a writable site can be set."""

    @abstractmethod
    def do(self, *interventions: Intervention) -> Self:
        """The model under interventions, which are added to those already there."""

    @abstractmethod
    def abduct(self, units: Data, *, rng: np.random.Generator) -> Any:
        """The exogenous part of the units: one posterior draw for each.

        It may have a method `repeat(draws)`: that many draws for the same units at once, which
        `run` takes to units times draws rows, draw after draw.
        """

    @abstractmethod
    def run(self, exogenous: Any) -> Data:
        """The values that follow from the exogenous part under the interventions."""

    @property
    def exact(self) -> bool:
        """True if `abduct` is a function of the units, so that one draw says all."""
        return True

    @property
    def approximate(self) -> tuple[str, ...]:
        """Variables whose facts come back only nearly, such as a picture that is decoded."""
        return ()

    @property
    def members(self) -> tuple[tuple[float, Graph | None, Model], ...]:
        """(weight, graph, model) of the models that this one mixes; itself unless an Ensemble."""
        return ((1.0, getattr(self, "graph", None), self),)

    @final
    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables."""
        return tuple(v.name for v in self.variables)

    @final
    def check(self, interventions: Sequence[Intervention]) -> None:
        """Raise unless each intervention names a variable of the model."""
        for item in interventions:
            for name in (item.variable, *item.reads):
                if name not in self.names:
                    raise unknown(name, self.names)


class GenerativeModel(Model):
    """A model that can also draw new units."""

    @abstractmethod
    def draw(self, n: int, *, rng: np.random.Generator) -> Any:
        """The exogenous part of n new units."""

    @final
    def sample(self, n: int, *, seed: int | np.random.Generator = 0) -> Data:
        """n new units under the model's interventions."""
        if n < 1:
            raise InputError(f"sample({n}): ask for at least one unit")
        return self.run(self.draw(n, rng=np.random.default_rng(seed)))


@dataclass(frozen=True, eq=False)
class Ensemble(GenerativeModel, Result):
    """Models weighted by how far each is believed.

    Parameters
    ----------
    parts : tuple of GenerativeModel
    weights : (m,) float
        Non-negative, summing to 1.
    graphs : tuple of Graph
        The graph behind each part.
    meaning : str
        What the weights are: "bootstrap", "posterior" or "equivalence class". Those of an
        equivalence class say nothing about belief, and never shrink an interval.
    sampled : bool
        True if the parts are a uniform sample of a larger set.
    interventions : tuple of Intervention
        Applied to every part when the model runs.
    notes : tuple of str
        What a reader of its answers should know, such as what was done about missing cells.
    """

    parts: tuple[GenerativeModel, ...]
    weights: NDArray[np.float64]
    graphs: tuple[Graph, ...]
    meaning: str = "bootstrap"
    sampled: bool = False
    interventions: tuple[Intervention, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        w = np.asarray(self.weights, dtype=np.float64)
        if not self.parts or len(w) != len(self.parts) or (w < 0).any() or not w.sum() > 0:
            raise InputError("an Ensemble needs one non-negative weight for each of its models")
        object.__setattr__(self, "weights", lock(w / w.sum()))

    @property
    def variables(self) -> tuple[Variable, ...]:
        return self.parts[0].variables

    @property
    def exact(self) -> bool:
        return all(part.exact for part in self.parts)

    @property
    def members(self) -> tuple[tuple[float, Graph | None, Model], ...]:
        parts = [part.do(*self.interventions) for part in self.parts]
        return tuple(zip(self.weights.tolist(), self.graphs, parts, strict=True))

    def do(self, *interventions: Intervention) -> Ensemble:
        self.check(interventions)
        for part in self.parts:
            part.do(*interventions)  # wrong values are named now, not when the model runs
        return replace(self, interventions=(*self.interventions, *interventions))

    def abduct(
        self, units: Data, *, rng: np.random.Generator
    ) -> list[tuple[NDArray[np.intp], Any]]:
        which = rng.choice(len(self.parts), size=units.n, p=self.weights)
        rows = [(which == k).nonzero()[0] for k in range(len(self.parts))]
        return [
            (r, part.abduct(units.take(r), rng=rng) if len(r) else None)
            for r, part in zip(rows, self.parts, strict=True)
        ]

    def draw(self, n: int, *, rng: np.random.Generator) -> list[tuple[NDArray[np.intp], Any]]:
        which = rng.choice(len(self.parts), size=n, p=self.weights)
        rows = [(which == k).nonzero()[0] for k in range(len(self.parts))]
        return [
            (r, part.draw(len(r), rng=rng) if len(r) else None)
            for r, part in zip(rows, self.parts, strict=True)
        ]

    def run(self, exogenous: list[tuple[NDArray[np.intp], Any]]) -> Data:
        n = sum(len(r) for r, _ in exogenous)
        out = {v.name: np.empty((n, *v.shape)) for v in self.variables}
        for (rows, part_exogenous), part in zip(exogenous, self.parts, strict=True):
            if len(rows):
                items = [item.of_units(rows, n) for item in self.interventions]
                values = part.do(*items).run(part_exogenous)
                for name, column in out.items():
                    column[rows] = values.column(name)
        return Data(self.variables, {k: lock(v) for k, v in out.items()})

    def frame(self) -> pd.DataFrame:
        """One row a member: its weight and its graph."""
        import pandas as pd

        return pd.DataFrame({"weight": self.weights, "graph": [str(g) for g in self.graphs]})

    def __repr__(self) -> str:
        sampled = ", a uniform sample of a larger set" if self.sampled else ""
        head = f"Ensemble of {len(self.parts)} models (weights: {self.meaning}{sampled})"
        return "\n".join([head, *(f"  note: {note}" for note in self.notes)])


@dataclass(frozen=True, eq=False)
class Draws(Result):
    """Counterfactual values of units: the point answer, and the draws behind it.

    Parameters
    ----------
    described : tuple of Variable
    columns : dict of str to (draws, n, *shape) arrays
        Internal values, one slice a draw.
    weights : (draws,) float
        Summing to 1.
    graphs : tuple of Graph or None
        The graph behind each draw.
    meaning : str
        What the weights mean (see `Ensemble`); "equivalence class" gives ranges.
    notes : tuple of str
        What was done about missing cells of the units.
    """

    described: tuple[Variable, ...]
    columns: dict[str, NDArray[Any]]
    weights: NDArray[np.float64]
    graphs: tuple[Graph | None, ...]
    meaning: str = "posterior"
    notes: tuple[str, ...] = ()
    cites: tuple[str, ...] = field(default=("pearl2009",))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables."""
        return tuple(v.name for v in self.described)

    @cached_property
    def point(self) -> Data:
        """The point answer: the weighted mean of numbers, the likeliest level of a category."""
        columns = {}
        for v in self.described:
            draws = self.columns[v.name]
            if len(draws) == 1:
                columns[v.name] = draws[0]
            elif v.discrete:
                columns[v.name] = self._mode(v)
            elif v.kind == "count":
                settled = (draws == draws[0]).all(axis=0)  # what was set stays as it was set
                columns[v.name] = np.where(settled, draws[0], np.rint(self._mean(v)))
            else:
                columns[v.name] = self._mean(v)
        return Data(self.described, columns)

    def _mean(self, v: Variable) -> NDArray[np.float64]:
        draws = self.columns[v.name]  # deviations, so that the mean of equal draws is exact
        return draws[0] + np.tensordot(self.weights, draws - draws[0], axes=1)

    def _mode(self, v: Variable) -> NDArray[np.float64]:
        shares = [self.prob(v.name, level) for level in v.levels or ()]
        return np.argmax(np.stack(shares), axis=0).astype(np.float64)

    @property
    def values(self) -> NDArray[np.float64]:
        """The point answer as a matrix (n, d); categories as codes."""
        return self.point.values

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))[0])

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The point answer (n,) of a variable, in the user's own values."""
        return self.point[name]

    def _variable(self, name: str) -> Variable:
        if name not in self.names:
            raise unknown(name, self.names)
        return self.described[self.names.index(name)]

    def interval(self, level: float = 0.95) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
        """(lower, upper) arrays (n,) for each numeric variable.

        Weighted quantiles of the draws; the whole range over an equivalence class, whose
        weights are no belief. About one unit and one variable each, not simultaneous. They hold
        what draws differ by: noise left open, unknown cells, graphs, and the uncertainty of the
        fit only if it was made on resampled rows, `Structural(graph, resamples=100)`.
        """
        if not 0 < level < 1:
            raise InputError(f"interval({level}): expected a level between 0 and 1")
        out = {}
        for v in self.described:
            if not v.discrete:
                draws = self.columns[v.name]
                if self.meaning == "equivalence class":
                    out[v.name] = (draws.min(axis=0), draws.max(axis=0))
                else:
                    out[v.name] = _quantiles(draws, self.weights, (1 - level) / 2)
        return out

    def prob(self, name: str, value: Any) -> NDArray[np.float64]:
        """Weighted share (n,) of draws in which the variable has the value."""
        v = self._variable(name)
        return np.tensordot(self.weights, self.columns[name] == v.encode(value), axes=1)

    def sets(self, level: float = 0.95) -> dict[str, tuple[tuple[Any, ...], ...]]:
        """The fewest levels of that weight, of each variable with levels: a tuple for each unit.

        Likeliest first; over an equivalence class every level that occurs.
        """
        if not 0 < level < 1:
            raise InputError(f"sets({level}): expected a level between 0 and 1")
        need, out = (1.0 if self.meaning == "equivalence class" else level), {}
        for v in (v for v in self.described if v.discrete):
            share = np.stack([self.prob(v.name, x) for x in v.levels or ()], axis=1)
            order = np.argsort(-share, axis=1, kind="stable")
            count = 1 + (np.take_along_axis(share, order, 1).cumsum(axis=1) < need - 1e-9).sum(1)
            kept = (row[:k] for row, k in zip(order, count, strict=True))
            out[v.name] = tuple(tuple((v.levels or ())[i] for i in row) for row in kept)
        return out

    def by_graph(self) -> Iterator[tuple[Graph | None, float, Draws]]:
        """(graph, weight, draws under that graph), for each distinct graph."""
        groups: dict[Any, list[int]] = {}
        for i, graph in enumerate(self.graphs):
            groups.setdefault(graph, []).append(i)
        for graph, rows in groups.items():
            weight = float(self.weights[rows].sum())
            columns = {k: lock(c[rows]) for k, c in self.columns.items()}
            part = self.weights[rows] / weight
            yield graph, weight, Draws(self.described, columns, part, (graph,) * len(rows))

    def frame(self) -> pd.DataFrame:
        """The point answer as a table."""
        return self.point.frame()

    def __repr__(self) -> str:
        graphs = len({id(g) for g in self.graphs})
        return (
            f"Draws: {len(self)} units x {len(self.described)} variables, "
            f"{len(self.weights)} draws over {graphs} graphs ({self.meaning})\n{self.frame()}"
            + "".join(f"\nnote: {note}" for note in self.notes)
        )


def _quantiles(
    draws: NDArray[Any], weights: NDArray[np.float64], tail: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    if len(draws) == 1:
        return draws[0], draws[0]
    if np.allclose(weights, weights[0]):
        return tuple(np.quantile(draws, [tail, 1 - tail], axis=0))
    order = np.argsort(draws, axis=0)
    ranked = np.take_along_axis(draws, order, axis=0)
    total = np.cumsum(weights[order], axis=0)
    low_at = (total >= tail).argmax(axis=0)[None]
    high_at = (total >= 1 - tail - 1e-12).argmax(axis=0)[None]
    return (
        np.take_along_axis(ranked, low_at, axis=0)[0],
        np.take_along_axis(ranked, high_at, axis=0)[0],
    )


def counterfactual(
    model: Model,
    units: Data,
    interventions: Sequence[Intervention],
    *,
    rng: np.random.Generator,
    complete: Callable[..., list[Data]] | None = None,
) -> Draws:
    """What the units would have been: `m.do(*I).run(m.abduct(units))` for each member model.

    Abduction, action, prediction (Pearl 2009, theorem 7.1.7); where values do not determine
    the noise, `POSTERIOR_DRAWS` draws of it. `complete(model, draws, rng=rng)` gives copies of
    units with missing cells, whose draws then join those of the noise.
    """
    if not units.n:
        raise InputError("counterfactual needs at least one unit")
    model.check(interventions)
    members = [m for m in model.members if m[0] > 0]
    single = model.exact and complete is None
    repeats = 1 if single else max(1, -(-POSTERIOR_DRAWS // len(members)))
    if units.names != model.names and set(model.names) <= set(units.names):
        units = units.select(model.names)  # once, not in every draw
    slices: dict[str, list[NDArray[Any]]] = {v.name: [] for v in model.variables}
    weights, graphs = [], []
    for weight, graph, member in members:
        changed = member.do(*interventions)
        copies = [units] if complete is None else complete(member, repeats, rng=rng)
        exogenous = member.abduct(copies[0], rng=rng)
        repeat = getattr(exogenous, "repeat", None)
        if repeats > 1 and repeat is not None and complete is None:
            together = changed.run(repeat(repeats))
            for v in model.variables:
                column = together.column(v.name)
                slices[v.name].append(column.reshape(repeats, -1, *v.shape))
        else:
            for i in range(repeats):
                unit = copies[i % len(copies)]
                values = changed.run(member.abduct(unit, rng=rng) if i else exogenous)
                for name, parts in slices.items():
                    parts.append(values.column(name)[None])
        weights += [weight / repeats] * repeats
        graphs += [graph] * repeats
    columns = {name: lock(np.concatenate(parts)) for name, parts in slices.items()}
    meaning = getattr(model, "meaning", "posterior")
    notes = () if complete is None else told(units)
    return Draws(model.variables, columns, np.asarray(weights), tuple(graphs), meaning, notes)


def generative(model: Model, verb: str) -> GenerativeModel:
    """The model, or an error if it cannot draw new units."""
    if not isinstance(model, GenerativeModel):
        raise NotSupported(
            f"{verb} needs new units, which a {type(model).__name__} cannot draw; "
            "pass units to rung.counterfactual instead"
        )
    return model
