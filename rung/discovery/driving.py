"""The driving forces that CD-NOD found, as a result of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..core.discovery import Discovery
from ..core.errors import InputError, unknown
from ..core.result import Result, frozen

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DrivingForces(Result):
    """How each changing mechanism moves with what changes it.

    A component says where the mechanism is on the line along which it moves most, up to scale and
    sign: standard deviation 1 over the points, its largest entry positive.

    Parameters
    ----------
    surrogate : str
        "environment" or "time".
    points : tuple of float, or of str
        Times in ascending order, or names of environments: m of them.
    curves : mapping of str to (m, k) float64
        Components of each changing mechanism, leading ones first.
    shares : mapping of str to tuple of float
        The share of the mechanism's movement that each component makes up.
    """

    surrogate: str
    points: tuple[float, ...] | tuple[str, ...]
    curves: dict[str, Floats]
    shares: dict[str, tuple[float, ...]]
    cites: tuple[str, ...] = ("huang2020",)

    def __post_init__(self) -> None:
        kept = {name: frozen(np.asarray(curve)) for name, curve in self.curves.items()}
        object.__setattr__(self, "curves", kept)

    @property
    def names(self) -> tuple[str, ...]:
        """The changing mechanisms."""
        return tuple(self.curves)

    def __getitem__(self, name: str) -> Floats:
        """Components (m, k) of a mechanism."""
        if name not in self.curves:
            raise unknown(name, self.curves, "changing mechanism")
        return self.curves[name]

    def frame(self) -> pd.DataFrame:
        """One row a mechanism, component and point: name, component (from 1), at, value, share."""
        import pandas as pd

        rows = [
            (name, k + 1, at, float(curve[i, k]), self.shares[name][k])
            for name, curve in self.curves.items()
            for k in range(curve.shape[1])
            for i, at in enumerate(self.points)
        ]
        return pd.DataFrame(rows, columns=["name", "component", "at", "value", "share"])

    def __repr__(self) -> str:
        lines = [f"DrivingForces over {len(self.points)} points of {self.surrogate}"]
        lines += [
            f"  {name}: {', '.join(f'{s:.0%}' for s in self.shares[name])} of its movement in "
            f"{len(self.shares[name])} components"
            for name in self.names
        ]
        return "\n".join(lines if self.curves else [*lines, "  no mechanism changes"])


def driving_forces(found: Discovery) -> DrivingForces:
    """The driving forces of what `CDNOD` found; `.plot()` draws them, `.frame()` lists them.

    Parameters
    ----------
    found : Discovery
        Of `CDNOD` with `components` of 1 or more.

    Raises
    ------
    InputError
        The discovery holds no driving forces.
    """
    if "driving_force" not in found.details:
        raise InputError(
            f"{type(found.learner).__name__} estimates no driving forces; use "
            "rung.discover(data, rung.CDNOD())"
        )
    details = found.details
    points = np.asarray(details["driving_points"]).tolist()
    names = [name for name in found.names if name in details["driving_force"]]
    curves, shares = (
        {name: details[key][name] for name in names} for key in ("driving_force", "driving_share")
    )
    return DrivingForces(details["context"], tuple(points), curves, shares)


__all__ = ["DrivingForces", "driving_forces"]
