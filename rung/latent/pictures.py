"""Pictures and labels of Data, checked once for every latent model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError, MissingCells, unknown
from ..core.graph import Graph
from ..core.variable import Kind, Variable
from ..mechanisms.expand import dags

Images = NDArray[np.float32]
FEWEST = 8  # pictures that a model can be trained on
SMALLEST = 8  # pixels of a side


def image_variable(data: Data) -> Variable:
    """The one column of pictures (channels, height, width).

    Raises
    ------
    InputError
        There is none, there are several, or the pictures are smaller than 8 pixels a side.
    """
    found = [v for v in data.variables if len(v.shape) == 3]
    if len(found) != 1:
        names = [v.name for v in found] or "none"
        raise InputError(
            "expected one column of pictures of shape (channels, height, width), found "
            f"{names}; rung.read('folder/') or a world of rung.simulate gives one"
        )
    if min(found[0].shape[1:]) < SMALLEST:
        raise InputError(
            f"pictures of {found[0].shape[1]} x {found[0].shape[2]} pixels are too small; "
            f"expected at least {SMALLEST} a side"
        )
    return found[0]


def picture_shape(variable: Variable) -> tuple[int, int, int]:
    """(channels, height, width) of a column of pictures."""
    channels, height, width = variable.shape
    return channels, height, width


def images_of(data: Data, variable: Variable | None = None) -> Images:
    """The pictures (n, c, h, w), float32 in 0..1.

    Raises
    ------
    InputError
        A picture holds NaN, or values outside 0..1; or has another shape than the model's.
    """
    variable = image_variable(data) if variable is None else variable
    have = data.variable(variable.name)
    if have.shape != variable.shape:
        raise InputError(
            f"the model's pictures have shape {variable.shape}, these {have.shape} "
            "(channels, height, width); resize them"
        )
    images = np.asarray(data.column(variable.name))
    if images.dtype == np.uint8:
        return np.asarray(images / np.float32(255), dtype=np.float32)
    images = images.astype(np.float32, copy=False)
    for start in range(0, len(images), 4096):  # in parts: a mask of all pixels may be large
        part = images[start : start + 4096]
        if not (part.min(initial=0) >= -1e-3 and part.max(initial=1) <= 1 + 1e-3):
            row = start + int(_strange(part).argmax())
            raise InputError(
                f"picture {row} has values that are missing or outside 0..1; divide by the "
                "brightest possible value first"
            )
    return images


def _strange(part: Images) -> NDArray[np.bool_]:
    flat = part.reshape(len(part), -1)
    with np.errstate(invalid="ignore"):
        inside = (flat >= -1e-3) & (flat <= 1 + 1e-3)
    return np.asarray(~inside.all(axis=1))


def need_rows(data: Data, who: str, fewest: int = FEWEST) -> None:
    """Raise if there are too few pictures to train on."""
    if data.n < fewest:
        raise InputError(f"{who} needs at least {fewest} pictures; there are {data.n}")


def factor_graph(structure: object, data: Data, rng: np.random.Generator) -> Graph:
    """A DAG over the factors: given, or the heaviest one of a Discovery or of what a Learner finds.

    Raises
    ------
    InputError
        The graph is no DAG and has none, or names the pictures.
    UnknownName
        It names a column that the data do not have.
    """
    if callable(getattr(structure, "learn", None)):
        scalars = [v.name for v in data.variables if not v.shape]
        structure = structure.learn(data.select(scalars), rng=rng)  # type: ignore[attr-defined]
    found = dags(structure, rng)
    graph = max(found.graphs, key=lambda pair: pair[1])[0]
    for name in graph.names:
        if name not in data.names:
            raise unknown(name, data.names)
        if data.variable(name).shape:
            raise InputError(f"{name!r} is no factor: a factor is one number a picture")
    return graph


@dataclass(frozen=True, eq=False)
class Coding:
    """How a factor becomes numbers of a code: standardised, or one number for each level.

    Parameters
    ----------
    variable : Variable
    centre, scale : float
        Of a numeric factor.
    low, high : float
        Its range in the data.
    """

    variable: Variable
    centre: float = 0.0
    scale: float = 1.0
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def of(cls, variable: Variable, column: NDArray[np.float64]) -> Coding:
        """The coding that suits the values (n,) seen, NaN where unlabelled.

        Raises
        ------
        InputError
            The factor never varies, is infinite somewhere, or has no label at all.
        """
        seen = np.asarray(column, dtype=np.float64)
        seen = seen[~np.isnan(seen)]
        if not len(seen) or not np.isfinite(seen).all():
            what = "has no label" if not len(seen) else "has labels that are not finite"
            raise InputError(f"factor {variable.name!r} {what}")
        low, high = float(seen.min()), float(seen.max())
        if low == high:
            raise InputError(
                f"factor {variable.name!r} has the same value in every labelled picture; leave it "
                "out of the graph"
            )
        if variable.discrete:
            return cls(variable, low=low, high=high)
        return cls(variable, float(seen.mean()), float(seen.std()), low, high)

    @property
    def size(self) -> int:
        """Numbers of the code that the factor takes."""
        return self.variable.size if self.variable.discrete else 1

    def encode(self, column: NDArray[np.float64]) -> NDArray[np.float32]:
        """Numbers (n, size); NaN stays NaN."""
        values = np.asarray(column, dtype=np.float64)
        if not self.variable.discrete:
            return ((values - self.centre) / self.scale).astype(np.float32)[:, None]
        out = (values[:, None] == np.arange(self.size)).astype(np.float32)
        out[np.isnan(values)] = np.nan
        return out

    def decode(self, code: NDArray[np.float32]) -> NDArray[np.float64]:
        """Internal values (n,) of numbers (n, size)."""
        if self.variable.discrete:
            return code.argmax(axis=1).astype(np.float64)
        return code[:, 0].astype(np.float64) * self.scale + self.centre


def codings(data: Data, names: Sequence[str], *, unlabelled: bool) -> tuple[Coding, ...]:
    """A coding for each factor.

    Raises
    ------
    MissingCells
        A label is missing and `unlabelled` is false.
    """
    out = []
    for name in names:
        column = np.asarray(data.column(name), dtype=np.float64)
        if not unlabelled and np.isnan(column).any():
            row = int(np.isnan(column).argmax())
            raise MissingCells(
                f"picture {row} has no label {name!r} ({int(np.isnan(column).sum())} of "
                f"{data.n:,} have none); say unlabelled=True to train on pictures without "
                "labels too, or choose labelled ones"
            )
        variable = data.variable(name)
        if variable.kind is Kind.COUNT:  # what is read off a picture is no whole number
            variable = Variable(name, Kind.CONTINUOUS, unit=variable.unit)
        out.append(Coding.of(variable, column))
    return tuple(out)
