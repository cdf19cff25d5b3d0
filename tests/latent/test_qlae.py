"""QLAE: quantisation and its gradients by hand, and the model as one of pictures with levels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import rung
from rung.core.budget import start
from rung.core.errors import InputError
from rung.deep.training import Training, train
from rung.latent import QLAE, VAE
from rung.latent.qlae import Quantised, distances

TINY = Training(steps=200, batch=32, rate=8e-3)


@pytest.fixture(scope="module")
def data() -> rung.Data:
    return rung.simulate.Shapes(grid=(2, 1, 4, 4), size=16).data


@pytest.fixture(scope="module")
def model(data):
    return rung.fit(QLAE(size=3, values=8, width=8, training=TINY), data)


def network(values) -> Quantised:
    found = Quantised((1, 8, 8), 2, len(values), 4)
    with torch.no_grad():
        found.codebooks.copy_(torch.tensor([*values, *(10 * v for v in values)]))
    return found


def test_each_number_takes_the_nearest_value_of_its_own_codebook() -> None:
    numbers = torch.tensor([[0.2, 0.2], [0.9, 4.0], [-7.0, 99.0]])
    near, index = network([0.0, 1.0, -1.0]).nearest(numbers)
    assert near.tolist() == [[0.0, 0.0], [1.0, 0.0], [-1.0, 10.0]]
    assert index.tolist() == [[0, 0], [1, 0], [2, 1]]


def test_one_loss_moves_the_values_and_the_other_the_numbers() -> None:
    books = network([0.0, 1.0])
    numbers = torch.tensor([[0.2, 7.0]], requires_grad=True)
    quantise, commit = distances(numbers, books.nearest(numbers)[0])
    assert quantise.item() == commit.item() == pytest.approx((0.2**2 + 3.0**2) / 2)
    by_values = torch.autograd.grad(quantise, [books.codebooks, numbers], allow_unused=True)
    assert by_values[1] is None
    assert by_values[0].tolist() == pytest.approx([-0.2, 0, 0, 3.0])  # 2 (value - number) / 2
    by_numbers = torch.autograd.grad(commit, [numbers, books.codebooks], allow_unused=True)
    assert by_numbers[1] is None
    assert by_numbers[0].tolist()[0] == pytest.approx([0.2, -3.0])


def test_gradients_pass_straight_through_to_the_encoder() -> None:
    spec = QLAE(quantise=0.0, commit=0.0)
    books = network([-0.5, 0.5])
    images = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    spec._loss(books, images)["loss"].backward()
    assert float(books.codebooks.grad.abs().sum()) == 0  # values learn by their own loss alone
    passed = [p.grad for p in books.encoder.parameters()]
    near = books.nearest(books.numbers(images))[0].detach().requires_grad_()
    error = spec_error(books, near, images)
    (at_code,) = torch.autograd.grad(error, near)
    books.encoder.zero_grad()
    books.numbers(images).backward(at_code)
    for a, b in zip(passed, books.encoder.parameters(), strict=True):
        assert torch.allclose(a, b.grad, atol=1e-7)


def spec_error(books: Quantised, codes: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    logits = books.decoder(codes)
    return nn.functional.binary_cross_entropy_with_logits(logits, images)


def test_biases_and_codebooks_are_not_decayed() -> None:
    module = nn.ParameterDict({"matrix": torch.ones(3, 2), "vector": torch.ones(5)})

    def nothing(batch, share, chance):
        return {"loss": 0 * (module["matrix"].sum() + module["vector"].sum())}

    settings = Training(steps=1, rate=0.1, decay=0.5, warmup=0, batch=4)
    train(module, nothing, {"x": np.zeros((4, 1))}, settings, run=start(None), seed=0)
    assert module["matrix"].flatten().tolist() == pytest.approx([1 - 0.1 * 0.5] * 6)
    assert module["vector"].tolist() == [1.0] * 5


def test_codes_hold_values_of_the_codebooks(model, data) -> None:
    codes, books = model.encode(data), model.codec.books
    assert codes.shape == (96, 3)
    assert (np.diff(books, axis=1) >= 0).all()
    for column, book in zip(codes.T, books, strict=True):
        assert np.isin(column, book).all()
    indices = model.codec.indices(np.asarray(data.column("image")))
    assert np.array_equal(model.codec.values_of(indices), codes)
    counts = np.stack([np.bincount(column, minlength=8) for column in indices.T])
    assert np.allclose(model.codec.shares, counts / 96)


def test_numbers_are_variables_with_levels(model, data) -> None:
    z1 = model.latents.variables[0]
    assert model.latents.names == ("z1", "z2", "z3")
    assert z1.discrete
    assert z1.size == 8
    seen = model.read(data)["z1"]
    for level in z1.levels:
        done = rung.counterfactual(model, data[:6], z1=level).point
        assert (done["z1"] == level).all()
        assert (done["z2"] == model.read(data[:6])["z2"]).all()
        where = np.flatnonzero(seen[:6] == level)
        assert np.allclose(done["image"][where], model.reconstruct(data[:6])[where], atol=1e-6)
    with pytest.raises(InputError, match="not a level"):
        rung.do(model, z1=17.0)


def test_new_pictures_have_the_frequencies_of_the_training_pictures(model) -> None:
    """Binomial sd of 4,000 draws is below 0.008; the tolerance is four of them."""
    drawn = model.sample(4000, seed=1)
    for j, v in enumerate(model.latents.variables):
        shares = [(drawn[v.name] == level).mean() for level in v.levels]
        assert np.allclose(shares, model.codec.shares[j], atol=0.032)
    codes = model.codec.prior(4000, np.random.default_rng(0))
    shares = [(codes[:, 0] == value).mean() for value in model.codec.books[0]]
    assert np.allclose(shares, model.codec.shares[0], atol=0.032)


def test_what_is_decoded_is_on_the_codebooks(model) -> None:
    books = model.codec.books
    near = books[:, 1] + 0.2 * (books[:, 2] - books[:, 1])
    assert np.array_equal(
        model.codec.decode(near[None], None, None),
        model.codec.decode(books[:, 1][None], None, None),
    )


def test_factors_with_labels_are_matched(data) -> None:
    graph = rung.Graph.empty(["x", "y"])
    spec = QLAE(graph, values=8, width=8, training=TINY)
    fitted = rung.fit(spec, data)
    assert fitted.codec.size == 4
    assert fitted.factors == ("x", "y")
    changed = rung.counterfactual(fitted, data[:4], x=0.4).point
    assert np.allclose(changed["x"], 0.4)
    assert changed["image"].shape == (4, 1, 16, 16)


def test_a_code_has_twice_the_factors(data) -> None:
    assert QLAE()._size(data) == 10
    assert QLAE()._size(data.select(["x", "image"])) == 2
    assert QLAE()._size(data.select(["image"])) == 10
    assert QLAE(rung.Graph.empty(["x", "y"]))._size(data) == 4
    assert QLAE(size=3)._size(data) == 3


def test_the_same_seed_gives_the_same_model_and_files_keep_it(model, data, tmp_path) -> None:
    again = rung.fit(QLAE(size=3, values=8, width=8, training=TINY), data)
    assert np.array_equal(again.reconstruct(data[:5]), model.reconstruct(data[:5]))
    model.save(tmp_path / "model")
    loaded = rung.load(tmp_path / "model")
    assert np.array_equal(loaded.reconstruct(data[:5]), model.reconstruct(data[:5]))
    assert "Hsu" in model.cite()


def test_training_lowers_the_error(model) -> None:
    history = model.details["history"]
    assert history[-1][1]["error"] < 0.8 * history[0][1]["error"]


@pytest.mark.parametrize(
    "bad", [{"size": 0}, {"values": 1}, {"width": 0}, {"commit": -1}, {"quantise": -1}]
)
def test_settings_that_make_no_sense_are_refused(bad) -> None:
    with pytest.raises(InputError, match="QLAE"):
        QLAE(**bad)


def test_a_normal_code_of_the_same_length_is_another_model(data) -> None:
    plain = rung.fit(VAE(size=3, width=8, training=Training(steps=2, batch=16)), data)
    assert not plain.latents.variables[0].discrete
