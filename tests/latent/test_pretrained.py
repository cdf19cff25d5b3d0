"""Any torch encoder and decoder as a model: a linear pair whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import rung
from rung.core.errors import InputError, NotSupported
from rung.core.variable import Variable
from rung.latent import Pretrained, lens_laws_of


def linear_pair(seed=0, k=3):
    """A decoder 0.5 + 0.05 z W with orthonormal rows, and its exact inverse."""
    basis = torch.from_numpy(np.linalg.qr(np.random.default_rng(seed).normal(size=(64, k)))[0])
    basis = basis.T.float()

    class Encode(nn.Module):
        def forward(self, images):
            return (images.flatten(1) - 0.5) @ basis.T / 0.05, None

    class Decode(nn.Module):
        def forward(self, codes):
            return (0.5 + 0.05 * codes @ basis).view(-1, 1, 8, 8)

    return Encode(), Decode()


@pytest.fixture(scope="module")
def made():
    encoder, decoder = linear_pair()
    rng = np.random.default_rng(1)
    z = rng.normal(size=(200, 3)).astype(np.float32)
    z[:, 2] += z[:, 0]
    images = decoder(torch.from_numpy(z)).numpy()
    data = rung.Data(
        (Variable("cause"), Variable("result"), Variable("image", shape=(1, 8, 8))),
        {"cause": 2.0 * z[:, 0] + 1, "result": -z[:, 2].astype(float), "image": images},
    )
    return encoder, decoder, data


def test_factors_are_found_and_set(made):
    encoder, decoder, data = made
    model = rung.fit(Pretrained(encoder, decoder, rung.Graph.parse("cause -> result")), data)
    assert [p.position for p in model.places] == [0, 2]
    moved = rung.counterfactual(model, data[:5].select(["image"]), result=1.0)
    again = model.read(moved.point)
    assert np.allclose(again["result"], 1.0, atol=1e-3)
    assert np.allclose(again["cause"], data["cause"][:5], atol=1e-3)
    laws = lens_laws_of(model, data[:40])
    assert max(law.worst for law in laws.laws) < 1e-2


def test_without_a_graph_codes_are_the_variables(made):
    encoder, decoder, data = made
    model = rung.fit(Pretrained(encoder, decoder), data)
    assert model.factors == ("z1", "z2", "z3")
    assert np.allclose(rung.counterfactual(model, data[:2], z2=0.5)["z2"], 0.5)


def test_wrong_networks_and_files_are_named(made, tmp_path):
    encoder, decoder, data = made
    with pytest.raises(InputError, match="the decoder gave"):
        rung.fit(Pretrained(encoder, nn.Flatten()), data)
    with pytest.raises(InputError, match="the encoder gave"):
        rung.fit(Pretrained(nn.Identity(), decoder), data)
    model = rung.fit(Pretrained(encoder, decoder), data)
    with pytest.raises(NotSupported, match="pickle"):
        model.save(tmp_path / "m.rung")
