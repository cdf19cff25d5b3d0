"""Judges of picture models, shared by the evidence: worlds by name, readers trained apart."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import simulate
from ..core.data import Data
from ..core.errors import FileProblem
from ..core.result import digest, lock
from ..deep.training import Training
from ..io.store import load
from ..latent.metrics.predictor import FactorReader, Predictor

WORLDS: Mapping[str, Callable[..., Any]] = {
    "pendulum": simulate.Pendulum,
    "morphodigits": simulate.MorphoDigits,
    "morphogarments": simulate.MorphoGarments,
}
JUDGED = 6000  # pictures that a reader is trained on
STEPS = 2000


def world(name: str, n: int, seed: int) -> Any:
    """A world by its name."""
    return WORLDS[name](n=n, seed=seed)


def independent(made: Any, seed: int) -> Data:
    """Pictures of the world's units whose factors were shuffled, each by itself.

    What a reader learns from them of a factor it cannot learn from another one.
    """
    rng = np.random.default_rng([seed, 77])
    columns = {v.name: made.data.column(v.name) for v in made.data.variables}
    for name in made.factors:
        columns[name] = lock(np.asarray(columns[name])[rng.permutation(made.data.n)])
    image = made.data.variables[-1]
    facts = Data(made.data.variables[:-1], {k: v for k, v in columns.items() if k != image.name})
    return facts.with_column(image, lock(np.asarray(made.render(facts), dtype=np.float32)))


def judge(name: str, seed: int) -> FactorReader:
    """An anti-causal reader of a world's factors, trained on pictures that no model sees.

    Kept in the temporary folder, so that the cells of one world and seed share it.
    """
    training = Training(steps=STEPS, batch=64, rate=3e-3, decay=1e-4, average=0.995)
    key = digest(name, seed, JUDGED, training.settings)[:16]
    place = Path(tempfile.gettempdir()) / "rung-judges" / f"{name}-{seed}-{key}.rung"
    if place.exists():
        try:
            kept: FactorReader = load(place)
            return kept
        except FileProblem:
            place.unlink()
    data = independent(world(name, JUDGED, seed + 5000), seed)
    factors = world(name, 8, 0).factors
    reader = Predictor(factors, training=training).fit(data, rng=np.random.default_rng(seed))
    place.parent.mkdir(parents=True, exist_ok=True)
    reader.save(place)
    return reader


def targets(train: Data, factors: tuple[str, ...], n: int, seed: int) -> dict[str, NDArray[Any]]:
    """For each factor the value that each of n units is set to: uniform within 80% of the data."""
    rng = np.random.default_rng([seed, 78])
    out = {}
    for name in factors:
        low, high = np.quantile(train[name], [0.1, 0.9])
        out[name] = rng.uniform(low, high, size=n)
    return out


def trained_on(made: Any) -> Data:
    """The units that models are trained on: of real pictures, four in five."""
    return made.data if "source" not in made.data.names else made.data[_apart(made.data) != 0]


def judged_on(made: Any, n: int) -> Data:
    """The first n units of another draw; of real pictures, from the fifth that is kept back."""
    data = made.data if "source" not in made.data.names else made.data[_apart(made.data) == 0]
    return data[:n]


def _apart(data: Data) -> NDArray[Any]:
    return np.asarray(data.column("source"), dtype=np.int64) % 5
