"""What is written: interchange both ways, ablations, noise."""

import numpy as np
import pytest
import torch
from torch import nn

import rung
from rung.core.errors import InputError, NotSupported
from rung.networks import (
    Denoising,
    Gradient,
    LogitDifference,
    MeanAblation,
    Noise,
    Noising,
    Pairs,
    Resampling,
    ZeroAblation,
    network,
)

from .tiny import llama, tokens


class Product(nn.Module):
    """y = h * x_1 with h = x_0: a mediator that interacts with the rest."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Identity()

    def forward(self, x):
        return self.inner(x[:, :1])[:, 0] * x[:, 1]


CLEAN = torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.5, 4.0]])
CORRUPT = torch.tensor([[5.0, 1.0], [2.0, 2.0], [-1.0, 3.0]])
(A, B), (C, D) = CLEAN.T.numpy(), CORRUPT.T.numpy()


def asked(by, query=rung.NIE):
    net = network(Product(), sites={"h": "inner"}, outcome=lambda out: out)
    found = rung.effect(net, Pairs(CLEAN, CORRUPT), query(mediator="h"), estimator=by)
    return found.rows["effect"], found


def test_interchange_by_hand():
    total = C * D - A * B
    for by, indirect in ((None, (C - A) * D), (Denoising(), (C - A) * D), (Noising(), (C - A) * B)):
        through, found = asked(by)
        beside, _ = asked(by, rung.NDE)
        np.testing.assert_allclose(through, indirect)
        np.testing.assert_allclose(beside, total - indirect)
        assert ("noising" in found.method) == (by is not None or "denoising" in found.method)


def test_ablations_by_hand():
    np.testing.assert_allclose(asked(ZeroAblation())[0], -A * B)
    np.testing.assert_allclose(asked(MeanAblation())[0], (A.mean() - A) * B, rtol=1e-6)
    found, said = asked(Resampling())
    moved = found / B + A  # what was written
    assert sorted(moved.round(5)) == sorted(A.round(5).tolist())
    assert (np.abs(moved - A) > 1e-6).all()
    assert "another clean row" in said.method
    noisy = [asked(Noise(s))[0].std() for s in (0.1, 10.0)]
    assert noisy[1] > 20 * noisy[0]


def test_gradients_of_a_replacement():
    exact, _ = asked(Noising())
    near, _ = asked(Gradient(by=Noising()))
    np.testing.assert_allclose(near, exact, rtol=1e-5)  # linear in h alone
    np.testing.assert_allclose(asked(Gradient(by=ZeroAblation()))[0], -A * B, rtol=1e-5)


def test_both_ways_on_a_decoder():
    net = network(llama(), sites={"h": "layers.1"}, outcome=LogitDifference(4, 5))
    pairs, turned = (Pairs(tokens(seed=a), tokens(seed=b)) for a, b in ((1, 2), (2, 1)))
    one = rung.effect(net, pairs, rung.NIE(mediator="h"), estimator=Noising())
    other = rung.effect(net, turned, rung.NIE(mediator="h"))
    np.testing.assert_allclose(one.rows["effect"], -other.rows["effect"], atol=1e-5)


def test_errors():
    with pytest.raises(NotSupported, match="no direct effect"):
        asked(ZeroAblation(), rung.NDE)
    with pytest.raises(InputError, match="positive"):
        Noise(0.0)
