"""Predictor, soundness and lens laws on small worlds whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import rung
from rung import latent
from rung.core.data import Data
from rung.core.errors import InputError, MissingCells, NotSupported, UnknownName
from rung.core.graph import Graph
from rung.core.model import GenerativeModel
from rung.core.scm import SCM
from rung.core.site import Column, Site
from rung.core.variable import Kind, Variable
from rung.deep.training import Training
from rung.latent.codec import Codec
from rung.latent.model import ImageModel
from rung.latent.pictures import Coding
from rung.latent.sites import Block

SIDE = 12
SHAPE = (1, SIDE, SIDE)
IMAGE = Variable("image", shape=SHAPE)
COLOUR = Variable("colour", Kind.BINARY, levels=("dark", "light"))
PLACES = [Variable("x"), Variable("y")]


def drawn(x: np.ndarray, y: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """A soft dot at (x, y) in 0..1, on a dark or light ground."""
    rows, columns = np.mgrid[:SIDE, :SIDE] / (SIDE - 1)
    far = (columns - x[:, None, None]) ** 2 + (rows - y[:, None, None]) ** 2
    dot = np.exp(-far / 0.03)
    ground = np.where(colour > 0, 0.3, 0.0)[:, None, None]
    return (ground + 0.7 * dot)[:, None].astype(np.float32)


def world(n: int, seed: int = 0, colours: bool = True) -> Data:
    """Dots: y follows x."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.15, 0.85, n)
    y = 0.25 + 0.5 * x + rng.uniform(-0.1, 0.1, n)
    colour = rng.integers(0, 2, n).astype(float)
    columns = {"x": x, "y": y, "colour": colour, "image": drawn(x, y, colour)}
    described = (*PLACES, COLOUR, IMAGE)
    data = Data(described, columns)
    return data if colours else data.select(["x", "y", "image"])


@dataclass(frozen=True, eq=False)
class Truth(GenerativeModel):
    """The truth: y = 0.25 + x / 2 + noise; `leak` keeps part of the old x."""

    forced: tuple[tuple[str, Any], ...] = ()
    leak: float = 0.0
    graph = Graph.parse("x -> y; colour")

    @property
    def variables(self) -> tuple[Variable, ...]:
        return (*PLACES, COLOUR, IMAGE)

    def do(self, *interventions: Any) -> Truth:
        self.check(interventions)
        new = tuple(
            (i.variable, dict(zip("xy", PLACES)).get(i.variable, COLOUR).encode(i.value))
            for i in interventions
        )
        return replace(self, forced=(*self.forced, *new))

    def abduct(self, units: Data, *, rng: np.random.Generator) -> Any:
        x, y = units.column("x"), units.column("y")
        return {"x": x, "noise": y - 0.25 - x / 2, "colour": units.column("colour"), "old": x}

    def draw(self, n: int, *, rng: np.random.Generator) -> Any:
        return self.abduct(world(n), rng=rng)

    def run(self, exogenous: Any) -> Data:
        forced = dict(self.forced)
        n = len(exogenous["x"])
        x = np.broadcast_to(forced.get("x", exogenous["x"]), n)
        y = np.broadcast_to(forced.get("y", 0.25 + x / 2 + exogenous["noise"]), n)
        colour = np.broadcast_to(forced.get("colour", exogenous["colour"]), n)
        shown = x + self.leak * (exogenous["old"] - x)  # keeps part of the old value
        images = drawn(shown, y, colour)
        return Data(self.variables, {"x": x, "y": y, "colour": colour, "image": images})


@pytest.fixture(scope="module")
def reader() -> latent.FactorReader:
    training = Training(steps=400, batch=64, rate=3e-3, average=0.98)
    return latent.Predictor(training=training).fit(world(1500), rng=np.random.default_rng(0))


def test_a_predictor_reads_numbers_and_levels(reader: latent.FactorReader) -> None:
    new = world(300, seed=9)
    found = reader.read(new)
    assert np.abs(found["x"] - new["x"]).mean() < 0.02
    assert (found["colour"] == new["colour"]).mean() > 0.99
    # What it says of its own error is what it does on pictures that it has not seen.
    assert np.abs(found["x"] - new["x"]).mean() == pytest.approx(reader.errors[0], abs=0.006)
    assert reader.read(new.column("image")).column("y") == pytest.approx(found.column("y"))
    assert reader.features(new).shape == (300, 128)
    assert "held out" in repr(reader)
    assert list(reader.frame().index) == ["x", "y", "colour"]


def test_a_predictor_is_saved_and_is_the_same_from_its_seed(
    reader: latent.FactorReader, tmp_path: Any
) -> None:
    again = rung.load(reader.save(tmp_path / "reader.rung"))
    assert again.read(world(20)).column("x") == pytest.approx(reader.read(world(20)).column("x"))
    spec = latent.Predictor(factors=["x"], training=Training(steps=5))
    one, two = (spec.fit(world(60), rng=np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(one.weights[k], two.weights[k]) for k in one.weights)
    assert one.factors == ("x",)


def test_a_predictor_refuses_what_it_cannot_learn() -> None:
    rng = np.random.default_rng(0)
    data = world(60)
    with pytest.raises(InputError, match="at least 40 pictures; there are 10"):
        latent.Predictor().fit(data[:10], rng=rng)
    with pytest.raises(UnknownName, match="size"):
        latent.Predictor(factors=["size"]).fit(data, rng=rng)
    holed = np.where(np.arange(60) == 7, np.nan, data.column("x"))
    part = Data((PLACES[0], IMAGE), {"x": holed, "image": data.column("image")})
    with pytest.raises(MissingCells, match="picture 7"):
        latent.Predictor().fit(part, rng=rng)
    with pytest.raises(InputError, match="one column of labels"):
        latent.Predictor().fit(data.select(["image"]), rng=rng)
    with pytest.raises(InputError, match="held_out"):
        latent.Predictor(held_out=1.0)
    flat = Data((PLACES[0], IMAGE), {"x": np.ones(60), "image": data.column("image")})
    with pytest.raises(InputError, match="same value"):
        latent.Predictor().fit(flat, rng=rng)


def test_the_truth_is_sound(reader: latent.FactorReader, tmp_path: Any) -> None:
    units = world(120, seed=5)
    found = latent.soundness(Truth(), units, reader, truth=Truth())
    assert found.mean("composition") < 1e-6
    assert found.mean("reversibility") < 1e-6
    assert found.mean("truth") == 0
    for role in ("set", "downstream", "untouched"):
        assert found.mean("effectiveness", role=role) < 0.15
    roles = {(f.do, f.measure): f.role for f in found.findings if f.axiom == "effectiveness"}
    assert roles["x", "y"] == "downstream"
    assert roles["y", "x"] == "untouched"
    assert roles["colour", "colour"] == "set"
    assert all(f.low <= f.value <= f.high for f in found.findings)
    assert len(found.frame()) == 1 + 3 * (3 + 3)
    assert "do(x): y (downstream)" in repr(found)
    assert repr(rung.load(found.save(tmp_path / "found.rung"))) == repr(found)
    assert repr(latent.soundness(Truth(), units, reader, truth=Truth())) == repr(found)


def test_a_leak_of_the_old_value_is_found(reader: latent.FactorReader) -> None:
    units = world(120, seed=5)
    true = latent.soundness(Truth(), units, reader, truth=Truth())
    half = latent.soundness(Truth(leak=0.5), units, reader, truth=Truth())
    # Half of the way from the old to the new value: |old - new| / 2 in sd of the label.
    expected = np.abs(np.subtract.outer(units["x"], units["x"])).mean() / 2 / units["x"].std()
    of_x = half.mean("effectiveness", do="x", measure="x")
    assert of_x == pytest.approx(expected, rel=0.15)
    assert half.mean("effectiveness", do="y", measure="y") == pytest.approx(
        true.mean("effectiveness", do="y", measure="y"), abs=1e-9
    )
    assert half.mean("truth", do="x") > 0.01
    assert half.mean("minimality", do="x") < true.mean("minimality", do="x") + 0.2


def test_without_truth_the_labels_and_the_model_are_the_measure(
    reader: latent.FactorReader,
) -> None:
    units = world(60, seed=5)
    found = latent.soundness(Truth(), units, reader, values={"x": 0.5, "colour": "light"})
    assert {f.do for f in found.findings} == {"", "x", "colour"}
    assert found.mean("effectiveness", do="x") < 0.15
    with pytest.raises(InputError, match="no finding of 'truth'"):
        found.mean("truth")


def test_soundness_refuses(reader: latent.FactorReader) -> None:
    units = world(60)
    with pytest.raises(InputError, match="at least 10"):
        latent.soundness(Truth(), units[:5], reader)
    with pytest.raises(UnknownName, match="size"):
        latent.soundness(Truth(), units, reader, values={"size": 1.0})
    with pytest.raises(InputError, match="one for all"):
        latent.soundness(Truth(), units, reader, values={"x": [0.1, 0.2]})
    with pytest.raises(InputError, match="level"):
        latent.soundness(Truth(), units, reader, level=95)

    class Bare(Truth):
        @property
        def graph(self) -> Any:  # type: ignore[override]
            raise AttributeError

    with pytest.raises(NotSupported, match="no graph"):
        latent.soundness(Bare(), units, reader)


def test_an_exact_lens_keeps_the_laws() -> None:
    table = {"a": np.arange(5.0), "b": np.ones(5)}
    found = latent.lens_laws(Column("a"), table, np.arange(5.0) * 2, 7.0, name="a")
    assert [law.value for law in found.laws] == [0, 0, 0]
    assert found.frame().shape == (3, 5)
    assert "put-get" in set(found.frame()["law"])
    with pytest.raises(InputError, match="the same of every unit"):
        latent.lens_laws(Column("b"), table, 1.0, 2.0)


@dataclass(frozen=True)
class Slack(Site):
    """Reads 10 % more than was written, and blurs the rest a little."""

    def read(self, values: Any) -> Any:
        return values[:, 0] * 1.1

    def write(self, values: Any, value: Any) -> Any:
        out = np.array(values)
        out[:, 0] = value
        out[:, 1] += 0.2
        return out


def test_a_slack_lens_by_hand() -> None:
    values = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    found = latent.lens_laws(Slack(), values, np.ones(3), 2.0)
    put_get, get_put, put_put = found.laws
    assert put_get.value == pytest.approx(0.1 / (1.1 * np.std([0, 1, 2])))
    assert get_put.value == pytest.approx((0.1 * np.mean([0, 1, 2]) + 0.2) / 2)
    assert put_put.value == pytest.approx(0.1)
    assert get_put.worst == pytest.approx(0.2)


@dataclass(frozen=True)
class Pixels(Codec):
    """Codes are the first pixels, so that every site is exact."""

    @property
    def size(self) -> int:
        return 3

    def encode(self, images: Any) -> Any:
        return images[:, 0, 0, :3]

    def remainder(self, images: Any, codes: Any) -> Any:
        return images

    def decode(self, codes: Any, rest: Any, change: Any) -> Any:
        out = np.array(rest)
        out[:, 0, 0, :3] = codes
        return out


def test_lens_laws_of_a_model_of_pictures() -> None:
    from rung.mechanisms.linear import LinearGaussian

    rng = np.random.default_rng(0)
    n = 50
    images = rng.random((n, *SHAPE)).astype(np.float32)
    images[:, 0, 0, 1:3] = np.eye(2)[rng.integers(0, 2, n)]
    columns = {"x": images[:, 0, 0, 0].astype(float), "image": images}
    data = Data((PLACES[0], IMAGE), columns)
    fitted = rung.fit(Graph.parse("x"), data.select(["x"]), mechanisms=LinearGaussian())
    assert isinstance(fitted, SCM)
    places = (Block(Coding.of(PLACES[0], columns["x"]), 0),)
    exact = ImageModel("VAE", Pixels(), fitted, places, IMAGE)
    found = latent.lens_laws_of(exact, data)
    assert [law.law for law in found.laws] == ["put-get", "get-put", "put-put"]
    assert found.laws[2].value == 0
    assert found.laws[1].value == 0
    assert latent.identifiability_of(exact).model == "VAE"


def test_identifiability_names_theorem_conditions_and_sources() -> None:
    from rung.latent.identifiability import TABLE
    from rung.report.citations import keys

    for name, entry in TABLE.items():
        assert entry.model == name
        assert entry.conditions
        assert entry.known.startswith(("up to", "exactly"))
        assert set(entry.cites) <= set(keys())
        assert {c.status for c in entry.conditions} <= {"given", "checked", "assumed"}
        assert all(c.by for c in entry.conditions if c.status == "checked")
        assert len(entry.frame()) == len(entry.conditions)
    assert "theorem 1" in latent.identifiability_of("VAE").theorem
    assert len(latent.identifiability_of("CausalDiffAE").assumed) == 3
    with pytest.raises(UnknownName, match="nearest: 'QLAE'"):
        latent.identifiability_of("QLEA")
