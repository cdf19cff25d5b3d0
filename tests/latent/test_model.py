"""ImageModel against a codec that is exact: then every law of a model holds for pictures too."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rung
from rung.bench.contracts import check
from rung.core.errors import InputError, ReadOnlySite, UnknownName
from rung.core.variable import Variable
from rung.latent.matching import matched
from rung.latent.pictures import Coding, images_of
from rung.latent.sites import Block

spec = importlib.util.spec_from_file_location("support", Path(__file__).with_name("support.py"))
support = importlib.util.module_from_spec(spec)
spec.loader.exec_module(support)


@pytest.fixture(scope="module")
def made():
    return support.model()


def test_factors_are_read_off_pictures_alone(made):
    model, data = made
    seen = model.read(data.select(["image"]))
    for name in ("light", "shadow"):
        assert np.allclose(seen[name], data[name], atol=1e-3)
    assert (seen["kind"] == data["kind"]).all()


def test_without_change_pictures_come_back(made):
    model, data = made
    again = rung.counterfactual(model, data[:20]).point
    assert np.allclose(again["image"], data["image"][:20], atol=1e-6)


def test_counterfactual_picture_by_hand(made):
    model, data = made
    draws = rung.counterfactual(model, data[:20].select(["image"]), light=3.0)
    slope = model.latents.mechanisms["shadow"].describe()["coefficients"]["light"]
    moved = slope * (3.0 - data["light"][:20])
    assert np.allclose(draws["shadow"], data["shadow"][:20] + moved, atol=2e-3)
    scales = [p.coding.scale for p in model.places]
    change = np.zeros((20, 8))
    names = model.factors
    change[:, 0] = (3.0 - data["light"][:20]) / scales[names.index("light")]
    change[:, 1] = moved / scales[names.index("shadow")]
    expected = data["image"][:20].reshape(20, -1) + 0.02 * change @ model.codec.basis
    assert np.allclose(draws["image"].reshape(20, -1), expected, atol=1e-5)


def test_do_cuts_the_parent_and_sampling_draws_pictures(made):
    model, _ = made
    sample = rung.do(model, shadow=1.0).sample(50, seed=1)
    assert sample["image"].shape == (50, 1, 8, 8)
    assert np.allclose(model.read(sample)["shadow"], 1.0, atol=1e-3)
    assert np.allclose(model.read(sample)["light"], sample["light"], atol=1e-3)
    assert (rung.do(model, kind="b").sample(30, seed=2)["kind"] == "b").all()


def test_swap_takes_the_factor_of_other_pictures(made):
    model, data = made
    others = data[20:40].select(["image"])
    draws = rung.counterfactual(model, data[:20], rung.Swap("light", units=others))
    assert np.allclose(draws["light"], data["light"][20:40], atol=1e-3)


def test_the_picture_itself_cannot_be_set(made):
    model, data = made
    with pytest.raises(ReadOnlySite, match="light"):
        rung.do(model, image=0.0)
    with pytest.raises(UnknownName, match="light"):
        rung.counterfactual(model, data[:2], ligth=1.0)


def test_latents_are_an_ordinary_scm(made):
    model, _ = made
    assert isinstance(model.latents, rung.SCM)
    assert model.latents.sample(5, seed=0).names == model.factors
    assert model.graph.parents("shadow") == ("light",)


def test_effects_between_factors_of_pictures(made):
    model, data = made
    query = rung.ATE("light", "shadow", treated=3.0, control=2.0)
    told = rung.effect(model.graph, data.select(model.factors), query)
    read = rung.effect(model, data.select(["image"]), query)
    assert read.value == pytest.approx(told.value, abs=0.01)
    assert any("read off" in w for w in read.warnings)


def test_the_contract_of_a_model_holds(made):
    model, data = made
    report = check(model, example=data[:30].select(["image"]))
    assert report.passed, report
    facts = next(o for o in report.outcomes if o.law == "returns the facts")
    assert "image to" in facts.detail


def test_one_screen(made):
    model, _ = made
    assert len(repr(model).splitlines()) < 25
    assert len(model.frame()) == 3


@given(st.integers(0, 2**31), st.floats(-5, 5), st.floats(-5, 5))
@settings(max_examples=40, deadline=None)
def test_lens_laws_hold_exactly_in_codes(seed, first, second):
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(6, 5)).astype(np.float32)
    codes[:, 1:4] = np.eye(3)[rng.integers(3, size=6)]
    levels = Variable("k", rung.Kind.CATEGORICAL, ("a", "b", "c"))
    number = Coding(Variable("x"), centre=1.5, scale=2.0)
    for place, v, w in (
        (Block(number, 0), first, second),
        (Block(Coding(levels), 1), float(seed % 3), float((seed + 1) % 3)),
        (_matched(rng), first, second),
    ):
        new, newer = np.full(6, v), np.full(6, w)
        written = place.write(codes, new)
        assert np.allclose(place.read(written), new, atol=1e-5)
        assert np.array_equal(place.write(codes, place.read(codes)), codes)
        twice, once = place.write(written, newer), place.write(codes, newer)
        assert np.allclose(twice, once, atol=1e-6)


def _matched(rng):
    z = rng.normal(size=(50, 5)).astype(np.float32)
    labels = rung.Data((Variable("y"),), {"y": 3 * z[:, 4].astype(float) + 1})
    return matched(z, labels)[0]


def test_matching_finds_the_planted_numbers():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(500, 4)).astype(np.float32)
    kind = (z[:, 0] > 0).astype(float)
    levels = Variable("kind", rung.Kind.BINARY, ("no", "yes"))
    labels = rung.Data(
        (Variable("a"), levels, Variable("b")),
        {"a": 2 - 5 * z[:, 3].astype(float), "kind": kind, "b": z[:, 1] + 0.1 * z[:, 3]},
    )
    places = matched(z, labels)
    assert [p.position for p in places] == [3, 0, 1]
    assert np.allclose(places[0].read(z), labels["a"], atol=1e-4)
    assert (places[1].read(z) == kind).mean() > 0.9
    with pytest.raises(InputError, match="size"):
        matched(z[:, :2], labels)
    flat = rung.Data((Variable("a"),), {"a": rng.normal(size=500)})
    with pytest.raises(InputError, match="labels"):
        matched(np.zeros((500, 3), dtype=np.float32), flat)


def test_pictures_that_cannot_be_used():
    data, _, _ = support.world(20)
    images = np.array(data.column("image"))
    images[3, 0, 2, 2] = np.nan
    with pytest.raises(InputError, match="picture 3"):
        images_of(data.with_column(data.variable("image"), images))
    with pytest.raises(InputError, match="brightest"):
        images_of(data.with_column(data.variable("image"), 255 * np.array(data.column("image"))))
    with pytest.raises(InputError, match="one column of pictures"):
        images_of(data.drop(["image"]))
    small = Variable("image", shape=(1, 4, 4))
    with pytest.raises(InputError, match="too small"):
        images_of(data.with_column(small, np.zeros((20, 1, 4, 4))))
    with pytest.raises(InputError, match="shape"):
        images_of(data, Variable("image", shape=(3, 8, 8)))
    bytes_ = np.round(255 * np.array(data.column("image"))).astype(np.uint8)
    same = images_of(data.with_column(data.variable("image"), bytes_))
    assert np.allclose(same, data.column("image"), atol=0.003)
