"""Approximations by gradients: exact where the outcome is linear, their error where it is not."""

import numpy as np
import pytest
import torch
from torch import nn

import rung
from rung.core.errors import InputError, NotSupported
from rung.networks import Activation, Gradient, LogitDifference, Pairs, network

from .tiny import llama, tokens


def both(net, pairs, asked, estimator):
    exact = rung.effect(net, pairs, asked)
    return exact, rung.effect(net, pairs, asked, estimator=estimator)


@pytest.mark.parametrize("steps", [1, 3])
def test_exact_behind_the_last_bend(steps):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)).double()
    net = network(model, outcome=LogitDifference(0, 1))
    chance = torch.Generator().manual_seed(1)
    pairs = Pairs(*(torch.randn(9, 3, dtype=torch.float64, generator=chance) for _ in range(2)))
    basis = np.random.default_rng(0).normal(size=(2, 5))
    sites = [Activation("1"), Activation("1", unit=3), Activation("1", basis=basis)]
    asked = [rung.NIE(mediator=s) for s in sites] + [rung.NDE(mediator=sites[0])]
    exact, near = both(net, pairs, asked, Gradient(steps))
    for a, b in zip(exact.estimates, near.estimates):
        np.testing.assert_allclose(a.rows["effect"], b.rows["effect"], atol=1e-6)
    said = near[0].diagnostics["approximation"]
    assert said["checked"] == 4
    assert said["mean absolute error"] < 1e-6
    assert said["correlation"] == pytest.approx(1)
    assert "attribution patching" in near.how or "3 steps" in near.how


def test_gradients_of_a_square_by_hand():
    class Square(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Identity()

        def forward(self, x):
            return self.inner(x) ** 2

    net = network(Square(), sites={"h": "inner"}, outcome=lambda out: out[:, 0])
    clean, corrupt = torch.tensor([[1.0], [4.0]]), torch.tensor([[3.0], [-2.0]])
    pairs = Pairs(clean, corrupt)
    ask = rung.NIE(mediator="h")
    one = rung.effect(net, pairs, ask, estimator=Gradient(1))
    # Y(t) - Y(t, M(c)) is approximated by 2 t (t - c)
    np.testing.assert_allclose(one.rows["effect"], [2 * 3 * 2, 2 * -2 * -6])
    many = rung.effect(net, pairs, ask, estimator=Gradient(2))  # midpoints are exact for squares
    np.testing.assert_allclose(many.rows["effect"], [9 - 1, 4 - 16], rtol=1e-6)
    said = one.diagnostics["approximation"]
    assert said["mean absolute error"] == pytest.approx((abs(12 - 8) + abs(24 + 12)) / 2)


@pytest.mark.parametrize("steps", [1, 2])
def test_places_set_together_are_not_counted_twice(steps):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5), nn.Linear(5, 2)).double()
    net = network(model, sites={"a": "0", "b": Activation("1", unit=(0, 3))},
                  outcome=LogitDifference(0, 1))  # fmt: skip
    chance = torch.Generator().manual_seed(2)
    pairs = Pairs(*(torch.randn(7, 3, dtype=torch.float64, generator=chance) for _ in range(2)))
    exact, near = both(net, pairs, rung.NIE(mediator=("a", "b")), Gradient(steps))
    np.testing.assert_allclose(exact.rows["effect"], near.rows["effect"], atol=1e-6)
    one, other = (rung.effect(net, pairs, rung.NIE(mediator=m)).value for m in ("a", "b"))
    assert abs(one + other - exact.value) > 1e-3  # what b carries, a carries too


def test_more_steps_come_closer_on_a_language_model():
    net = network(llama(seed=3), outcome=LogitDifference(4, 5))
    pairs = Pairs(tokens(seed=1), tokens(seed=2))
    sites = Activation.grid("layers.*.mlp", token=(3, 6))
    asked = [rung.NIE(mediator=s) for s in sites]
    exact, one = both(net, pairs, asked, Gradient(1, checked=0))
    many = rung.effect(net, pairs, asked, estimator=Gradient(16, checked=0))

    def off(found):
        return np.mean([np.abs(a.rows["effect"] - b.rows["effect"]).mean()
                        for a, b in zip(exact.estimates, found.estimates)])  # fmt: skip

    assert off(many) < 0.5 * off(one)
    assert "approximation" not in many[0].diagnostics
    assert all(p.requires_grad for p in net.module.parameters())


def test_errors():
    with pytest.raises(InputError, match="steps"):
        Gradient(0)
    net = network(llama(), sites={"h": "layers.1"}, outcome=LogitDifference(4, 5))
    pairs = Pairs(tokens(seed=1), tokens(seed=2))
    with pytest.raises(NotSupported, match="Gradient"):
        rung.effect(net, pairs, rung.NIE(mediator="h"), estimator=rung.DoublyRobust())
    with pytest.raises(NotSupported, match="under interventions"):
        rung.effect(rung.do(net, h=0.0), pairs, rung.NIE(mediator="h"), estimator=Gradient())
