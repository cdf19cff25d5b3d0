"""Effects through activations: exact cases, the same numbers by resuming and by full runs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import rung
from rung.core.errors import InputError, NotSupported, UnknownName
from rung.networks import Activation, LogitDifference, Pairs, network

from .tiny import gpt2, llama, tokens


class Straight(nn.Module):
    """y = a (W x) + b x: what goes through `hidden` is a W (x' - x), the rest b (x' - x)."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.hidden = nn.Linear(3, 4, bias=False)
        self.out, self.beside = nn.Linear(4, 1, bias=False), nn.Linear(3, 1, bias=False)

    def forward(self, x):
        return self.out(self.hidden(x)) + self.beside(x)


def test_direct_and_indirect_of_a_linear_network():
    model = Straight().double()
    made = torch.Generator().manual_seed(1)
    clean, corrupt = (torch.randn(20, 3, dtype=torch.float64, generator=made) for _ in range(2))
    net = network(model, sites={"h": "hidden"}, outcome=lambda out: out[:, 0])
    step = (corrupt - clean).numpy()
    through = step @ (model.out.weight @ model.hidden.weight).detach().numpy()[0]
    beside = step @ model.beside.weight.detach().numpy()[0]
    pairs = Pairs(clean, corrupt)
    nie = rung.effect(net, pairs, rung.NIE(mediator="h"))
    nde = rung.effect(net, pairs, rung.NDE(mediator="h"))
    np.testing.assert_allclose(nie.rows["effect"], through, atol=1e-12)
    np.testing.assert_allclose(nde.rows["effect"], beside, atol=1e-12)
    np.testing.assert_allclose(nie.rows["total"], through + beside, atol=1e-12)
    assert nie.value + nde.value == pytest.approx(nie.diagnostics["total"], abs=1e-12)
    from scipy import stats

    low, high = stats.t.interval(0.95, 19, through.mean(), stats.sem(through))
    assert nie.interval == pytest.approx((low, high))
    assert "denoising" in nie.method
    assert "random direction" in nie.diagnostics["control"]["what"]


PLACES = ("layers.*", "layers.*.input", "layers.*.attention", "layers.*.mlp", "embed",
          "layers.*.mlp.neurons", "layers.*.attention.head.2", "blocks.*.attn.hook_z")  # fmt: skip


@pytest.mark.parametrize("padded", ["", "left", "right", "counted"])
def test_resuming_gives_the_numbers_of_full_runs(padded):
    outcome = LogitDifference((4, 5, 6, 7), 8)
    net = network(llama(), sites={"a": Activation("layers.2.mlp", token=2), "b": "layers.1"},
                  outcome=outcome)  # fmt: skip
    inputs = [tokens(seed=s, padded=padded.replace("counted", "left")) for s in (1, 2)]
    if padded == "counted":  # positions that leave padding out
        for given in inputs:
            given["position_ids"] = (given["attention_mask"].cumsum(dim=1) - 1).clamp(min=0)
    pairs = Pairs(*inputs)
    sites = [Activation(p, token=t) for p in PLACES for t in (None, 0, 2, "last", slice(1, 3))]
    asked = [rung.NIE(mediator=s) for s in sites] + [rung.NDE(mediator=("a", "b"))]
    fast = rung.effect(net, pairs, asked)
    full = replace(net, outcome=lambda out, batch: outcome(out, batch))
    slow = rung.effect(full, pairs, asked)
    assert fast.how != slow.how
    assert len(fast) == len(slow) == 5 * (7 * 3 + 1) + 1
    for a, b in zip(fast.estimates, slow.estimates):
        assert np.isfinite(a.rows["effect"]).all()
        np.testing.assert_allclose(a.rows["effect"], b.rows["effect"], atol=2e-5)
    embed = fast.estimates[fast.labels.index("embed")]
    np.testing.assert_allclose(embed.rows["effect"], embed.rows["total"], atol=2e-5)


@pytest.mark.parametrize("token", [2, 4, -3])
def test_outcomes_that_are_read_before_the_end(token):
    outcome = LogitDifference(4, 5, token=token)
    net = network(llama(), outcome=outcome)
    pairs = Pairs(tokens(seed=1), tokens(seed=2))
    sites = [Activation(p, token=t) for p in PLACES for t in (None, 1, 2, 5, "last", -3)]
    asked = [rung.NIE(mediator=s) for s in sites]
    fast = rung.effect(net, pairs, asked)
    slow = rung.effect(replace(net, outcome=lambda out, b: outcome(out, b)), pairs, asked)
    assert (fast.how, slow.how) == ("resumed at the written layer and token", "full runs")
    for a, b in zip(fast.estimates, slow.estimates):
        np.testing.assert_allclose(a.rows["effect"], b.rows["effect"], atol=2e-5)
    after = fast[fast.labels.index("layers.1 @ last")]  # no later token reaches an earlier one
    assert not after.rows["effect"].any() or np.abs(after.rows["effect"]).max() < 1e-5


def test_a_sweep_says_how_many_it_looked_at():
    net = network(llama(), outcome=LogitDifference(4, 5))
    pairs = Pairs(tokens(n=12, seed=1), tokens(n=12, seed=2))
    sites = Activation.grid("layers.*", token=range(7))
    found = rung.effect(net, pairs, [rung.NIE(mediator=s) for s in sites])
    assert len(found) == found.looked_at == 21
    assert "hold for all 21 together" in repr(found)
    frame = found.frame()
    assert list(frame.columns) == ["mediator", "effect", "lower", "upper", "share", "control"]
    alone = rung.effect(net, pairs, rung.NIE(mediator=Activation("layers.1", token=3)))
    both = found[found.labels.index("layers.1 @ 3")]
    assert both.value == pytest.approx(alone.value, abs=1e-5)
    assert np.ptp(both.interval) > np.ptp(alone.interval)


def test_architectures_that_cannot_resume_run_in_full():
    net = network(gpt2(), outcome=LogitDifference(4, 5))
    pairs = Pairs(tokens(seed=1), tokens(seed=2))
    found = rung.effect(net, pairs, [rung.NIE(mediator=Activation("layers.*", token="last"))])
    assert found.how == "full runs"
    assert found[1].value == pytest.approx(found.total, abs=1e-5)


def test_questions_that_cannot_be_answered():
    net = network(llama(), sites={"a": "layers.1"}, outcome=LogitDifference(4, 5))
    pairs = Pairs(tokens(seed=1), tokens(seed=2))
    with pytest.raises(UnknownName, match="a"):
        rung.effect(net, pairs, rung.NIE(mediator="aa"))
    with pytest.raises(NotSupported, match="NIE"):
        rung.effect(net, pairs, rung.ATE("a", "b"))
    with pytest.raises(InputError, match="Pairs"):
        rung.effect(net, tokens(), rung.NIE(mediator="a"))
    with pytest.raises(InputError, match="outcome"):
        rung.effect(network(llama(), sites={"a": "layers.1"}), pairs, rung.NIE(mediator="a"))
    with pytest.raises(InputError, match="at least 2"):
        rung.effect(net, Pairs(tokens(n=1), tokens(n=1)), rung.NIE(mediator="a"))
    with pytest.raises(InputError, match="clean rows"):
        Pairs(tokens(n=2), tokens(n=3))
    with pytest.raises(InputError, match="place in a network"):
        rung.NIE("x", "y", Activation("layers.1")).on_table()
    with pytest.raises(InputError, match="one number a row"):
        bad = network(llama(), sites={"a": "layers.1"}, outcome=lambda out: out.logits)
        rung.effect(bad, pairs, rung.NIE(mediator="a"))
