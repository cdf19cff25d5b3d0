"""Evidence: a CVAE against a VAE of equal size, on real pictures with drawn attributes.

Cases, seeds and rules were written down before the first full run. A cell is one model on one
world and seed, trained on 4,000 pictures of 16 x 16 pixels, judged on 400 others, morphed from
originals that no model sees. Each attribute is set to a value of its own in every picture (of
another unit; numbers within the middle 80%), and read by a network trained apart on pictures whose
attributes are independent. The VAE has as many numbers in its code as the CVAE has for attributes
and z together; each attribute is matched to the number that tells most of it, with an SCM fitted
to the labels. Errors are in standard deviations of the label, or shares of wrong levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.graph import Graph
from ..core.intervention import Do
from ..core.variable import Variable
from ..deep.training import Training
from ..deep.weights import parameters
from ..latent.cvae import CVAE
from ..latent.likelihood import evidence_bound
from ..latent.model import ImageModel
from ..latent.vae import VAE
from .cells import Cell, measured
from .registry import Row
from .small_pictures import FACTORS, over, reader, split, surely_above

NAME = "cvae-attributes"
KIND = "evidence"
CLAIM = (
    "On MorphoDigits and MorphoGarments a CVAE that is told class, thickness, intensity and slant "
    "gives pictures from which each attribute that was set is read with a smaller error than under "
    "a VAE of equal size whose code is matched to the same labels, and held-out pictures are "
    "likelier under it given their attributes than under the VAE."
)
TRAIN, TEST, STEPS, DRAWS = 4000, 400, 800, 32
FREE = 8
WORLDS = ("digits", "garments")
MODELS = ("cvae", "vae")
Figures = dict[str, Any]


def cells(seeds: int) -> list[Cell]:
    """Every cell of the row."""
    return [
        Cell(f"{model}-{world}-{seed}", {
            "model": model, "world": world, "seed": seed, "train": TRAIN, "test": TEST,
            "steps": STEPS, "draws": DRAWS, "free": FREE, "version": 1,
        })
        for seed in range(seeds) for world in WORLDS for model in MODELS
    ]  # fmt: skip


def graph_of(world: str) -> Graph:
    """thickness -> intensity, slant; the class by itself."""
    edges = [("thickness", "->", "intensity"), ("thickness", "->", "slant")]
    return Graph.from_edges(edges, FACTORS[world])


def measure(settings: Mapping[str, Any]) -> Figures:
    """One cell."""
    world, seed = settings["world"], int(settings["seed"])
    train, test = split(world, seed, int(settings["train"]), int(settings["test"]), mixed=False)
    graph, free = graph_of(world), int(settings["free"])
    training = Training(steps=int(settings["steps"]), batch=64, rate=3e-3)
    known = sum(max(train.variable(name).size, 1) for name in graph.names)
    spec: Any = CVAE(graph, size=free, training=training)
    if settings["model"] == "vae":
        spec = VAE(graph, size=known + free, training=training)
    model: ImageModel = spec.fit(train, rng=np.random.default_rng(seed))
    draws = int(settings["draws"])
    out: Figures = {
        "errors": errors(world, model, train, test, seed),
        "bounds": {"picture": evidence_bound(model, test, draws=draws).value},
        "parameters": parameters(model.codec._network),  # type: ignore[attr-defined]
        "rows per second": model.details["rows_per_second"],
    }
    if settings["model"] == "cvae":
        bound = evidence_bound(model, test, given=True, draws=draws)
        out["bounds"]["picture given attributes"] = bound.value
        alone = model.read(test.select(["image"]))
        out["read"] = {
            name: float(_apart(v, alone.column(name), test.column(name), train).mean())
            for name, v in ((n, train.variable(n)) for n in graph.names)
        }
    return out


def values(train: Data, test: Data, name: str, rng: np.random.Generator) -> NDArray[Any]:
    """What each unit is set to: a level, or a number within the middle 80% of the training."""
    if train.variable(name).discrete:
        return np.asarray(rng.permutation(test[name]))
    low, high = np.quantile(train[name], [0.1, 0.9])
    return rng.uniform(low, high, size=test.n)


def errors(world: str, model: ImageModel, train: Data, test: Data, seed: int) -> Figures:
    """`do(f): g` -> mean error of what is read for the attribute set and for the others.

    Others should be what the model's SCM says, which is what they were unless f causes them.
    """
    rng, judge = np.random.default_rng([seed, 6]), reader(world)
    units = test.select([*model.factors, "image"])
    out: Figures = {}
    for name in model.factors:
        value = values(train, test, name, rng)
        facts = model.abduct(units, rng=np.random.default_rng(seed))
        # the VAE reads factors off pictures; what should come out is told by the labels
        want = model.latents.do(Do(name, value)).run(
            model.latents.abduct(test.select(model.factors), rng=np.random.default_rng(seed))
        )
        changed = model.do(Do(name, value)).run(facts)
        seen = judge.read(np.asarray(changed.column("image"), dtype=np.float32))
        for other in model.factors:
            v = train.variable(other)
            wrong = _apart(v, seen.column(other), want.column(other), train)
            out[f"do({name}): {other}"] = float(wrong.mean())
    return out


def _apart(
    variable: Variable, a: NDArray[Any], b: NDArray[Any], train: Data
) -> NDArray[np.float64]:
    if variable.discrete:
        return np.asarray(a != b, dtype=np.float64)
    return np.asarray(np.abs(a - b) / np.std(train.column(variable.name)))


def run(seeds: int = 5, processes: int = 2) -> Row:
    """About 12 minutes of one core for five seeds; cells that are on file are not run again."""
    made = measured(NAME, cells(seeds), measure, processes=processes)
    table, bounds = _errors(made, seeds), _bounds(made, seeds)
    claims = {
        f"{key} is set better": surely_above(row["smaller by"])
        for key, row in table.items()
        if key.split("do(")[1].split(")")[0] == key.split(": ")[-1]
    }
    claims |= {
        f"{world}: likelier given attributes": surely_above(
            bounds[world]["given, above the VAE by"]
        )
        for world in WORLDS
    }
    sizes = {k: made[f"{k}-digits-0"]["parameters"] for k in MODELS}
    read = {
        world: {name: over([made[f"cvae-{world}-{s}"]["read"][name] for s in range(seeds)])
                for name in FACTORS[world]}
        for world in WORLDS
    }  # fmt: skip
    figures = {"errors": table, "bounds": bounds, "parameters": sizes, "read": read,
               "claims": claims}  # fmt: skip
    return Row(NAME, CLAIM, figures, all(claims.values()), seeds)


def _errors(made: Mapping[str, Figures], seeds: int) -> Figures:
    out: Figures = {}
    for world in WORLDS:
        ours, theirs = (
            [made[f"{model}-{world}-{s}"]["errors"] for s in range(seeds)] for model in MODELS
        )
        for key in ours[0]:
            out[f"{world}: {key}"] = {
                "cvae": over([e[key] for e in ours]),
                "vae": over([e[key] for e in theirs]),
                "smaller by": over([b[key] - a[key] for a, b in zip(ours, theirs)]),
            }
    return out


def _bounds(made: Mapping[str, Figures], seeds: int) -> Figures:
    """Nats a picture; the CVAE's of the picture alone averages over the attributes."""
    out: Figures = {}
    for world in WORLDS:
        ours, theirs = (
            [made[f"{model}-{world}-{s}"]["bounds"] for s in range(seeds)] for model in MODELS
        )
        given = [e["picture given attributes"] for e in ours]
        plain, vae = [e["picture"] for e in ours], [e["picture"] for e in theirs]
        out[world] = {
            "cvae, given attributes": over(given), "cvae, picture alone": over(plain),
            "vae": over(vae),
            "given, above the VAE by": over([a - b for a, b in zip(given, vae)]),
            "picture alone, above the VAE by": over([a - b for a, b in zip(plain, vae)]),
        }  # fmt: skip
    return out
