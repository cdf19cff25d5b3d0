"""The laws of a lens, measured on a learned site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.data import Data
from ...core.errors import InputError
from ...core.result import Result
from ...core.site import Site
from ..model import ImageModel
from ..pictures import images_of

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
LAWS = {
    "put-get": "read(write(r, v)) = v",
    "get-put": "write(r, read(r)) = r",
    "put-put": "write(write(r, v), w) = write(r, w)",
}


@dataclass(frozen=True)
class Law:
    """How far one law fails at one site: 0 is exact.

    Parameters
    ----------
    site : str
    law : str
        "put-get", "get-put" or "put-put".
    value, worst : float
        Mean and largest error over units.
    unit : str
        "sd" of what the site reads, "share wrong" for levels, "brightness" a pixel.
    """

    site: str
    law: str
    value: float
    worst: float
    unit: str


@dataclass(frozen=True, eq=False)
class LensLaws(Result):
    """The laws of lenses, measured; an exact lens has 0 everywhere."""

    laws: tuple[Law, ...]
    units: int
    cites: tuple[str, ...] = field(default=("foster2007",))

    def frame(self) -> pd.DataFrame:
        """One row a law of a site."""
        import pandas as pd

        return pd.DataFrame([vars(law) for law in self.laws])

    def __repr__(self) -> str:
        lines = [f"lens laws over {self.units} units (0 is exact)"]
        for law in self.laws:
            what = f"{law.site}: {LAWS[law.law]}" if law.site else LAWS[law.law]
            lines.append(f"  {what:<58} {law.value:.4f} {law.unit}, at worst {law.worst:.4f}")
        return "\n".join(lines)


def lens_laws(
    site: Site,
    values: Any,
    new: ArrayLike,
    newer: ArrayLike,
    *,
    name: str = "",
    discrete: bool = False,
) -> LensLaws:
    """How far a site keeps the three laws of a lens (Foster et al. 2007).

    Parameters
    ----------
    site : Site
    values : (n, ...) array of runs (pictures, say), or a mapping of name to (n, ...) arrays
    new, newer : (n, ...) or scalar
        What is written, once and then again.
    name : str
        Of the site, for the table.
    discrete : bool
        What the site reads are levels: put-get is then the share that is wrong.

    Raises
    ------
    InputError
        The site reads the same of every unit, so that there is no sd to measure errors in.
    """
    own = np.asarray(site.read(values))
    v = np.broadcast_to(np.asarray(new, dtype=own.dtype), own.shape)
    w = np.broadcast_to(np.asarray(newer, dtype=own.dtype), own.shape)
    once = site.write(values, v)
    got = np.asarray(site.read(once))
    if discrete:
        put_get, unit = (got != v).reshape(len(own), -1).mean(axis=1), "share wrong"
    else:
        scale = float(own.std())
        if not scale > 0:
            raise InputError("the site reads the same of every unit; pass units that differ")
        put_get, unit = _each(got, v) / scale, "sd"
    get_put = _apart(site.write(values, own), values)
    put_put = _apart(site.write(once, w), site.write(values, w))
    figures = [(put_get, unit), (get_put, "brightness"), (put_put, "brightness")]
    laws = tuple(
        Law(name, law, float(each.mean()), float(each.max()), unit)
        for law, (each, unit) in zip(LAWS, figures, strict=True)
    )
    return LensLaws(laws, len(own))


def lens_laws_of(model: ImageModel, units: Data, *, seed: int = 0) -> LensLaws:
    """The laws at every factor of a model of pictures.

    What is written are the values that the model reads off other units, shuffled twice.
    """
    rng = np.random.default_rng(seed)
    images = images_of(units, model.image)
    laws: list[Law] = []
    for variable in model.latents.variables:
        site = model.site(variable.name)
        own = site.read(images)
        new, newer = rng.permutation(own), rng.permutation(own)
        found = lens_laws(site, images, new, newer, name=variable.name, discrete=variable.discrete)
        laws += found.laws
    return LensLaws(tuple(laws), len(images))


def _apart(a: Any, b: Any) -> Floats:
    """Mean absolute difference (n,) of two runs; over a mapping, the largest of its columns."""
    if isinstance(a, Mapping):
        return np.max([_each(np.asarray(a[k]), np.asarray(b[k])) for k in b], axis=0)
    return _each(np.asarray(a), np.asarray(b))


def _each(a: NDArray[Any], b: NDArray[Any]) -> Floats:
    apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return apart.reshape(len(apart), -1).mean(axis=1)
