"""What every world shares: factors with a true SCM, and one picture for each of their values."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.data import Data, Origin
from ...core.errors import InputError, ReadOnlySite, unknown
from ...core.graph import Graph
from ...core.intervention import Intervention
from ...core.model import GenerativeModel
from ...core.result import Result, lock
from ...core.scm import SCM, Noise
from ...core.variable import Variable

if TYPE_CHECKING:
    import pandas as pd

Pictures = NDArray[np.float32]
Columns = Mapping[str, NDArray[np.float64]]
IMAGE = "image"
SMALLEST = 8  # pixels a side
SAME = 1e-4  # brightness by which a unit's picture may differ from the one drawn for its factors


@dataclass(frozen=True, eq=False, repr=False)
class World(Result):
    """Pictures with known causes: n units, drawn for a seed.

    A world is its factors, the true SCM that relates them, and a drawing that is a function of
    the SCM's columns. Each picture depends on its own row alone.
    """

    n: int
    seed: int
    size: int

    licence: ClassVar[str | None] = None  # of real pictures

    def __post_init__(self) -> None:
        name = type(self).__name__
        if self.rows < 1:
            raise InputError(f"{name}(n={self.n}): ask for at least one picture")
        if self.size < SMALLEST:
            raise InputError(f"{name}(size={self.size}): a picture has at least {SMALLEST} pixels")

    @property
    def rows(self) -> int:
        """Number of pictures."""
        return self.n

    @property
    @abstractmethod
    def factors(self) -> tuple[str, ...]:
        """Names of the factors."""

    @cached_property
    @abstractmethod
    def scm(self) -> SCM:
        """The true SCM: the factors, and further root columns that the drawing needs."""

    @abstractmethod
    def _draw(self, columns: Columns, n: int) -> Pictures:
        """Pictures (n, channels, size, size) in [0, 1] of checked internal values (n,)."""

    @property
    def channels(self) -> int:
        """3 for colour, 1 for grey."""
        return 3

    @final
    @cached_property
    def image(self) -> Variable:
        """The description of the picture column."""
        return Variable(IMAGE, shape=(self.channels, self.size, self.size))

    @cached_property
    def graph(self) -> Graph:
        """The true DAG over the factors."""
        scm, names = self.scm.graph, self.factors
        edges = [(a, "->", b) for b in names for a in scm.parents(b) if a in names]
        return Graph.from_edges(edges, names)

    @cached_property
    def data(self) -> Data:
        """The n units: columns of the SCM, then "image", float32 (n, channels, size, size)."""
        return self._drawn()

    def _drawn(self) -> Data:
        values = self.scm.sample(self.n, seed=self.seed)
        columns = {name: values.column(name) for name in self.scm.names}
        pictures = lock(self._draw(self._checked(columns), self.n))
        described = (*self.scm.variables, self.image)
        return Data(described, {**columns, IMAGE: pictures}, origin=self._origin())

    @final
    def _origin(self) -> Origin:
        name, told = type(self).__name__.lower(), (f"seed {self.seed}",)
        return Origin(name, licence=self.licence, decisions=told)

    @property
    def model(self) -> DrawnModel:
        """The world as a model: `rung.counterfactual(world.model, units, ...)` is the truth."""
        return DrawnModel(self)

    @final
    def render(self, factors: Data | Mapping[str, ArrayLike]) -> Pictures:
        """The pictures of given values: (n, channels, size, size) float32 in [0, 1].

        Parameters
        ----------
        factors : Data or mapping of name to values (n,)
            Every column of `scm`, in the user's own values (levels, not codes).

        Raises
        ------
        UnknownName
            A column of the SCM is absent, or a name of the mapping is none of them.
        InputError
            A level or number that cannot be drawn, or columns of unequal length.
        """
        names = self.scm.names
        given = {k: factors[k] for k in (factors.names if isinstance(factors, Data) else factors)}
        for name in given:
            if name not in names and not isinstance(factors, Data):
                raise unknown(name, names, "factor")
        for name in names:
            if name not in given:
                raise InputError(f"render needs every column of the SCM; {name!r} is missing")
        columns = {v.name: np.atleast_1d(v.encode(given[v.name])) for v in self.scm.variables}
        n = max(len(c) for c in columns.values())
        for name, column in columns.items():
            if column.ndim != 1 or len(column) not in (1, n):
                raise InputError(
                    f"render: {name!r} has shape {column.shape}, expected ({n},) or one number"
                )
        columns = {k: np.ascontiguousarray(np.broadcast_to(c, n)) for k, c in columns.items()}
        return self._draw(self._checked(columns), n)

    @final
    def _checked(self, columns: Columns) -> Columns:
        """The columns, if each can be drawn."""
        for v in self.scm.variables:
            if not np.isfinite(columns[v.name]).all():
                row = int((~np.isfinite(columns[v.name])).argmax())
                raise InputError(f"row {row} of {v.name!r} is not finite; it cannot be drawn")
        for name, (low, high) in self._limits().items():
            column = columns[name]
            outside = (column < low) | (column > high)
            if outside.any():
                row = int(outside.argmax())
                raise InputError(
                    f"{name} = {column[row]:.6g} (row {row}) cannot be drawn; {name!r} of a "
                    f"{type(self).__name__} lies between {low:g} and {high:g}"
                )
        return columns

    def _limits(self) -> Mapping[str, tuple[float, float]]:
        """What can be drawn: (lowest, highest) of a column; the rest are not limited."""
        return {}

    def frame(self) -> pd.DataFrame:
        """The factors of the n units."""
        return self.data.drop([IMAGE]).frame()

    def __repr__(self) -> str:
        name, (c, h, w) = type(self).__name__, self.image.shape
        lines = [
            f"{name}: {self.rows} pictures {c} x {h} x {w}, seed {self.seed}",
            f"  {self.graph}",
        ]
        roots = [v.name for v in self.scm.variables if v.name not in self.factors]
        if roots:
            lines.append(f"  and columns {', '.join(roots)}, which no factor causes")
        lines += [f"  {v.name}: {v.kind}{f' [{v.unit}]' if v.unit else ''}{_range(v, self)}"
                  for v in self.scm.variables if v.name in self.factors]  # fmt: skip
        return "\n".join(lines)


def _range(v: Variable, world: World) -> str:
    if v.discrete:
        return f" {list(v.levels or ())[:6]}"
    limits = world._limits().get(v.name)
    return f", can be drawn from {limits[0]:g} to {limits[1]:g}" if limits else ""


@dataclass(frozen=True, eq=False, repr=False)
class Unit:
    """The exogenous part of pictures: noise of the SCM, and the observed pictures if abducted."""

    noise: Noise
    facts: Data | None
    pictures: Pictures | None

    def repeat(self, draws: int) -> Unit:
        """`draws` posterior draws for the same units."""
        return Unit(self.noise.repeat(draws), self.facts, self.pictures)


@dataclass(frozen=True, eq=False, repr=False)
class DrawnModel(GenerativeModel, Result):
    """A world under interventions: its true SCM, then its drawing.

    Abduction goes through the true SCM, whose columns are in the units; the picture has no noise
    of its own. A unit whose factors stay as they were keeps its picture exactly.
    """

    world: World
    interventions: tuple[Intervention, ...] = ()
    base: SCM | None = None

    @property
    def latents(self) -> SCM:
        """The true SCM under the interventions; `base` is one with other mechanisms."""
        return (self.world.scm if self.base is None else self.base).do(*self.interventions)

    @property
    def graph(self) -> Graph:
        """The true DAG over the SCM's columns and the picture, which depends on all of them."""
        scm = self.latents.graph
        edges = [(a, "->", b) for b in scm.names for a in scm.parents(b)]
        edges += [(name, "->", IMAGE) for name in scm.names]
        return Graph.from_edges(edges, (*scm.names, IMAGE))

    @property
    def variables(self) -> tuple[Variable, ...]:
        return (*self.world.scm.variables, self.world.image)

    @property
    def exact(self) -> bool:
        return self.latents.exact

    def do(self, *interventions: Intervention) -> DrawnModel:
        self.check(interventions)
        for item in interventions:
            if item.variable == IMAGE:
                raise ReadOnlySite("a picture is drawn from its factors; set a factor instead")
        self.latents.do(*interventions)  # a wrong level is named now
        return replace(self, interventions=(*self.interventions, *interventions))

    def draw(self, n: int, *, rng: np.random.Generator) -> Unit:
        return Unit(self.latents.draw(n, rng=rng), None, None)

    def abduct(self, units: Data, *, rng: np.random.Generator) -> Unit:
        """The noise of units.

        Raises
        ------
        InputError
            A column is absent, or a picture is not the one that the world draws for its factors.
        """
        noise = self.latents.abduct(units, rng=rng)
        facts = noise.facts
        assert facts is not None
        pictures = self.world.render(facts)
        if IMAGE in units.names:
            own = units.column(IMAGE)
            if own.shape != pictures.shape:
                raise InputError(f"the units' pictures are {own.shape[1:]}, the world's are "
                                 f"{pictures.shape[1:]}")  # fmt: skip
            wrong = np.abs(own - pictures).max(axis=(1, 2, 3)) > SAME
            if wrong.any():
                raise InputError(
                    f"the picture of unit {int(wrong.argmax())} is not what the world draws for "
                    "its factors; counterfactuals of other pictures need a fitted model"
                )
            pictures = own
        return Unit(noise, facts, pictures)

    def run(self, exogenous: Unit) -> Data:
        scm, world = self.latents, self.world
        values = scm.run(exogenous.noise)
        if exogenous.pictures is None or exogenous.facts is None:
            pictures = world.render(values)
        else:
            pictures = _redrawn(world, values, exogenous.facts, exogenous.pictures)
        return Data(self.variables, {**_columns(values), IMAGE: lock(pictures)})

    def frame(self) -> pd.DataFrame:
        """One row a node of the SCM."""
        return self.latents.frame()

    def __repr__(self) -> str:
        return f"{type(self.world).__name__} drawn from its true {self.latents!r}"


def _columns(values: Data) -> dict[str, NDArray[Any]]:
    return {name: values.column(name) for name in values.names}


def _redrawn(world: World, values: Data, facts: Data, pictures: Pictures) -> Pictures:
    """The units' own pictures, drawn anew where a column changed; units once a posterior draw."""
    draws = values.n // facts.n
    out = np.tile(pictures, (draws, 1, 1, 1)).astype(np.float32)
    same = np.ones(values.n, dtype=np.bool_)
    for name in facts.names:
        same &= values.column(name) == np.tile(facts.column(name), draws)
    rows = np.nonzero(~same)[0]
    if len(rows):
        out[rows] = world.render(values.take(rows))
    return out
