"""Double 1: a linear decoder around two latents that are an SCM; the images are one column."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

import rung
from rung.core.variable import Variable

GRAPH = rung.Graph.parse("light -> shadow")
IMAGE = Variable("image", shape=(4, 4))


@dataclass(frozen=True, eq=False)
class LinearImages(rung.GenerativeModel):
    """image = decoder @ (light, shadow, 1) + what the decoder leaves over."""

    latents: rung.SCM
    decoder: np.ndarray  # (16, 3)

    @property
    def variables(self):
        return (*self.latents.variables, IMAGE)

    def do(self, *interventions):
        self.check(interventions)
        return replace(self, latents=self.latents.do(*interventions))

    def abduct(self, units, *, rng):
        image = units.column("image").reshape(units.n, 16)
        code = (image - self.decoder[:, 2]) @ np.linalg.pinv(self.decoder[:, :2]).T
        rest = image - self._decode(code)
        latents = rung.Data.from_matrix(code, GRAPH.names)
        return self.latents.abduct(latents, rng=rng), rest

    def draw(self, n, *, rng):
        return self.latents.draw(n, rng=rng), np.zeros((n, 16))

    def run(self, exogenous):
        noise, rest = exogenous
        latents = self.latents.run(noise)
        image = (self._decode(latents.matrix(GRAPH.names)) + rest).reshape(-1, 4, 4)
        return latents.with_column(IMAGE, image)

    def _decode(self, code):
        return code @ self.decoder[:, :2].T + self.decoder[:, 2]


@dataclass(frozen=True)
class LinearImagesSpec:
    """Fits the decoder by least squares where the latents were labelled."""

    graph: rung.Graph = GRAPH

    def fit(self, data, *, budget, rng):
        labels = data.select(self.graph.names)
        design = np.column_stack([labels.values, np.ones(data.n)])
        decoder = np.linalg.lstsq(design, data.column("image").reshape(data.n, 16), rcond=None)[0].T
        return LinearImages(rung.fit(self.graph, labels, mechanisms=rung.LinearGaussian()), decoder)


@pytest.fixture(scope="module")
def world():
    """Images of two latents: shadow = 2 light + noise, and a pattern of its own."""
    rng = np.random.default_rng(0)
    light = rng.normal(size=400)
    shadow = 2 * light + 0.5 * rng.normal(size=400)
    w = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    own = 0.1 * rng.normal(size=(400, 14)) @ w[:, 2:].T  # orthogonal to what the latents draw
    image = np.column_stack([light, shadow]) @ w[:, :2].T + own + 1.0
    data = rung.Data(
        (Variable("light"), Variable("shadow"), IMAGE),
        {"light": light, "shadow": shadow, "image": image.reshape(400, 4, 4)},
    )
    return data, w


@pytest.fixture(scope="module")
def model(world):
    return rung.fit(LinearImagesSpec(), world[0])


def test_counterfactual_image_of_images_alone(world, model):
    data, w = world
    units = data[:6].select(["image"])  # nobody labelled these
    slope = model.latents.mechanisms["shadow"].describe()
    draws = rung.counterfactual(model, units, light=0.8)
    assert np.allclose(draws["light"], 0.8)
    # by hand: shadow moves by slope x (0.8 - light), the image along its two columns
    beta = np.polyfit(data["light"], data["shadow"], 1)[0]
    moved = np.column_stack([0.8 - data["light"][:6], beta * (0.8 - data["light"][:6])])
    expected = data["image"][:6] + (moved @ w[:, :2].T).reshape(6, 4, 4)
    assert draws["image"].shape == (6, 4, 4)
    assert np.allclose(draws["image"], expected, atol=0.05), slope
    low, high = draws.interval()["image"]
    assert low.shape == high.shape == (6, 4, 4)
    assert len(draws.frame()) == 6


def test_without_change_the_picture_returns(world, model):
    units = world[0][:6].select(["image"])
    assert np.allclose(rung.counterfactual(model, units).point["image"], units["image"])


def test_do_cuts_the_latent_parent(model):
    sample = rung.do(model, shadow=0.0).sample(300, seed=1)
    assert np.allclose(sample["shadow"], 0)
    assert sample["light"].std() > 0.8
    assert sample["image"].shape == (300, 4, 4)
    shifted = rung.do(model, rung.Shift("light", 1.0)).sample(300, seed=1)
    plain = model.sample(300, seed=1)
    assert np.allclose(shifted["light"] - plain["light"], 1)
    with pytest.raises(rung.core.errors.UnknownName, match="light"):
        rung.do(model, ligth=1.0)
