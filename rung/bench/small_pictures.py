"""Pictures of 16 x 16 pixels and their readers, shared by the evidence on labelled latents."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from .. import simulate
from ..core.data import Data
from ..core.result import lock
from ..core.variable import Kind, Variable
from ..deep.training import Training
from ..inference.intervals import quantile_of
from ..io.store import load
from ..latent.metrics.predictor import FactorReader, Predictor
from ..mechanisms.linear import Linear
from ..simulate.worlds.roots import Choice, between
from .picture_judges import independent, judged_on, trained_on

SIZE = 16
JUDGED, STEPS = 5000, 800  # pictures and steps of a reader
REAL: Mapping[str, Callable[..., Any]] = {
    "digits": simulate.MorphoDigits, "garments": simulate.MorphoGarments,
}  # fmt: skip
FACTORS: Mapping[str, tuple[str, ...]] = {
    "scene": ("shape", "hue", "x", "y", "size"),
    "shapes": ("scale", "x", "y"),
    "digits": ("digit", "thickness", "intensity", "slant"),
    "garments": ("garment", "thickness", "intensity", "slant"),
}


@dataclass(frozen=True, eq=False)
class Drawn:
    """Data in the shape of a world."""

    data: Data


def scene(n: int, seed: int) -> Any:
    """A disc or a bar of drawn hue, place and size, all independent."""
    shape = Variable("shape", Kind.CATEGORICAL, ("disc", "bar"))
    roots: dict[str, Linear | Choice] = {
        "shape": Choice(shape, np.arange(2.0)),
        "hue": between(Variable("hue"), 0.0, 0.8),
        "x": between(Variable("x"), 0.25, 0.75),
        "y": between(Variable("y"), 0.25, 0.75),
        "size": between(Variable("size"), 0.15, 0.35),
    }
    thing = simulate.Thing(shape="shape", x="x", y="y", size="size", hue="hue")
    return simulate.Scene(n=n, seed=seed, size=SIZE, mechanisms=roots, things=(thing,))


def pictures(world: str, n: int, seed: int, *, mixed: bool) -> Data:
    """n pictures; `mixed` shuffles the factors of real ones, so that they are independent."""
    if world not in REAL:
        drawn = scene(n, seed) if world == "scene" else simulate.Shapes(n=n, seed=seed, size=SIZE)
        found: Data = drawn.data
        return found
    made = REAL[world](n=n, seed=seed, size=SIZE)
    return independent(made, seed) if mixed else made.data


def split(world: str, seed: int, train: int, test: int, *, mixed: bool) -> tuple[Data, Data]:
    """Pictures to train on and to judge on; of real ones, the latter of a fifth kept back."""
    if world not in REAL:
        return pictures(world, train, seed, mixed=mixed), pictures(
            world, test, seed + 1000, mixed=mixed
        )
    first = Drawn(pictures(world, 5 * train // 4, seed, mixed=mixed))
    second = Drawn(pictures(world, 6 * test, seed + 1000, mixed=mixed))
    return trained_on(first), judged_on(second, test)


@cache
def reader(world: str) -> FactorReader:
    """Reads the factors; trained on independent ones, in pictures that no model sees.

    Half of them are softened at random, as pictures of autoencoders are: sharp ones alone give
    readers that mistake softness for thin or dark strokes.

    Kept in the temporary folder, so that the cells of a world share it.
    """
    place = (
        Path(tempfile.gettempdir()) / "rung-judges" / f"small-{world}-{JUDGED}-{STEPS}-soft.rung"
    )
    if place.exists():
        kept: FactorReader = load(place)
        return kept
    training = Training(steps=STEPS, batch=64, rate=3e-3, decay=1e-4, average=0.99)
    found = Predictor(FACTORS[world], training=training).fit(
        softened(pictures(world, JUDGED, 9000, mixed=True), 9000), rng=np.random.default_rng(9000)
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    found.save(place)
    return found


def softened(data: Data, seed: int) -> Data:
    """The same data; every second picture under a normal blur of 0 to 1 pixels."""
    rng = np.random.default_rng(seed)
    images = np.array(data.column("image"))
    for image in images[::2]:
        image[:] = gaussian_filter(image, (0, *(2 * [rng.uniform(0, 1)])))
    return data.with_column(data.variable("image"), lock(np.clip(images, 0, 1)))


def over(values: Sequence[float]) -> dict[str, Any]:
    """Mean over seeds with its 95% t interval."""
    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2:
        return {"mean": float(x.mean()), "interval": None}
    half = quantile_of(0.95, len(x) - 1) * float(x.std(ddof=1)) / len(x) ** 0.5
    return {"mean": float(x.mean()), "interval": [float(x.mean()) - half, float(x.mean()) + half]}


def surely_above(difference: Mapping[str, Any]) -> bool:
    """Whether the interval of a difference over seeds lies above 0; its mean, for one seed."""
    low = difference["interval"][0] if difference["interval"] else difference["mean"]
    return bool(low > 0)
