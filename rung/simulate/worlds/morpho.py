"""What the morphed worlds share: real pictures as roots, and three measured factors."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.graph import Graph
from ...core.mechanism import Mechanism, Parents, StructuralMechanism
from ...core.scm import SCM
from ...core.variable import Kind, Variable
from ...mechanisms.additive import Additive
from ...mechanisms.noise import Gaussian, Residual
from ...mechanisms.root import Root
from .roots import Choice, Lookup
from .world import World

Floats = NDArray[np.float64]
SOURCE = Variable("source", Kind.IDENTIFIER)
INTENSITY = Variable("intensity", unit="share of full brightness")
SLANT = Variable("slant", unit="degrees")
DARKEST = 0.25  # lowest intensity


@dataclass(frozen=True, eq=False)
class Thickness(Root):
    """low + Gamma(shape, scale)."""

    variable: Variable
    low: float
    shape: float
    scale: float

    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        return self.low + rng.gamma(self.shape, self.scale, n)

    def log_prob(self, x: NDArray[Any], parents: Parents) -> Floats:
        from scipy.stats import gamma

        return np.asarray(gamma.logpdf(x - self.low, self.shape, scale=self.scale))

    def mean(self, parents: Parents, n: int) -> Floats:
        return np.full(n, self.low + self.shape * self.scale)


@dataclass(frozen=True, eq=False)
class Intensity(StructuralMechanism):
    """1/4 + 3/4 sigmoid(u + steep (thickness - centre)), u normal.

    Pawlowski, Castro and Glocker 2020, appendix A: 191 sigmoid(u / 2 + 2 t - 5) + 64 of 255.
    """

    variable: Variable
    parent: Variable
    steep: float
    centre: float
    noise_sd: float

    @property
    def parents(self) -> tuple[Variable, ...]:  # type: ignore[override]
        return (self.parent,)

    @property
    def exact(self) -> bool:
        return True

    def _drive(self, parents: Parents) -> Floats:
        return self.steep * (parents[self.parent.name] - self.centre)

    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        return rng.normal(0.0, self.noise_sd, n)

    def forward(self, parents: Parents, u: NDArray[Any]) -> Floats:
        return DARKEST + (1 - DARKEST) / (1 + np.exp(-(u + self._drive(parents))))

    def abduct(self, x: NDArray[Any], parents: Parents, rng: np.random.Generator) -> Floats:
        share = (x - DARKEST) / (1 - DARKEST)
        if not ((share > 0) & (share < 1)).all():
            row = int((~((share > 0) & (share < 1))).argmax())
            raise InputError(
                f"intensity {x[row]:.6g} (unit {row}) cannot come from its mechanism, whose values "
                f"lie between {DARKEST:g} and 1; such units were intervened on"
            )
        return np.log(share / (1 - share)) - self._drive(parents)

    def log_prob(self, x: NDArray[Any], parents: Parents) -> Floats:
        share = (x - DARKEST) / (1 - DARKEST)
        out = np.full(len(x), -np.inf)
        ok = (share > 0) & (share < 1)
        p = share[ok]
        u = np.log(p / (1 - p)) - self._drive(parents)[ok]
        out[ok] = Gaussian(self.noise_sd).log_prob(u) - np.log((1 - DARKEST) * p * (1 - p))
        return out


@dataclass(frozen=True, eq=False)
class Slant(Additive):
    """slope (thickness - centre) + normal noise, in degrees."""

    variable: Variable
    parent: Variable
    slope: float
    centre: float
    residual: Residual

    @property
    def parents(self) -> tuple[Variable, ...]:  # type: ignore[override]
        return (self.parent,)

    def mean(self, parents: Parents, n: int) -> Floats:
        return self.slope * (parents[self.parent.name] - self.centre)


@dataclass(frozen=True, eq=False, repr=False)
class Morpho(World):
    """Real pictures, morphed to have a drawn thickness, intensity and slant.

    Parameters
    ----------
    n, seed : int
    size : int
        Pixels a side.
    labels : tuple of int, optional
        Only pictures of these classes.
    """

    n: int = 7000
    seed: int = 0
    size: int = 28
    labels: tuple[int, ...] | None = field(default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.labels is not None:
            object.__setattr__(self, "labels", tuple(sorted({int(k) for k in self.labels})))
            if not self.labels or self.labels[0] < 0 or self.labels[-1] > 9:
                raise InputError(
                    f"{type(self).__name__}(labels={self.labels}): expected numbers from 0 to 9"
                )

    @property
    def factors(self) -> tuple[str, ...]:
        return ("thickness", "intensity", "slant")

    @property
    def channels(self) -> int:
        return 1

    @abstractmethod
    def _classes(self) -> Floats:
        """The class 0 ... 9 of every real picture, (m,)."""

    @abstractmethod
    def _label(self) -> Variable:
        """The description of the class column."""

    @abstractmethod
    def _mechanisms(self) -> tuple[Mechanism, Mechanism, Mechanism]:
        """Of thickness, intensity and slant."""

    @cached_property
    def scm(self) -> SCM:
        """source -> label; thickness -> intensity, slant."""
        classes, label = self._classes(), self._label()
        rows = np.arange(len(classes), dtype=np.float64)
        if self.labels is not None:
            rows = rows[np.isin(classes, self.labels)]
        roots = (Choice(SOURCE, rows), Lookup(label, SOURCE, classes))
        edges = [("source", "->", label.name)]
        edges += [("thickness", "->", child) for child in self.factors[1:]]
        names = ("source", label.name, *self.factors)
        mechanisms = dict(zip(names, (*roots, *self._mechanisms()), strict=True))
        return SCM(Graph.from_edges(edges, names), mechanisms)

    def _sources(self, columns: dict[str, Floats]) -> NDArray[np.int64]:
        """The numbers (n,) of the real pictures, which the classes must belong to."""
        classes, label = self._classes(), self._label()
        rows = columns["source"].astype(np.int64)
        if (columns["source"] != rows).any():
            raise InputError("source is the number of a real picture, a whole number")
        wrong = classes[rows] != columns[label.name]
        if wrong.any():
            row = int(wrong.argmax())
            levels = label.levels or ()
            raise InputError(
                f"picture {rows[row]} is {levels[int(classes[rows[row]])]!r}, not "
                f"{levels[int(columns[label.name][row])]!r}: {label.name!r} follows from 'source' "
                "and cannot be drawn otherwise; set source=..."
            )
        return rows
