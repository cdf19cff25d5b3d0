"""XFactors on blots whose corner, brightness and width are drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rung
from rung.core.errors import InputError, MissingCells, UnknownName
from rung.core.variable import Kind, Variable
from rung.deep.training import Training
from rung.latent import VAE, XFactors, swapped
from rung.latent.contrast import info_nce
from rung.latent.xfactors import binned

CORNERS = ("left", "right", "below")
SIDE = Variable("side", Kind.CATEGORICAL, CORNERS)
IMAGE = Variable("image", shape=(1, 8, 8))


def blots(n: int, seed: int = 0) -> rung.Data:
    """A square in one of three corners, 0.3 to 1 bright, 2 to 4 pixels wide (unlabelled)."""
    rng = np.random.default_rng(seed)
    side, light, width = rng.integers(0, 3, n), rng.uniform(0.3, 1, n), rng.integers(2, 5, n)
    images = np.zeros((n, 1, 8, 8), dtype=np.float32)
    for picture, s, b, w in zip(images[:, 0], side, light, width):
        row, column = (4 if s == 2 else 0), (4 if s == 1 else 0)
        picture[row : row + w, column : column + w] = b
    columns = {"side": side.astype(float), "light": light, "image": images}
    return rung.Data((SIDE, Variable("light"), IMAGE), columns)


SPEC = XFactors(bins={"light": 3}, residual=1, training=Training(steps=300, batch=48, rate=4e-3))


@pytest.fixture(scope="module")
def made() -> tuple[rung.latent.ImageModel, rung.Data]:
    return SPEC.fit(blots(600), rng=np.random.default_rng(0)), blots(120, seed=1)


def test_held_out_pictures_are_read(made):
    model, data = made
    read = model.read(data.select(["image"]))
    assert (read["side"] == data["side"]).mean() > 0.97
    edges = np.quantile(blots(600)["light"], [1 / 3, 2 / 3])
    assert (read.column("light") == np.searchsorted(edges, data["light"])).mean() > 0.6
    levels = model.latents.variables[1].levels
    assert model.latents.variables[1].kind is Kind.ORDINAL
    assert list(levels) == sorted(levels)


def test_do_moves_the_square_and_setting_back_brings_the_picture_back(made):
    model, data = made
    moved = rung.counterfactual(model, data[:40].select(["image"]), side="below").point
    assert (moved["image"][:, 0, 4:, :4].mean(axis=(1, 2)) > 0.1).mean() > 0.9
    lower = data.column("image")[:40][data["side"][:40] == "below"]
    kept = moved["image"][data["side"][:40] == "below"]
    again = model.reconstruct(data[:40])[data["side"][:40] == "below"]
    assert len(lower)
    assert np.array_equal(kept, again)
    codes = model.encode(data)
    for place in model.places:
        back = place.write(place.write(codes, 0.0), place.read(codes))
        assert back == pytest.approx(codes, abs=1e-5)


def test_swap_of_a_factor_goes_through_the_verbs(made):
    model, data = made
    units, others = data[:30].select(["image"]), data[30:60].select(["image"])
    changed = rung.counterfactual(model, units, rung.Swap("side", units=others)).point
    assert (changed["side"] == model.read(others)["side"]).all()
    assert (changed["light"] == model.read(units)["light"]).all()


def test_swapped_takes_the_subspace_as_it_is(made):
    model, data = made
    units, others = data[:30], data[30:60]
    out = swapped(model, units, others, "side")
    assert (out["side"] == model.read(others)["side"]).all()
    assert (out["light"] == model.read(units)["light"]).all()
    codes, source = np.array(model.encode(units)), model.encode(others)
    codes[:, :2] = source[:, :2]
    assert out["image"] == pytest.approx(model.codec.decode(codes, None, None), abs=1e-6)
    every = swapped(model, units, others, "side", "light")
    reverse = np.concatenate([source[:, :4], model.encode(units)[:, 4:]], axis=1)
    assert every["image"] == pytest.approx(model.codec.decode(reverse, None, None), abs=1e-6)
    itself = swapped(model, units, units, "side", "light")
    assert itself["image"] == pytest.approx(model.reconstruct(units), abs=1e-6)


def test_a_sample_has_the_frequencies_of_the_labels(made):
    model, _ = made
    drawn = rung.do(model, side="left").sample(60, seed=0)
    assert (drawn["side"] == "left").all()
    assert (model.read(drawn)["side"] == "left").mean() > 0.8
    shares = np.bincount(model.latents.sample(4000, seed=1).column("light").astype(int)) / 4000
    assert shares == pytest.approx(1 / 3, abs=0.04)


def test_the_saved_model_draws_the_same(made, tmp_path):
    model, data = made
    model.save(tmp_path / "m")
    again = rung.load(tmp_path / "m")
    a = rung.counterfactual(model, data[:3].select(["image"]), side="left").point
    b = rung.counterfactual(again, data[:3].select(["image"]), side="left").point
    assert np.array_equal(a["image"], b["image"])


def test_bins_by_hand():
    variable = Variable("w", unit="mm")
    found, codes = binned(variable, np.array([1.0, 2, 3, 10, 20, np.nan]), 2)
    assert found.levels == (1.5, 11.0)
    assert found.unit == "mm"
    assert codes[:5].tolist() == [0, 0, 1, 1, 1]
    assert np.isnan(codes[5])


def test_missing_labels_are_refused_or_left_out():
    data = blots(64)
    side = np.array(data.column("side"))
    side[5:] = np.nan
    part = data.with_column(SIDE, side)
    quick = Training(steps=3, batch=32)
    spec = XFactors(factors=("side",), training=quick)
    with pytest.raises(MissingCells, match="picture 5 has no label 'side'"):
        spec.fit(part, rng=np.random.default_rng(0))
    model = XFactors(factors=("side",), unlabelled=True, training=quick).fit(
        part, rng=np.random.default_rng(0)
    )
    assert model.details["history"][-1][1]["anchors"] < 0.2


def test_one_number_would_have_no_gradient():
    z = torch.tensor([[0.5], [2.0], [-1.0], [0.3]], requires_grad=True)
    info_nce(z, torch.tensor([0.0, 1.0, 0.0, 1.0]), 0.5)[0].backward()
    assert z.grad is not None
    assert float(z.grad.abs().max()) < 1e-6


def test_bad_input_is_named():
    data, rng = blots(40), np.random.default_rng(0)
    with pytest.raises(InputError, match="'light' is numeric"):
        XFactors().fit(data, rng=rng)
    with pytest.raises(InputError, match="one number has two directions"):
        XFactors(factors=("side",), each=1).fit(data, rng=rng)
    with pytest.raises(UnknownName, match="side"):
        XFactors(factors=("sied",)).fit(data, rng=rng)
    same = data.with_column(SIDE, np.zeros(40))
    with pytest.raises(InputError, match="one level in the labelled pictures"):
        XFactors(factors=("side",)).fit(same, rng=rng)
    with pytest.raises(InputError, match="fewer distinct labels than 50"):
        XFactors(bins=50).fit(data, rng=rng)
    with pytest.raises(InputError, match="temperature > 0"):
        XFactors(temperature=0)
    with pytest.raises(InputError, match="at least one column of labels"):
        XFactors().fit(data.select(["image"]), rng=rng)


def test_swaps_that_cannot_be_are_named(made):
    model, data = made
    with pytest.raises(InputError, match="at least one of 'side', 'light'"):
        swapped(model, data[:3], data[:3])
    with pytest.raises(InputError, match="3 pictures and 2 others"):
        swapped(model, data[:3], data[:2], "side")
    with pytest.raises(UnknownName, match="side"):
        swapped(model, data[:3], data[3:6], "sides")
    plain = VAE(size=2, training=Training(steps=2)).fit(
        data.select(["image"]), rng=np.random.default_rng(0)
    )
    with pytest.raises(InputError, match="VAE has no subspace to swap"):
        swapped(plain, data[:3], data[:3], "z1")
