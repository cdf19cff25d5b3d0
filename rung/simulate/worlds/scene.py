"""Scene: a world of one's own, from any SCM and a few things whose looks its factors set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.data import Data
from ...core.errors import InputError, unknown
from ...core.graph import Graph
from ...core.intervention import Intervention
from ...core.mechanism import Mechanism
from ...core.result import lock
from ...core.scm import SCM
from ...core.variable import Variable
from ...kernels.drawing import BAR, BOX, DISC, ELLIPSE, HEART, TRIANGLE
from .painting import Brush, painted
from .world import IMAGE, Columns, DrawnModel, Pictures, World

Floats = NDArray[np.float64]
KINDS = {"disc": DISC, "square": BOX, "triangle": TRIANGLE, "ellipse": ELLIPSE, "heart": HEART}
KINDS["bar"] = BAR
FLAT = {"ellipse": 0.6, "bar": 0.2}  # half height, in units of the half length
Environment = Sequence[Intervention] | Mapping[str, Mechanism]


@dataclass(frozen=True)
class Along:
    """An attribute that runs with a factor: `start` where it is `low`, `stop` where it is `high`.

    Linear, and beyond both ends as between them.
    """

    factor: str
    low: float
    high: float
    start: float = 0.0
    stop: float = 1.0

    def __post_init__(self) -> None:
        ends = (self.low, self.high, self.start, self.stop)
        if not np.isfinite(ends).all() or self.low == self.high:
            raise InputError(f"Along({self.factor!r}): expected finite ends and low unlike high")

    def of(self, column: Floats) -> Floats:
        """The attribute (n,) of values (n,) of the factor."""
        share = (column - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)


Look = float | str | Along


@dataclass(frozen=True)
class Thing:
    """A thing in a scene. Every look is a number, the name of a factor, or `Along(factor, ...)`.

    Parameters
    ----------
    shape : str
        "disc", "square", "triangle", "ellipse", "heart" or "bar"; or the name of a factor whose
        levels are such words.
    x, y : place of the centre in shares of the picture's side, y up
    size : half the length, in shares of the side
    turn : degrees, counter-clockwise
    hue : 0 red, 1/3 green, 2/3 blue, 1 red again
    saturation, brightness : from 0 to 1
    """

    shape: str = "disc"
    x: Look = 0.5
    y: Look = 0.5
    size: Look = 0.12
    turn: Look = 0.0
    hue: Look = 0.0
    saturation: Look = 0.85
    brightness: Look = 1.0

    def looks(self) -> dict[str, Look]:
        """Every look but the shape."""
        names = ("x", "y", "size", "turn", "hue", "saturation", "brightness")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False, repr=False)
class Scene(World):
    """Pictures of things whose looks are the variables of an SCM that the user gives.

    The idea of CausalVerse (Chen, Deng, Zhu, Li, Shen, Li and Zhang 2025): the graph, the
    mechanisms and the environments are the user's, the drawing follows.

    Parameters
    ----------
    n, seed : int
    size : int
        Pixels a side; pictures are (3, size, size).
    mechanisms : SCM, or mapping of name to Mechanism
        The factors and what causes them; `rung.simulate.Equation` makes a mechanism of a function.
        A mapping gives the graph by the mechanisms' parents.
    things : sequence of Thing
        The first is the lowest.
    environments : mapping of name to interventions, or to {variable: Mechanism}, optional
        What each environment intervenes on, or how it changes mechanisms; an empty one is as the
        SCM says. The n pictures are shared out evenly. `Data.environment` and `Data.targets` say
        which is which.
    background : tuple of 3 float
        Red, green, blue.

    Raises
    ------
    UnknownName
        A thing or an environment names a variable that the SCM does not have.
    InputError
        A shape that is none, a factor that cannot be drawn as the look it is bound to.
    """

    n: int = 1000
    seed: int = 0
    size: int = 28
    mechanisms: SCM | Mapping[str, Mechanism] = field(kw_only=True)
    things: tuple[Thing, ...] = field(kw_only=True)
    environments: Mapping[str, Environment] = field(default_factory=dict, kw_only=True)
    background: tuple[float, float, float] = field(default=(0.08, 0.08, 0.10), kw_only=True)

    cites = ("chen2025",)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "things", tuple(self.things))
        if not self.things:
            raise InputError("Scene(things=()): a picture of nothing shows no factor")
        for thing in self.things:
            self._check(thing)
        if self.environments and self.n < len(self.environments):
            raise InputError(f"Scene: {self.n} pictures for {len(self.environments)} environments")
        for name in self.environments:
            self.model_in(name)
        colour = np.asarray(self.background, dtype=np.float64)
        if colour.shape != (3,) or not ((colour >= 0) & (colour <= 1)).all():
            raise InputError("Scene(background=...): expected three numbers in [0, 1]")

    def _check(self, thing: Thing) -> None:
        described = {v.name: v for v in self.scm.variables}
        if thing.shape not in KINDS:
            if thing.shape not in described:
                raise unknown(thing.shape, (*KINDS, *described), "shape or factor")
            levels = described[thing.shape].levels or ()
            wrong = [level for level in levels if level not in KINDS]
            if wrong or not levels:
                raise InputError(
                    f"factor {thing.shape!r} is bound to a shape, so its levels must be among "
                    f"{', '.join(KINDS)}; it has {', '.join(map(repr, levels)) or 'none'}"
                )
        for look, value in thing.looks().items():
            factor = value.factor if isinstance(value, Along) else value
            if isinstance(factor, str) and factor not in described:
                raise unknown(factor, described, "factor")
            if not isinstance(factor, str) and not np.isfinite(factor):
                raise InputError(f"Thing({look}={value!r}): expected a finite number")

    @cached_property
    def scm(self) -> SCM:
        return self.mechanisms if isinstance(self.mechanisms, SCM) else _scm(self.mechanisms)

    @property
    def factors(self) -> tuple[str, ...]:
        return self.scm.names

    def model_in(self, environment: str) -> DrawnModel:
        """The world as it is in an environment, as a model."""
        if environment not in self.environments:
            raise unknown(environment, self.environments, "environment")
        changes = self.environments[environment]
        if not isinstance(changes, Mapping):
            return DrawnModel(self).do(*changes)
        for name in changes:
            self.scm.graph.index(name)
        return DrawnModel(self, base=_scm({**self.scm.mechanisms, **changes}))

    @cached_property
    def data(self) -> Data:
        """The n units: factors, then "image"; with environments and targets if any are given."""
        if not self.environments:
            return self._drawn()
        rng, names = np.random.default_rng(self.seed), tuple(self.environments)
        label = np.sort(np.arange(self.n) % len(names))
        parts = [
            self.model_in(name).latents.sample(int((label == e).sum()), seed=rng)
            for e, name in enumerate(names)
        ]
        columns = {k: lock(np.concatenate([p.column(k) for p in parts])) for k in self.factors}
        targets = np.zeros((len(names), len(self.factors) + 1), dtype=np.bool_)
        for e, name in enumerate(names):
            changes = self.environments[name]
            touched = changes if isinstance(changes, Mapping) else [i.variable for i in changes]
            targets[e, [self.factors.index(k) for k in touched]] = True
        pictures = lock(self._draw(self._checked(columns), self.n))
        return Data(
            (*self.scm.variables, self.image),
            {**columns, IMAGE: pictures},
            environment=label,
            environments=names,
            targets=targets,
            origin=self._origin(),
        )

    def _draw(self, columns: Columns, n: int) -> Pictures:
        brushes = [self._brush(thing, columns) for thing in self.things]
        return painted(brushes, n, self.size, self.background)

    def _brush(self, thing: Thing, columns: Columns) -> Brush:
        look = {k: _values(v, columns) for k, v in thing.looks().items()}
        for name, low, high in (("size", 0.0, 2.0), ("x", -2.0, 3.0), ("y", -2.0, 3.0)):
            _inside(name, look[name], low, high)
        kind: Any = KINDS.get(thing.shape)
        flat: Any = FLAT.get(thing.shape, 1.0)
        if kind is None:
            described = next(v for v in self.scm.variables if v.name == thing.shape)
            codes = columns[thing.shape].astype(np.intp)
            kind = np.array([KINDS[k] for k in described.levels or ()])[codes]
            flat = np.array([FLAT.get(k, 1.0) for k in described.levels or ()])[codes]
        strength = (np.clip(look["saturation"], 0.0, 1.0), np.clip(look["brightness"], 0.0, 1.0))
        size = np.maximum(look["size"], 1e-3)
        return Brush(
            kind, look["x"], look["y"], size, flat * size, np.deg2rad(look["turn"]),
            _colour(look["hue"], *strength),
        )  # fmt: skip


def _scm(mechanisms: Mapping[str, Mechanism]) -> SCM:
    """The SCM of mechanisms, with the graph that their parents make."""
    edges = [(p.name, "->", name) for name, m in mechanisms.items() for p in m.parents]
    for parent, _, name in edges:
        if parent not in mechanisms:
            raise InputError(f"{name!r} has the parent {parent!r}, which has no mechanism")
    own: dict[str, Variable] = {name: m.variable for name, m in mechanisms.items()}
    for name, variable in own.items():
        if variable.name != name:
            raise InputError(f"the mechanism under {name!r} is that of {variable.name!r}")
    return SCM(Graph.from_edges(edges, tuple(mechanisms)), dict(mechanisms))


def _values(look: Look, columns: Columns) -> Floats:
    if isinstance(look, Along):
        return look.of(columns[look.factor])
    return columns[look] if isinstance(look, str) else np.asarray(float(look))


def _inside(name: str, values: Floats, low: float, high: float) -> None:
    if not ((values >= low) & (values <= high)).all():
        bad = np.ravel(values)[np.ravel(~((values >= low) & (values <= high)))][0]
        raise InputError(
            f"a thing's {name} is {bad:.6g}, but what can be drawn lies between {low:g} and "
            f"{high:g}; bind it by Along(factor, low, high, start, stop)"
        )


def _colour(hue: Floats, saturation: Floats, brightness: Floats) -> tuple[Floats, Floats, Floats]:
    """Red, green, blue of hue, saturation and value (Smith 1978)."""

    def channel(shift: float) -> Floats:
        k = np.mod(shift + 6 * hue, 6)
        return brightness * (1 - saturation * np.clip(np.minimum(k, 4 - k), 0.0, 1.0))

    return channel(5.0), channel(3.0), channel(1.0)
