"""Model and GenerativeModel: what do, sample and counterfactual need; Ensemble."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np
from numpy.typing import NDArray

from .data import Data
from .draws import Draws
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
