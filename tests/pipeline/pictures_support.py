"""A model of pictures that needs no training: linear in its factors, and exact where they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import rung
from rung.core.variable import Variable

NAMES = ("light", "shadow")
GRAPH = "light -> shadow"


@dataclass(frozen=True, eq=False)
class Linear(rung.GenerativeModel):
    """image = decoder @ (factors, 1) + what the decoder leaves over; labels are facts."""

    latents: rung.SCM
    image: Variable
    decoder: np.ndarray  # (pixels, factors + 1)

    @property
    def variables(self):
        return (*self.latents.variables, self.image)

    @property
    def graph(self):
        return self.latents.graph

    def do(self, *interventions):
        self.check(interventions)
        return replace(self, latents=self.latents.do(*interventions))

    def abduct(self, units, *, rng):
        factors = units.select(self.latents.names)
        image = units.column("image").reshape(units.n, -1)
        return self.latents.abduct(factors, rng=rng), image - self._drawn(factors)

    def draw(self, n, *, rng):
        return self.latents.draw(n, rng=rng), np.zeros((n, len(self.decoder)))

    def run(self, exogenous):
        noise, rest = exogenous
        factors = self.latents.run(noise)
        image = np.clip(self._drawn(factors) + rest, 0, 1).astype(np.float32)
        return factors.with_column(self.image, image.reshape(-1, *self.image.shape))

    def _drawn(self, factors):
        code = factors.matrix(self.latents.names)
        return code @ self.decoder[:, :-1].T + self.decoder[:, -1]


@dataclass(frozen=True)
class LinearSpec:
    """Fits the decoder by least squares; keeps the number of pictures it was trained on."""

    graph: object
    seen: list

    def fit(self, data, *, budget, rng):
        self.seen.append(data)
        graph = rung.Graph.parse(self.graph) if isinstance(self.graph, str) else self.graph
        labels = data.select(graph.names)
        design = np.column_stack([labels.values, np.ones(data.n)])
        pixels = data.column("image").reshape(data.n, -1)
        decoder = np.linalg.lstsq(design, pixels, rcond=None)[0].T
        scm = rung.fit(graph, labels, mechanisms=rung.LinearGaussian())
        return Linear(scm, data.variable("image"), decoder)


def spec(graph: object = GRAPH) -> LinearSpec:
    return LinearSpec(graph, [])


def world(n: int = 160, size: int = 12, names: tuple[str, str] = NAMES) -> rung.Data:
    """Two bars whose brightness is light and shadow = 0.5 light + noise, in pictures of noise."""
    rng = np.random.default_rng(0)
    light = rng.uniform(0.1, 0.9, size=n)
    shadow = 0.5 * light + 0.1 + 0.05 * rng.normal(size=n)
    image = 0.2 + 0.02 * rng.random((n, 1, size, size))
    image[:, 0, :, 2:4] = light[:, None, None]
    image[:, 0, 8:10, 5:] = shadow[:, None, None]
    described = (*(Variable(name) for name in names), Variable("image", shape=image.shape[1:]))
    columns = {names[0]: light, names[1]: shadow, "image": image.clip(0, 1).astype(np.float32)}
    return rung.Data(described, columns)


def folder(path: Path, data: rung.Data) -> tuple[Path, Path]:
    """The pictures as PNG files, and their labels in another order."""
    images = path / "images"
    images.mkdir()
    for i, picture in enumerate(data.column("image")):
        Image.fromarray((picture[0] * 255).round().astype(np.uint8)).save(images / f"{i}.png")
    frame = pd.DataFrame({name: data[name] for name in data.names if name != "image"})
    frame.insert(0, "file", [f"{i}.png" for i in range(data.n)])
    frame[::-1].to_csv(path / "labels.csv", index=False)
    return images, path / "labels.csv"


def unpacked(uri: str, columns: int, gap: int, shape: tuple[int, int]) -> np.ndarray:
    """The pictures (rows, columns, h, w) of a grey sheet, read by Pillow."""
    import base64
    import io

    content = base64.b64decode(uri.partition(",")[2])
    sheet = np.asarray(Image.open(io.BytesIO(content)), dtype=np.float64) / 255
    h, w = shape[0] + gap, shape[1] + gap
    rows = (sheet.shape[0] + gap) // h
    return np.array([
        [sheet[r * h : r * h + shape[0], c * w : c * w + shape[1]] for c in range(columns)]
        for r in range(rows)
    ])  # fmt: skip
