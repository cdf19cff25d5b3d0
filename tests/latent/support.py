"""A codec that is exact: pictures are a linear map of codes, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import rung
from rung.core.variable import Variable
from rung.latent.codec import Codec
from rung.latent.model import ImageModel
from rung.latent.pictures import Coding
from rung.latent.sites import Block

SHAPE = (1, 8, 8)
GRAPH = rung.Graph.parse("light -> shadow")


@dataclass(frozen=True, eq=False)
class LinearCodec(Codec):
    """picture = 0.5 + 0.02 * code @ basis + rest, the basis orthonormal."""

    basis: np.ndarray  # (k, 64)

    @property
    def size(self):
        return len(self.basis)

    def encode(self, images):
        return ((images.reshape(len(images), -1) - 0.5) @ self.basis.T / 0.02).astype(np.float32)

    def decode(self, codes, rest, change):
        flat = 0.5 + 0.02 * codes @ self.basis
        flat = flat if rest is None else flat + rest
        return flat.reshape(-1, *SHAPE).astype(np.float32)

    def remainder(self, images, codes):
        return images.reshape(len(images), -1) - 0.5 - 0.02 * codes @ self.basis


def world(n=300, seed=0):
    """Factors light -> shadow, a level, and pictures of them plus something of their own."""
    rng = np.random.default_rng(seed)
    light = rng.normal(2.0, 0.5, size=n)
    shadow = 3 * light + rng.normal(size=n)
    kind = rng.integers(3, size=n).astype(float)
    codec = LinearCodec(
        np.ascontiguousarray(np.linalg.qr(np.random.default_rng(9).normal(size=(64, 64)))[0][:8])
    )
    kinds = Variable("kind", rung.Kind.CATEGORICAL, ("a", "b", "c"))
    coded = (
        Coding.of(Variable("light"), light),
        Coding.of(Variable("shadow"), shadow),
        Coding.of(kinds, kind),
    )
    codes = np.concatenate([c.encode(x) for c, x in zip(coded, (light, shadow, kind))], axis=1)
    codes = np.concatenate([codes, 0.1 * rng.normal(size=(n, 3))], axis=1).astype(np.float32)
    rest = 0.001 * rng.normal(size=(n, 64))
    rest -= rest @ codec.basis.T @ codec.basis  # what codes cannot say
    images = codec.decode(codes, rest, None)
    data = rung.Data(
        (Variable("light"), Variable("shadow"), kinds, Variable("image", shape=SHAPE)),
        {"light": light, "shadow": shadow, "kind": kind, "image": images},
    )
    return data, codec, coded


def model(n=300, seed=0):
    """An ImageModel that is exact up to float32, and its data."""
    data, codec, coded = world(n, seed)
    graph = rung.Graph.parse("light -> shadow; kind")
    factors = data.select(["light", "shadow", "kind"])
    latents = rung.fit(
        graph, factors.select(graph.names), mechanisms={"shadow": rung.LinearGaussian()}
    )
    starts = dict(zip(("light", "shadow", "kind"), (0, 1, 2)))
    by = {c.variable.name: c for c in coded}
    places = tuple(Block(by[name], starts[name]) for name in graph.names)
    return ImageModel("spec", codec, latents, places, data.variable("image")), data
