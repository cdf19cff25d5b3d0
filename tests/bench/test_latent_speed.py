"""The benchmark of training speed: both loops do the same work on the network of a model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rung import latent
from rung.bench import latent_speed
from rung.deep.plain import as_tensors, convolutions, plain
from rung.simulate.worlds.pendulum import Pendulum


@pytest.fixture(scope="module")
def world():
    torch.set_num_threads(1)
    return Pendulum(n=40, size=16, seed=0)


@pytest.mark.parametrize("name", sorted(set(latent_speed.SPECS) & set(latent.__all__)))
def test_both_loops_train_the_network_of_the_model(world, name):
    loop = latent_speed.problem(name, world)
    assert loop.rows["image"].shape == (40, 3, 16, 16)
    state = {k: v.clone() for k, v in loop.module.state_dict().items()}
    plain(loop, 1, as_tensors(loop))
    after = {k: v.clone() for k, v in loop.module.state_dict().items()}
    assert any(not torch.equal(state[k], after[k]) for k in state)
    latent_speed.ours(loop, 1)
    assert any(not torch.equal(after[k], v) for k, v in loop.module.state_dict().items())
    assert all(p.requires_grad for p in loop.module.parameters())
    found = latent_speed.compared(loop, steps=1, repeats=1)
    assert found["ratio"] > 0
    assert 0 < convolutions(loop) < 1


def test_a_short_training_is_repeated_exactly():
    first, again = latent_speed.small(), latent_speed.small()
    assert all(np.array_equal(first[k], again[k]) for k in first)
